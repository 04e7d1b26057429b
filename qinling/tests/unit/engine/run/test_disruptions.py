# SPDX-License-Identifier: Apache-2.0
"""Executions whose platform takes workers away, or does not answer."""

import datetime

from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.db import models
from qinling.engine.run import late_rows
from qinling.engine.workers import invoker
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.engine import base
from qinling.tests.unit.engine.run import test_runner

LOST = invoker.Lost('reset')
AWAY = exception.OutOfReach('the API server does not answer')


class TestDisruptions(test_runner.RunnerTest):
    """Workers that the platform ends."""

    exit_reason = orchestrators.ExitReason('Drained.', disrupted=True)

    def test_asynchronous_executions_run_again(self):
        _, row = self.run_execution(LOST, test_runner.GOOD, sync=False,
                                    attempt=1)
        self.assertEqual(('success', 2), (row.status, row.attempt))

    def test_synchronous_executions_end(self):
        _, row = self.run_execution(LOST, test_runner.GOOD)
        self.assertEqual(('error', 'worker_lost'), (row.status, row.reason))
        self.assertIn('Drained.', row.result)

    def test_attempts_are_limited(self):
        _, row = self.run_execution(*[LOST] * 3, test_runner.GOOD,
                                    sync=False, attempt=1)
        self.assertEqual(('error', 'worker_lost', 3),
                         (row.status, row.reason, row.attempt))

    def test_retries_of_the_policy_do_not_count(self):
        _, row = self.run_execution(LOST, test_runner.GOOD, sync=False,
                                    attempt=5, retry=4)
        self.assertEqual(('success', 6), (row.status, row.attempt))

    def test_cancelled_executions_do_not_run_again(self):
        def cancel():
            self.db.write(lambda tx: lifecycle.cancel(tx, self.started))
            return LOST
        self.runner = self.create_runner(cancel, test_runner.GOOD)
        self.started = self.add_execution(sync=False, owner='me', attempt=1)
        self.assertIsNone(self.runner.run(
            records.ExecutionMessage(self.started, None, False, 'me'),
            self.target))
        row = self.execution(self.started)
        self.assertEqual(('cancelled', 1), (row.status, row.attempt))


class TestDeaths(test_runner.RunnerTest):
    """Workers that die by themselves."""

    exit_reason = orchestrators.ExitReason('It fell.')

    def test_asynchronous_executions_end(self):
        _, row = self.run_execution(LOST, test_runner.GOOD, sync=False,
                                    attempt=1)
        self.assertEqual(('error', 1), (row.status, row.attempt))


class TestOutOfReach(test_runner.RunnerTest):
    """Functions without workers, while none can start."""

    def test_asynchronous_executions_wait(self):
        result, row = self.run_execution(AWAY, sync=False, attempt=1)
        self.assertIsNone(result)
        self.assertEqual(('running', None, 0),
                         (row.status, row.owner, row.attempt))
        self.check_wait(row)

    def test_executions_wait_for_the_database(self):
        result, row = self.run_execution(
            exception.Unavailable(reason='the database does not answer.'),
            sync=False, attempt=1)
        self.assertEqual((None, 'running'), (result, row.status))
        self.check_wait(row)

    def check_wait(self, row):
        self.assertEqual([(row.next_attempt_at, row.id)], self.timer.waiting)
        self.assertEqual(row.lease_until, row.next_attempt_at)
        self.assertGreater(row.next_attempt_at, models.now())

    def test_waiting_executions_take_turns(self):
        times = []
        self.runner = self.create_runner(*[AWAY] * 50)
        for _ in range(50):
            id = self.add_execution(sync=False, owner='me', attempt=1)
            self.runner.run(records.ExecutionMessage(id, None, False, 'me'),
                            self.target)
            times.append(self.execution(id).next_attempt_at)
        self.assertGreater(times[-1] - times[0],
                           datetime.timedelta(seconds=0.9))

    def test_written_executions_are_refused(self):
        self.runner = self.create_runner(AWAY)
        id = self.add_execution(owner='me', attempt=1)
        error = self.assertRaises(
            exception.OrchestratorUnavailable, self.runner.run,
            records.ExecutionMessage(id, None, True, 'me'), self.target)
        self.assertIn('does not answer', str(error))
        row = self.execution(id)
        self.assertEqual(('running', None, 0),
                         (row.status, row.owner, row.attempt))
        self.assertTrue(lifecycle.is_unclaimed(self.db, id))

    def test_unwritten_executions_are_refused(self):
        rows = late_rows.LateRows(self.db, 60)
        self.addCleanup(rows.close)
        new = records.NewExecution(records.ExecutionRow(
            id='e', project_id='p', function_id='f', function_version=0,
            function_alias=None, created_at=models.now()), base.target())
        rows.add(new)
        self.assertTrue(rows.drop('e'))
        rows.write('e')
        self.assertIsNone(self.execution('e'))
        self.assertFalse(rows.drop('other'))

    def test_lost_executions_are_left_alone(self):
        self.runner = self.create_runner(AWAY)
        id = self.add_execution(owner='another', attempt=1)
        self.assertIsNone(self.runner.run(
            records.ExecutionMessage(id, None, True, 'me'), self.target))
        self.assertEqual('another', self.execution(id).owner)
