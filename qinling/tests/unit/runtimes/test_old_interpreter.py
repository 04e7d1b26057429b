#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""The oldest interpreter that the runtime allows."""

import glob
import os
import shutil

import testtools

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

MIB = agents.MIB


def old_interpreter():
    """A Python 3.9 on this machine, the oldest that the runtime allows."""
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
