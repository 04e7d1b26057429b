# SPDX-License-Identifier: Apache-2.0
"""Virtual environments beside the environment of the tests."""

import fcntl
import os
import pathlib
import subprocess
import sys
import unittest

import fixtures


CHECKOUT = pathlib.Path(__file__).parents[3]


class PackageIndex(fixtures.Fixture):
    """Package index of pip; without an index the test is skipped."""

    def _setUp(self):
        directory = self.useFixture(fixtures.TempDir()).path
        tried = subprocess.run(
            [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps',
             '--dest', directory, 'pbr'], capture_output=True, text=True)
        if tried.returncode:
            why = tried.stderr.strip().rpartition('\n')[2]
            raise unittest.SkipTest(
                f'The package index is out of reach: {why}')


def environment():
    """Return the environment of a user without a checkout."""
    ours = ('PYTHONPATH', 'VIRTUAL_ENV', 'PBR_VERSION')
    return {name: value for name, value in os.environ.items()
            if name not in ours}


class Environment(fixtures.Fixture):
    """Virtual environment with packages.

    The environment is stored inside the virtual environment of the tests, if
    any, for later runs. Concurrent tests wait for a single installation.

    :param prepare: called with the directory after the installation, for slow
        work with a reusable result.
    """

    def __init__(self, name, *packages, prepare=None):
        super().__init__()
        self._prepare = prepare
        self.name = name
        self.packages = packages

    def _setUp(self):
        if sys.prefix == sys.base_prefix:
            base = self.useFixture(fixtures.TempDir()).path
        else:
            base = sys.prefix
        self.directory = pathlib.Path(base) / self.name
        self.bin = self.directory / 'bin'
        description = '\n'.join([sys.version, *self.packages])
        complete = self.directory / 'complete'
        with open(pathlib.Path(base) / f'{self.name}.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete.exists() or complete.read_text() != description:
                self._install()
                complete.write_text(description)

    def _install(self):
        self.useFixture(PackageIndex())
        run(sys.executable, '-m', 'venv', '--clear', self.directory)
        run(self.bin / 'python', '-m', 'pip', 'install', '--quiet',
            '--disable-pip-version-check', *self.packages)
        if self._prepare:
            self._prepare(self.directory)


def run(*words, **environ):
    """Run a program and check the exit code 0.

    :param environ: additions to the environment.
    """
    ran = subprocess.run(
        [str(word) for word in words], env=dict(environment(), **environ),
        text=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
