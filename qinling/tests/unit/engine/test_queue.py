# SPDX-License-Identifier: Apache-2.0

import threading

from oslotest import base

from qinling.engine import queue
from qinling import exception

PATIENCE = 90


class TestFairQueue(base.BaseTestCase):
    """Work whose end the test decides."""

    def setUp(self):
        super().setUp()
        self.begun = []
        self.changed = threading.Condition()
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def queue(self, threads):
        made = queue.FairQueue(threads, self.run_one)
        self.addCleanup(made.close)
        return made

    def run_one(self, name, waits=True):
        with self.changed:
            self.begun.append(name)
            self.changed.notify_all()
        if waits and not self.gate.wait(PATIENCE):
            raise AssertionError(name)

    def until(self, condition):
        with self.changed:
            self.assertTrue(self.changed.wait_for(condition, PATIENCE))

    def test_a_flood_leaves_threads_to_others(self):
        fair_queue = self.queue(9)
        for number in range(50):
            fair_queue.put('p', 'slow', number)
        self.until(lambda: len(self.begun) == 6)
        fair_queue.put('p', 'other', 'other', False)
        self.until(lambda: 'other' in self.begun)
        fair_queue.put('q', 'slow', 'another project', False)
        self.until(lambda: 'another project' in self.begun)
        self.assertEqual(8, len(self.begun))
        self.gate.set()
        self.until(lambda: len(self.begun) == 52)

    def test_turns(self):
        """One thread: the order is that of the turns."""
        fair_queue = self.queue(1)
        fair_queue.put('p', 'f', 'first')
        self.until(lambda: self.begun)
        for name in ('pf1', 'pf2', 'pg1', 'pg2', 'qf1', 'qf2'):
            fair_queue.put(name[0], name[1], name)
        self.gate.set()
        self.until(lambda: len(self.begun) == 7)
        self.assertEqual(['pf1', 'qf1', 'pg1', 'qf2', 'pf2', 'pg2'],
                         self.begun[1:])

    def test_work_that_fails_costs_no_thread(self):
        fair_queue = queue.FairQueue(1, lambda name: self.run_one(
            name, False) or {}[name])
        for name in range(3):
            fair_queue.put('p', 'f', name)
        self.until(lambda: self.begun == [0, 1, 2])
        fair_queue.close()

    def test_closed(self):
        fair_queue = self.queue(1)
        fair_queue.put('p', 'f', 1)
        fair_queue.put('p', 'f', 2)
        self.until(lambda: self.begun)
        fair_queue.close()
        self.assertRaises(exception.Unavailable, fair_queue.put, 'p', 'f', 3)
        self.gate.set()
        self.assertEqual([1], self.begun)
