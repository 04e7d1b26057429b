# SPDX-License-Identifier: Apache-2.0
"""Base of the tests of the ``qinling`` commands."""

import pathlib
import subprocess
import threading

import fixtures
from oslotest import base

from qinling.tests import databases
from qinling.tests.functional import base as servers
from qinling.tests.functional import terminal

CODE = """\
import time


def main(name='world', times=1, **kwargs):
    print('Greeting', name)
    if name == 'broken':
        raise ValueError('a broken greeting')
    if name == 'slow':
        time.sleep(2)
    if name == 'never':
        time.sleep(60)
    return {'greetings': ['Hello, ' + name] * times}


def text(name='world'):
    return 'Grüße, ' + name
"""


class Case(servers.Shared, base.BaseTestCase):
    """Base of the test cases for a group of commands."""

    make_server = servers.Standalone

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = fixtures.TempDir()
        place.setUp()
        cls.addClassCleanup(place.cleanUp)
        cls.directory = pathlib.Path(place.path)
        (cls.directory / 'main.py').write_text(CODE)
        cls.shell = cls.create_shell(cls.client.url)
        cls.function = cls.shell.value(
            'id', 'function create', '--name', 'greeter', '--runtime',
            'python3', '--file', 'main.py', '--timeout', 70)

    @classmethod
    def create_shell(cls, url, **environ):
        """Return a shell for a server, in the directory of the tests."""
        shell = terminal.Forking(
            terminal.BIN / 'python', cls.directory, QINLING_URL=url,
            PYTHONUTF8='1', **environ)
        cls.addClassCleanup(shell.close)
        return shell


class Watched:
    """Mixin for tests of a command that runs until its end is asked for."""

    def start_command(self, *words):
        """Start a command in the directory of the test."""
        self.process = subprocess.Popen(
            [*self.shell.words, *words], cwd=self.directory,
            env=self.shell.environ, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        guard = threading.Timer(databases.PATIENCE, self.process.kill)
        guard.daemon = True
        guard.start()
        for action in (self.process.stdout.close, self.process.wait,
                       self.process.kill, guard.cancel):
            self.addCleanup(action)

    def read_until(self, text):
        """Return the output up to a line with a text."""
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if text in line:
                return ''.join(lines)
        self.fail(f'{text} did not come: {"".join(lines)}')
