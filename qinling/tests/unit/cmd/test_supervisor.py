# SPDX-License-Identifier: Apache-2.0
"""Supervisor of several processes, as a real program."""

import os
import pathlib
import signal
import subprocess
import sys

from oslotest import base

from qinling.cmd import signals
from qinling.tests import databases
from qinling.tests.functional import processes

#: Each role adds its process id to a file, and ends as another file says,
#: which one process reads.
PROGRAM = '''
import functools, os, pathlib, sys, threading
from qinling.cmd import process, signals, supervisor

directory = pathlib.Path(sys.argv[1])

def run(name, stop):
    with open(directory / (name + '.pids'), 'a') as f:
        print(os.getpid(), file=f)
    path = directory / (name + '.mode')
    if path.exists():
        mode = path.read_text()
        path.unlink()
        if mode == 'refuse':
            process.fail('The option is wrong.')
        raise KeyError('bug')
    while not stop.wait(0.05):
        pass
    (directory / (name + '.stopped')).touch()

def close():
    (directory / 'closed').touch()

stop = signals.create_stop_event()
sys.exit(supervisor.Supervisor([
    supervisor.Role(name, functools.partial(run, name))
    for name in ('a', 'b')], 20).run(stop, close))
'''


#: The signals interrupt all lines of the methods of the event.
STORM = '''
import sys, threading
from qinling.cmd import signals

stop = signals.create_stop_event()
ended = threading.Thread(target=sys.stdin.read)
ended.start()
print(flush=True)
while ended.is_alive():
    stop.wait(0.0001)
assert stop.is_set()
'''


class TestStopEvent(base.BaseTestCase):
    def test_many_signals(self):
        with subprocess.Popen(
                [sys.executable, '-c', STORM], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE) as program:
            self.addCleanup(program.kill)
            program.stdout.readline()
            for _ in range(5000):
                program.send_signal(signal.SIGTERM)
                program.send_signal(signal.SIGINT)
            program.stdin.close()
            self.assertEqual(0, program.wait(databases.PATIENCE))

    def test_timeout(self):
        stop = signals.StopEvent()
        self.assertFalse(stop.wait(0.01))
        self.assertFalse(stop.is_set())
        stop.set()
        stop.set()
        self.assertTrue(stop.wait())


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

    def pid(self, name, number=1):
        """Return the process that is the first, second, … of a role."""
        path = self.directory / f'{name}.pids'

        def read():
            return path.read_text().split('\n')[:-1] if path.exists() else []
        databases.wait_until(lambda: len(read()) >= number)
        return int(read()[number - 1])

    def test_a_signal_stops_all(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.start()
            pids = [self.pid('a'), self.pid('b')]
            self.process.send_signal(number)
            self.assertEqual(0, self.process.wait(databases.PATIENCE))
            for name in ('a.stopped', 'b.stopped', 'closed', 'a.pids',
                         'b.pids'):
                (self.directory / name).unlink()
            self.assertFalse([pid for pid in pids if processes.alive(pid)])

    def test_a_killed_process_is_restarted(self):
        self.start()
        first, second = self.pid('a'), self.pid('b')
        os.kill(first, signal.SIGKILL)
        self.assertTrue(processes.alive(self.pid('a', 2)))
        self.assertTrue(processes.alive(second))

    def test_a_process_with_an_error_is_restarted(self):
        (self.directory / 'a.mode').write_text('crash')
        self.start()
        self.assertTrue(processes.alive(self.pid('a', 2)))
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
        self.assertTrue(processes.alive(self.pid('a', 3)))
        self.assertTrue(processes.alive(second))

    def test_no_process_outlives_a_killed_supervisor(self):
        self.start()
        pids = [self.pid('a'), self.pid('b')]
        self.process.kill()
        for pid in pids:
            databases.wait_until(lambda: not processes.alive(pid))
