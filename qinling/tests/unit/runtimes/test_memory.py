# SPDX-License-Identifier: Apache-2.0
"""Tests of the limit of used memory."""

import os
from unittest import mock

from oslotest import base

from qinling.runtimes import agent_environment
from qinling.runtimes import agent_memory
from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

MIB = agents.MIB
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
        self.assertEqual(0.04, agent_memory.next_interval(0.02, 0.001))
        self.assertEqual(0.1, agent_memory.next_interval(0.1, 0.001))
        self.assertEqual(2.0, agent_memory.next_interval(0.1, 0.5))

    def test_threads_of_libraries(self):
        for cpu, number in ((1, '1'), (100, '1'), (1000, '1'), (1001, '2'),
                            (4000, '4')):
            variables = agent_environment.list_thread_variables(cpu)
            self.assertEqual('4', variables.pop('UV_THREADPOOL_SIZE'))
            self.assertEqual({number}, set(variables.values()))
            self.assertIn('OPENBLAS_NUM_THREADS', variables)
        self.assertEqual({'9'}, set(
            agent_environment.list_thread_variables(8001).values()))


class TestMemory(executions.ExecutionTest):
    def load(self, entry, memory_size=64 * MIB, **settings):
        self.start('memory', entry, agent=RESERVE, memory_size=memory_size,
                   **settings)

    def exceeds(self, *args):
        for _number in range(2):
            result = self.check_fails(
                'out of memory (the limit is 64 MiB)', *args)
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
        result = self.check_fails('out of memory (the limit is 32 MiB)', 80)
        self.assertIn('in allocate', result['log'])

    def test_threads(self):
        self.load('threads', 32 * MIB)
        self.succeeds(60, 60)

    def test_used_memory(self):
        self.load('wait_with')
        self.exceeds(90)

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
