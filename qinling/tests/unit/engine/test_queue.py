# SPDX-License-Identifier: Apache-2.0

import threading

from oslotest import base as test_base

from qinling.core.execution import records
from qinling.engine import queue
from qinling import exception
from qinling.tests import databases
from qinling.tests.unit.engine import base

PATIENCE = 90


class TestFairQueue(test_base.BaseTestCase):
    """Executions with an end controlled by the test."""

    def setUp(self):
        super().setUp()
        self.started = []
        self.changed = threading.Condition()
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def queue(self, threads, max_bytes=1 << 30):
        fair_queue = queue.FairQueue(threads, max_bytes, self)
        self.addCleanup(fair_queue.close)
        return fair_queue

    def put(self, fair_queue, project, function, name, waits='waits'):
        fair_queue.put(records.ExecutionMessage(name, waits, False),
                       base.target(project_id=project, function_id=function))

    def run_queued(self, message, target):
        name, waits = message.id, message.input
        with self.changed:
            self.started.append(name)
            self.changed.notify_all()
        if waits == 'fails':
            raise ValueError(name)
        if waits and not self.gate.wait(PATIENCE):
            raise AssertionError(name)

    def wait_for(self, condition):
        with self.changed:
            self.assertTrue(self.changed.wait_for(condition, PATIENCE))

    def test_room(self):
        fair_queue = self.queue(9)
        target = base.target(project_id='p', function_id='slow')
        for number in range(6):
            self.assertTrue(fair_queue.has_room(target))
            self.put(fair_queue, 'p', 'slow', number)
        self.assertFalse(fair_queue.has_room(target))
        self.assertTrue(fair_queue.has_room(
            base.target(project_id='q', function_id='other')))
        self.put(fair_queue, 'p', 'slow', 'waits', None)
        self.assertFalse(fair_queue.has_room(target))
        self.gate.set()
        self.wait_for(lambda: 'waits' in self.started)
        databases.wait_until(lambda: fair_queue.has_room(target))

    def test_floods_leave_threads_to_others(self):
        fair_queue = self.queue(9)
        for number in range(50):
            self.put(fair_queue, 'p', 'slow', number)
        self.wait_for(lambda: len(self.started) == 6)
        self.put(fair_queue, 'p', 'other', 'other', None)
        self.wait_for(lambda: 'other' in self.started)
        self.put(fair_queue, 'q', 'slow', 'another project', None)
        self.wait_for(lambda: 'another project' in self.started)
        self.assertEqual(8, len(self.started))
        self.gate.set()
        self.wait_for(lambda: len(self.started) == 52)

    def test_projects_and_functions_rotate(self):
        """Run one thread, so the order shows the rotation."""
        fair_queue = self.queue(1)
        self.put(fair_queue, 'p', 'f', 'first')
        self.wait_for(lambda: self.started)
        for name in ('pf1', 'pf2', 'pg1', 'pg2', 'qf1', 'qf2'):
            self.put(fair_queue, name[0], name[1], name)
        self.gate.set()
        self.wait_for(lambda: len(self.started) == 7)
        self.assertEqual(['pf1', 'qf1', 'pg1', 'qf2', 'pf2', 'pg2'],
                         self.started[1:])

    def test_failed_executions_keep_the_threads(self):
        fair_queue = self.queue(1)
        for name in range(3):
            self.put(fair_queue, 'p', 'f', name, 'fails')
        self.wait_for(lambda: self.started == [0, 1, 2])
        fair_queue.close()

    def test_full_queue_rejects(self):
        item = queue.ITEM_BYTES
        fair_queue = self.queue(1, max_bytes=2 * item + 20)
        self.put(fair_queue, 'p', 'f', 'runs', 'x' * 10)
        self.wait_for(lambda: self.started)
        # The first execution fits in any case.
        self.put(fair_queue, 'p', 'f', 'long', 'x' * 3 * item)
        self.put(fair_queue, 'p', 'f', 'rejected', '')
        self.assertEqual(['rejected'], fair_queue.take_rejected())
        self.assertEqual([], fair_queue.take_rejected())
        self.assertEqual({'runs', 'long'}, set(fair_queue.since))
        self.gate.set()
        self.wait_for(lambda: len(self.started) == 2)
        databases.wait_until(lambda: not fair_queue.since)
        self.assertEqual(2 * item + 20, fair_queue.free_bytes)

    def test_closed_queue_starts_no_execution(self):
        fair_queue = self.queue(1)
        self.put(fair_queue, 'p', 'f', 1)
        self.put(fair_queue, 'p', 'f', 2)
        self.wait_for(lambda: self.started)
        self.assertEqual([1, 2], fair_queue.close())
        self.assertRaises(exception.Unavailable, self.put, fair_queue,
                          'p', 'f', 3)
        self.gate.set()
        self.assertEqual([1], self.started)
