# SPDX-License-Identifier: Apache-2.0
"""SIGTERM before a program serves."""

import signal
import subprocess
import sys

from oslotest import base

from qinling.tests import databases

#: The construction never ends by itself.
PROGRAM = '''
import sys, threading
from qinling.cmd import process, signals

stop = signals.create_stop_event()

def wait():
    print('waiting', flush=True)
    threading.Event().wait()

if sys.argv[1] == 'before':
    print('waiting', flush=True)
    sys.stdin.read()
    assert stop.is_set()
try:
    process.construct(wait)
finally:
    print('unwound', flush=True)
'''


class TestEndAtOnce(base.BaseTestCase):

    def end(self, moment):
        """Return the exit code and the last line after SIGTERM."""
        with subprocess.Popen(
                [sys.executable, '-c', PROGRAM, moment], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            self.addCleanup(program.kill)
            self.assertEqual('waiting\n', program.stdout.readline())
            program.send_signal(signal.SIGTERM)
            program.stdin.close()
            return program.wait(databases.PATIENCE), program.stdout.read()

    def test_signal_during_a_construction(self):
        self.assertEqual((0, 'unwound\n'), self.end('during'))

    def test_signal_before_a_construction(self):
        self.assertEqual((0, 'unwound\n'), self.end('before'))
