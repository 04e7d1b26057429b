# SPDX-License-Identifier: Apache-2.0
"""Repeated messages and database outages."""

import threading

import fixtures

from qinling.core.execution import records
from qinling.engine.run import write_retries
from qinling import exception
from qinling.tests import databases
from qinling.tests.unit.engine import base
from qinling.tests.unit.engine.run import test_runner


class TestOutages(test_runner.RunnerTest):
    def setUp(self):
        super().setUp()
        self.runner = self.create_runner(test_runner.GOOD)
        self.execution_id = self.add_execution(sync=False)
        self.message = records.ExecutionMessage(
            self.execution_id, None, False)

    def run_message(self):
        return self.runner.run(self.message, base.target())

    def test_repeated_messages_run_once(self):
        started, gate = threading.Event(), threading.Event()

        def answer():
            started.set()
            gate.wait(base.PATIENCE)
            return test_runner.GOOD
        self.script.events = [answer]
        first = threading.Thread(target=self.run_message)
        first.start()
        self.assertTrue(started.wait(base.PATIENCE))
        self.assertIsNone(self.run_message())
        gate.set()
        first.join()
        self.assertIsNone(self.run_message())
        row = self.execution(self.execution_id)
        self.assertEqual(('success', 1), (row.status, row.attempt))
        self.assertEqual(1, len(self.script.requests))

    def test_unconfirmed_claim_is_repeated(self):
        databases.repeat_next_write(self.db)
        self.assertEqual('success', self.run_message().status)

    def test_claims_are_retried_during_an_outage(self):
        self.patch(write_retries, 'WRITE_RETRY_SECONDS', 0)
        write, failures = self.db.write, [1, 2, 3]

        def fail_write(action, **kwargs):
            if not failures:
                return write(action, **kwargs)
            if failures.pop() == 3:
                write(action, **kwargs)
            raise exception.Unavailable(reason='away')
        self.db.write = fail_write
        self.assertEqual('success', self.run_message().status)
        self.assertEqual(1, self.execution(self.execution_id).attempt)

    def test_claims_are_retried_for_a_limited_time(self):
        self.conf.set_override('queue_timeout', 1, group='engine')

        def fail_write(action, **kwargs):
            raise exception.Unavailable(reason='away')
        self.db.write = fail_write
        self.assertRaises(exception.Unavailable, self.run_message)
        self.assertEqual([], self.script.requests)
        self.assertEqual([], self.runner.claimed_ids())

    def test_results_are_retried_during_an_outage(self):
        self.useFixture(fixtures.MockPatchObject(
            write_retries, 'WRITE_RETRY_SECONDS', 0))
        write, failures = self.db.write, [1, 2, 3]

        def answer():
            self.db.write = fail_write
            return test_runner.GOOD

        def fail_write(action, **kwargs):
            if failures:
                failures.pop()
                raise exception.Unavailable(reason='away')
            return write(action, **kwargs)
        self.script.events = [answer]
        self.assertEqual('success', self.run_message().status)
        self.assertEqual('success', self.execution(self.execution_id).status)

    def test_stopping_engine_does_not_retry(self):
        def answer():
            self.db.write = fail_write
            self.runner._attempts.stopping = True
            return test_runner.GOOD

        def fail_write(action, **kwargs):
            raise exception.Unavailable(reason='away')
        self.script.events = [answer]
        self.assertRaises(exception.Unavailable, self.run_message)
        self.assertTrue(self.runner.is_idle)
