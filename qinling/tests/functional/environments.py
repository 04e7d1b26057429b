# SPDX-License-Identifier: Apache-2.0
"""Virtual environments beside that of the tests."""

import fcntl
import os
import pathlib
import subprocess
import sys
import unittest

import fixtures


CHECKOUT = pathlib.Path(__file__).parents[3]


class PackageIndex(fixtures.Fixture):
    """The package index of pip; skips the test where there is none."""

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
    """The environment of a user, who knows nothing of this checkout."""
    ours = ('PYTHONPATH', 'VIRTUAL_ENV', 'PBR_VERSION')
    return {name: value for name, value in os.environ.items()
            if name not in ours}


class Environment(fixtures.Fixture):
    """An environment with some packages.

    It is kept in the one of the tests, if that is a virtual one, so that the
    next run need not install again; tests that want it at the same time wait
    for one of them to make it.

    :param prepare: called with the directory once all is installed, for
        what takes long and can be kept, too.
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
        wanted = '\n'.join([sys.version, *self.packages])
        complete = self.directory / 'complete'
        with open(pathlib.Path(base) / f'{self.name}.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete.exists() or complete.read_text() != wanted:
                self._install()
                complete.write_text(wanted)

    def _install(self):
        self.useFixture(PackageIndex())
        run(sys.executable, '-m', 'venv', '--clear', self.directory)
        run(self.bin / 'python', '-m', 'pip', 'install', '--quiet',
            '--disable-pip-version-check', *self.packages)
        if self._prepare:
            self._prepare(self.directory)


def run(*words, **environ):
    """Run a program, which must end with 0.

    :param environ: what its environment has besides.
    """
    ran = subprocess.run(
        [str(word) for word in words], env=dict(environment(), **environ),
        text=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
