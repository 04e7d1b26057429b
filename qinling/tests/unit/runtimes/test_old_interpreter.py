# SPDX-License-Identifier: Apache-2.0
"""Tests with the oldest interpreter allowed by the runtime."""

import glob
import os
import shutil

import testtools

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions
from qinling.tests.unit.runtimes import zip_forms

MIB = agents.MIB


def old_interpreter():
    """Return a local Python 3.9, the oldest version allowed by the runtime."""
    for path in (*glob.glob(os.path.expanduser(
            '~/.pyenv/versions/3.9.*/bin/python3.9')),
            shutil.which('python3.9')):
        if path:
            with open(path, 'rb') as program:
                if program.read(4) == b'\x7fELF':  # and no shell script
                    return path
    return None


@testtools.skipUnless(old_interpreter(), 'there is no Python 3.9 here')
class TestOldInterpreter(executions.ExecutionTest):
    interpreter = old_interpreter()

    def test_success(self):
        self.start('hello')
        self.succeeds('Hello, you', 'you')

    def test_exception(self):
        self.start('failing', 'raise_chained')
        self.assertIn('direct cause', self.check_fails('second')['log'])

    def test_memory(self):
        self.start('failing', 'allocate', memory_size=32 * MIB)
        self.check_fails('the limit is 32 MiB', 80)

    def test_timeout(self):
        self.start('failing', 'sleep')
        self.check_fails('timeout', 60, timeout=1)

    def test_coroutine(self):
        self.start('coroutines')
        self.succeeds('Hello, you', 'you')

    def test_packages(self):
        self.agent = self.useFixture(agents.Agent(
            interpreter=self.interpreter))
        client = self.agent.connect()
        self.assertEqual(200, client.load(zip_forms.build([
            zip_forms.Entry(b'main.py', b'from pkg import a\n\n\n'
                            b'def main():\n    return a.VALUE\n'),
            zip_forms.Entry(b'lib\\a.py', b'VALUE = 7\n', zip64=True),
            zip_forms.Entry(b'pkg', b'./lib', zip_forms.LINK)],
            b'#!', zip64=True)).status)
        self.assertEqual(7, client.execute()['output'])

    def test_daemon(self):
        self.start('processes', 'daemon')
        self.assertFalse(agents.alive(self.client.execute()['output']))
