# SPDX-License-Identifier: Apache-2.0
"""Supervisor of several processes, as a real program."""

import os
import pathlib
import signal
import subprocess
import sys

from oslotest import base

from qinling.tests import databases
from qinling.tests.functional import processes

#: Each role writes its process id, and ends as a file says.
PROGRAM = '''
import functools, os, pathlib, sys, threading
from qinling.cmd import process, supervisor

directory = pathlib.Path(sys.argv[1])

def run(name, stop):
    (directory / (name + '.started')).write_text(str(os.getpid()))
    (directory / (name + '.started')).rename(directory / (name + '.pid'))
    mode = directory / (name + '.mode')
    if mode.exists():
        if mode.read_text() == 'refuse':
            process.fail('The option is wrong.')
        raise KeyError('bug')
    while not stop.wait(0.05):
        pass
    (directory / (name + '.stopped')).touch()

def close():
    (directory / 'closed').touch()

stop = process.create_stop_event()
sys.exit(supervisor.Supervisor([
    supervisor.Role(name, functools.partial(run, name))
    for name in ('a', 'b')], 20).run(stop, close))
'''


class TestSupervisor(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(self.create_tempfiles(
            [('x', '')])[0]).parent

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, '-c', PROGRAM, str(self.directory)],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.process.stderr.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def pid(self, name, previous=None):
        """Return the process of a role, after the previous one."""
        path = self.directory / f'{name}.pid'

        def read():
            return path.exists() and path.read_text() != str(previous)
        databases.wait_until(read)
        return int(path.read_text())

    def test_a_signal_stops_all(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.start()
            pids = [self.pid('a'), self.pid('b')]
            self.process.send_signal(number)
            self.assertEqual(0, self.process.wait(databases.PATIENCE))
            for name in ('a.stopped', 'b.stopped', 'closed', 'a.pid',
                         'b.pid'):
                (self.directory / name).unlink()
            self.assertFalse([pid for pid in pids if processes.alive(pid)])

    def test_a_killed_process_is_restarted(self):
        self.start()
        first, second = self.pid('a'), self.pid('b')
        os.kill(first, signal.SIGKILL)
        self.assertTrue(processes.alive(self.pid('a', first)))
        self.assertTrue(processes.alive(second))

    def test_a_process_with_an_error_is_restarted(self):
        (self.directory / 'a.mode').write_text('crash')
        self.start()
        first = self.pid('a')
        (self.directory / 'a.mode').unlink()
        self.assertTrue(processes.alive(self.pid('a', first)))
        self.process.terminate()
        self.assertEqual(0, self.process.wait(databases.PATIENCE))
        self.assertIn("KeyError: 'bug'", self.process.stderr.read())

    def test_a_wrong_option_ends_the_program(self):
        (self.directory / 'a.mode').write_text('refuse')
        self.start()
        self.assertEqual(1, self.process.wait(databases.PATIENCE))
        self.assertIn('The option is wrong.', self.process.stderr.read())
        self.assertFalse(processes.alive(self.pid('b')))

    def test_a_refused_restart_is_repeated(self):
        self.start()
        first, second = self.pid('a'), self.pid('b')
        (self.directory / 'a.mode').write_text('refuse')
        os.kill(first, signal.SIGKILL)
        refused = self.pid('a', first)
        (self.directory / 'a.mode').unlink()
        self.assertTrue(processes.alive(self.pid('a', refused)))
        self.assertTrue(processes.alive(second))

    def test_no_process_outlives_a_killed_supervisor(self):
        self.start()
        pids = [self.pid('a'), self.pid('b')]
        self.process.kill()
        for pid in pids:
            databases.wait_until(lambda: not processes.alive(pid))
