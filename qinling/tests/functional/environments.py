# SPDX-License-Identifier: Apache-2.0
"""Virtual environments beside the environment of the tests."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import fixtures


CHECKOUT = pathlib.Path(__file__).parents[3]
#: Directory of caches, read at import, since tests change HOME.
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME')
                     or pathlib.Path.home() / '.cache')


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
    caches = {'PIP_CACHE_DIR': str(CACHE / 'pip'),
              'UV_CACHE_DIR': str(CACHE / 'uv')}
    return caches | {name: value for name, value in os.environ.items()
                     if name not in ours}


def find_uv():
    """Return the path of uv, which installs faster than pip, or None."""
    return shutil.which('uv', path=os.pathsep.join(
        [os.path.dirname(sys.executable), os.environ['PATH']]))


def install(python, *packages):
    """Install packages for an interpreter with uv.

    Use pip without uv, and where uv fails: uv does not read the configuration
    of pip.
    """
    if uv := find_uv():
        with contextlib.suppress(AssertionError):
            return run(uv, 'pip', 'install', '--quiet', '--python', python,
                       *packages)
    run(python, '-m', 'pip', 'install', '--quiet',
        '--disable-pip-version-check', *packages)


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
        install(self.bin / 'python', *self.packages)
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
