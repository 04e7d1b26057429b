# SPDX-License-Identifier: Apache-2.0
"""API under the web servers of operators."""

import fcntl
import os
import pathlib
import subprocess
import sys
import unittest
import zlib

import fixtures

from qinling.tests.functional import environments
from qinling.tests.functional import processes
from qinling.tests import ports

CACHE = environments.CACHE / 'qinling-tests'
PACKAGES = ('gunicorn', 'uwsgi')


def install_packages(name='web-servers', packages=PACKAGES):
    """Return the directory of packages, installed once for all runs.

    Without the packages the test is skipped.
    """
    # uWSGI contains the interpreter, also of another build of a version.
    interpreter = zlib.crc32(f'{sys.version} {sys.base_prefix}'.encode())
    directory = CACHE / f'{name}-{interpreter:08x}'
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / 'lock', 'a') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / 'ready').exists():
            result = subprocess.run(
                [sys.executable, '-m', 'pip', 'install', '--quiet',
                 '--no-cache-dir', '--target', str(directory), *packages],
                capture_output=True, text=True)
            if result.returncode:
                raise unittest.SkipTest(
                    f'{name} cannot be installed: {result.stderr}')
            (directory / 'ready').touch()
    return directory


def gunicorn(directory, port):
    """Return the command for two processes that load the application first."""
    return [sys.executable, '-m', 'gunicorn', '--preload', '--workers', '2',
            '--threads', '8', '--bind', f'127.0.0.1:{port}',
            'qinling.api.wsgi:application']


def uwsgi(directory, port):
    """Return the command for two processes that load the application first."""
    return [str(directory / 'bin' / 'uwsgi'), '--master', '--processes', '2',
            '--enable-threads', '--threads', '8', '--die-on-term',
            '--home', sys.prefix, '--http11-socket', f'127.0.0.1:{port}',
            '--module', 'qinling.api.wsgi:application']


class WebServer(fixtures.Fixture):
    """Web server with the API.

    :param command: :func:`gunicorn` or :func:`uwsgi`.
    :param file: the configuration of the API.
    """

    def __init__(self, command, file):
        super().__init__()
        self._command = command
        self._file = file

    def _setUp(self):
        directory = install_packages()
        self.port = ports.free()
        self.log = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'log')
        path = os.pathsep.join((os.getcwd(), str(directory)))
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(
                self._command(directory, self.port), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, env=dict(
                    os.environ, PYTHONPATH=path,
                    OS_QINLING_CONFIG_FILES=str(self._file)))
        self.addCleanup(self._kill)

    def _kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, patience=120):
        """Stop the server as an operator does and return the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                'No end; processes: '
                f'{processes.descendants(self.process.pid)}, log: '
                f'{self.log.read_text()[-9999:]}')
