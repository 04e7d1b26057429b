# SPDX-License-Identifier: Apache-2.0
"""Tests with the oldest interpreter allowed by the runtime."""

import glob
import os
import shutil

import testtools

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

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
        self.assertIn('direct cause', self.fails('second')['log'])

    def test_memory(self):
        self.start('failing', 'allocate', memory_size=32 * MIB)
        self.fails('the limit is 32 MiB', 80)

    def test_timeout(self):
        self.start('failing', 'sleep')
        self.fails('timeout', 60, timeout=1)

    def test_coroutine(self):
        self.start('coroutines')
        self.succeeds('Hello, you', 'you')

    def test_daemon(self):
        self.start('processes', 'daemon')
        self.assertFalse(agents.alive(self.client.execute()['output']))
