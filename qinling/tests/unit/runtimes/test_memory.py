# SPDX-License-Identifier: Apache-2.0
"""Tests of the limit of used memory."""

import os
import subprocess
import sys
from unittest import mock

from oslotest import base

from qinling.runtimes import agent_environment
from qinling.runtimes import agent_memory
from qinling.tests import databases
from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

MIB = agents.MIB
#: Program that waits, and grows by 64 MiB.
GROWTH = """
import sys
for number in (0, 64):
    memory = b'x' * (number << 20)
    print(flush=True)
    sys.stdin.readline()
"""
RESERVE = {'memory_reserve': 1 << 30, 'memory_slack': 32 << 20}


class TestUsage(base.BaseTestCase):
    def test_anonymous(self):
        self.assertGreater(agent_memory.read_anonymous(os.getpid()), MIB)
        self.assertGreater(agent_memory.read_proportional(os.getpid()), MIB)
        self.assertEqual(0, agent_memory.read_anonymous(1 << 29))
        self.assertEqual(0, agent_memory.read_proportional(1 << 29))

    def test_memory_files(self):
        before = agent_memory.memory_files([os.getpid(), 1 << 29])
        with os.fdopen(os.memfd_create('test'), 'wb') as file:
            file.write(b'x' * MIB)
            file.flush()
            self.assertEqual(before + MIB, agent_memory.memory_files(
                [os.getpid(), os.getpid()]))

    def test_measurements_of_many_processes_leave_time(self):
        with mock.patch('time.monotonic', side_effect=[1.0, 2.0, 3.0]):
            self.assertEqual(
                [7, 8], list(agent_memory.take_before(2.5, [7, 8, 9])))
        self.assertEqual(0.04, agent_memory.next_interval(0.02, 0.001, 0.1))
        self.assertEqual(0.1, agent_memory.next_interval(0.1, 0.001, 0.1))
        self.assertEqual(2.0, agent_memory.next_interval(0.1, 0.5, 0.1))
        self.assertEqual(0.1, agent_memory.next_interval(0.25, 0.001, 0.1))

    def test_threads_of_libraries(self):
        for cpu, number in ((1, '1'), (100, '1'), (1000, '1'), (1001, '2'),
                            (4000, '4')):
            variables = agent_environment.list_thread_variables(cpu)
            self.assertEqual('4', variables.pop('UV_THREADPOOL_SIZE'))
            self.assertEqual({number}, set(variables.values()))
            self.assertIn('OPENBLAS_NUM_THREADS', variables)
        self.assertEqual({'9'}, set(
            agent_environment.list_thread_variables(8001).values()))


class Watch:
    """Watch of a process with a given activity."""

    def __init__(self, *activities):
        self._activities = list(activities)
        self.measurements = 0

    def read_activity(self, _pid):
        return self._activities.pop(0)

    def is_exceeded(self, _pid, _deadline):
        self.measurements += 1
        return False

    def set_soft_limit(self, _pid, lower):
        """Do nothing."""


class TestChecks(base.BaseTestCase):
    def list_intervals(self, watch, number):
        """Return the seconds before each check, and the measurements."""
        with mock.patch('time.monotonic', return_value=0.0) as clock:
            checks, intervals = agent_memory.MemoryChecks(watch, 1), []
            for _ in range(number):
                self.assertFalse(checks.is_exceeded(9.0, False))
                intervals.append(round(checks.at - clock(), 3))
                clock.return_value = checks.at
                checks.is_exceeded(9.0, False)
        return intervals, watch.measurements

    def test_process_that_works(self):
        self.assertEqual(
            ([0.02, 0.04, 0.08, 0.1, 0.1], 5),
            self.list_intervals(Watch([1], [2], [3], [4], [5]), 5))

    def test_process_that_stands_still(self):
        self.assertEqual(
            ([0.02, 0.04, 0.08, 0.16, 0.25, 0.25, 0.1], 2),
            self.list_intervals(
                Watch([1], [1], [1], [1], [1], [2], [2]), 7))

    def test_process_with_descendants(self):
        self.assertEqual(
            ([0.02, 0.04, 0.08, 0.1], 4),
            self.list_intervals(Watch(None, None, None, None), 4))

    def test_no_watch(self):
        checks = agent_memory.MemoryChecks(None, 1)
        self.assertEqual(float('inf'), checks.at)
        self.assertFalse(checks.is_exceeded(0.0, True))

    def test_activity_of_a_process(self):
        tree = mock.Mock()
        watch = agent_memory.MemoryWatch(tree, MIB)
        process = subprocess.Popen(
            [sys.executable, '-c', GROWTH], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        tree.list_descendants.return_value = [process.pid]
        process.stdout.readline()
        databases.wait_until(lambda: (
            watch.read_activity(process.pid)
            == watch.read_activity(process.pid)))
        before = watch.read_activity(process.pid)
        process.stdin.write(b'\n')
        process.stdin.flush()
        process.stdout.readline()
        self.assertNotEqual(before, watch.read_activity(process.pid))
        self.assertIsNone(watch.read_activity(1 << 29))
        tree.list_descendants.return_value = [process.pid, 1]
        self.assertIsNone(watch.read_activity(process.pid))


class TestMemory(executions.ExecutionTest):
    def load(self, entry, memory_size=64 * MIB, **settings):
        self.start('memory', entry, agent=RESERVE, memory_size=memory_size,
                   **settings)

    def exceeds(self, *args):
        for _number in range(2):
            result = self.check_fails(
                'out of memory; the limit is 64 MiB.', *args)
            self.assertEqual('out_of_memory', result['reason'])

    def test_memory_reserved_by_the_import_is_free(self):
        self.load('reserved_size')
        self.succeeds(512 * MIB)

    def test_memory_reserved_in_steps_is_free(self):
        self.load('reserve')
        self.succeeds(20 * 25 * MIB, 20, 25)

    def test_short_peak(self):
        self.start('failing', 'allocate', agent=RESERVE,
                   memory_size=32 * MIB)
        result = self.check_fails('out of memory; the limit is 32 MiB.', 80)
        self.assertIn('in allocate', result['log'])

    def test_threads(self):
        self.load('threads', 32 * MIB)
        self.succeeds(60, 60)

    def test_used_memory(self):
        self.load('wait_with')
        self.exceeds(90)

    def test_used_memory_after_a_wait(self):
        self.load('wait_with')
        self.exceeds(90, 0.6)

    def test_memory_of_children(self):
        self.load('children')
        self.exceeds(4, 24)

    def test_memory_of_an_orphan(self):
        self.load('orphan')
        self.exceeds(90)

    def test_shared_memory_counts_once(self):
        self.load('shared')
        self.succeeds(40, 4, 40)

    def test_memory_files(self):
        self.load('files')
        self.exceeds(3, 30)

    def test_shared_mapping(self):
        self.load('shared_mapping')
        self.exceeds(90)

    def test_more_than_is_reserved(self):
        self.load('wait_with')
        self.check_fails('out of memory', 1 << 20)

    def test_variables(self):
        self.load('variables', cpu=2500,
                  environment={'OMP_NUM_THREADS': '7'})
        variables = self.client.execute()['output']
        self.assertEqual('7', variables.pop('OMP_NUM_THREADS'))
        self.assertEqual({'3'}, set(variables.values()))
