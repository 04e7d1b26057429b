# SPDX-License-Identifier: Apache-2.0
"""What a runner does when messages come twice and the database goes."""

import threading

import fixtures

from qinling.core.execution import records
from qinling.engine.run import runner
from qinling import exception
from qinling.tests.unit.engine import base
from qinling.tests.unit.engine.run import test_runner


class TestTrouble(test_runner.RunnerTest):
    def setUp(self):
        super().setUp()
        self.runner = self.make(test_runner.GOOD)
        self.execution_id = self.add_execution(sync=False)
        self.message = records.ExecutionMessage(
            self.execution_id, None, False)

    def run_it(self):
        return self.runner.run(self.message, base.target())

    def test_a_message_that_comes_twice(self):
        begun, gate = threading.Event(), threading.Event()

        def answer():
            begun.set()
            gate.wait(base.PATIENCE)
            return test_runner.GOOD
        self.script.events = [answer]
        first = threading.Thread(target=self.run_it)
        first.start()
        self.assertTrue(begun.wait(base.PATIENCE))
        self.assertIsNone(self.run_it())
        gate.set()
        first.join()
        self.assertIsNone(self.run_it())
        row = self.execution(self.execution_id)
        self.assertEqual(('success', 1), (row.status, row.attempt))
        self.assertEqual(1, len(self.script.orders))

    def test_the_claim_was_not_heard_of(self):
        write = self.db.write

        def twice(action, **kwargs):
            write(action, **kwargs)
            self.db.write = write
            return write(action, **kwargs)
        self.db.write = twice
        self.assertEqual('success', self.run_it().status)

    def test_nor_for_as_long_as_the_database_was_away(self):
        self.patch(runner, 'WRITE_RETRY_SECONDS', 0)
        write, failures = self.db.write, [1, 2, 3]

        def away(action, **kwargs):
            if not failures:
                return write(action, **kwargs)
            if failures.pop() == 3:
                write(action, **kwargs)
            raise exception.Unavailable(reason='away')
        self.db.write = away
        self.assertEqual('success', self.run_it().status)
        self.assertEqual(1, self.execution(self.execution_id).attempt)

    def test_a_claim_waits_no_longer_than_executions_do(self):
        self.conf.set_override('queue_timeout', 1, group='engine')

        def away(action, **kwargs):
            raise exception.Unavailable(reason='away')
        self.db.write = away
        self.assertRaises(exception.Unavailable, self.run_it)
        self.assertEqual([], self.script.orders)
        self.assertEqual([], self.runner.claimed_ids())

    def test_a_result_waits_for_the_database(self):
        self.useFixture(fixtures.MockPatchObject(
            runner, 'WRITE_RETRY_SECONDS', 0))
        write, failures = self.db.write, [1, 2, 3]

        def answer():
            self.db.write = away
            return test_runner.GOOD

        def away(action, **kwargs):
            if failures:
                failures.pop()
                raise exception.Unavailable(reason='away')
            return write(action, **kwargs)
        self.script.events = [answer]
        self.assertEqual('success', self.run_it().status)
        self.assertEqual('success', self.execution(self.execution_id).status)

    def test_not_when_the_engine_stops(self):
        def answer():
            self.db.write = away
            self.runner._attempts.stopping = True
            return test_runner.GOOD

        def away(action, **kwargs):
            raise exception.Unavailable(reason='away')
        self.script.events = [answer]
        self.assertRaises(exception.Unavailable, self.run_it)
        self.assertTrue(self.runner.idle.is_set())
