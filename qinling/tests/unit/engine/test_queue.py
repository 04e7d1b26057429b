# SPDX-License-Identifier: Apache-2.0

import threading

from oslotest import base as test_base

from qinling.core.execution import records
from qinling.engine import queue
from qinling import exception
from qinling.tests.unit.engine import base

PATIENCE = 90


class TestFairQueue(test_base.BaseTestCase):
    """Work whose end the test decides."""

    def setUp(self):
        super().setUp()
        self.begun = []
        self.changed = threading.Condition()
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def queue(self, threads):
        fair_queue = queue.FairQueue(threads, self)
        self.addCleanup(fair_queue.close)
        return fair_queue

    def put(self, fair_queue, project, function, name, waits=True):
        fair_queue.put(records.ExecutionMessage(name, waits, False),
                       base.target(project_id=project, function_id=function))

    def run_queued(self, message, target):
        name, waits = message.id, message.input
        with self.changed:
            self.begun.append(name)
            self.changed.notify_all()
        if waits == 'fails':
            raise ValueError(name)
        if waits and not self.gate.wait(PATIENCE):
            raise AssertionError(name)

    def until(self, condition):
        with self.changed:
            self.assertTrue(self.changed.wait_for(condition, PATIENCE))

    def test_a_flood_leaves_threads_to_others(self):
        fair_queue = self.queue(9)
        for number in range(50):
            self.put(fair_queue, 'p', 'slow', number)
        self.until(lambda: len(self.begun) == 6)
        self.put(fair_queue, 'p', 'other', 'other', False)
        self.until(lambda: 'other' in self.begun)
        self.put(fair_queue, 'q', 'slow', 'another project', False)
        self.until(lambda: 'another project' in self.begun)
        self.assertEqual(8, len(self.begun))
        self.gate.set()
        self.until(lambda: len(self.begun) == 52)

    def test_turns(self):
        """One thread: the order is that of the turns."""
        fair_queue = self.queue(1)
        self.put(fair_queue, 'p', 'f', 'first')
        self.until(lambda: self.begun)
        for name in ('pf1', 'pf2', 'pg1', 'pg2', 'qf1', 'qf2'):
            self.put(fair_queue, name[0], name[1], name)
        self.gate.set()
        self.until(lambda: len(self.begun) == 7)
        self.assertEqual(['pf1', 'qf1', 'pg1', 'qf2', 'pf2', 'pg2'],
                         self.begun[1:])

    def test_work_that_fails_costs_no_thread(self):
        fair_queue = self.queue(1)
        for name in range(3):
            self.put(fair_queue, 'p', 'f', name, 'fails')
        self.until(lambda: self.begun == [0, 1, 2])
        fair_queue.close()

    def test_closed(self):
        fair_queue = self.queue(1)
        self.put(fair_queue, 'p', 'f', 1)
        self.put(fair_queue, 'p', 'f', 2)
        self.until(lambda: self.begun)
        fair_queue.close()
        self.assertRaises(exception.Unavailable, self.put, fair_queue,
                          'p', 'f', 3)
        self.gate.set()
        self.assertEqual([1], self.begun)
