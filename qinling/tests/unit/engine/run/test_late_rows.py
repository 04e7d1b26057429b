# SPDX-License-Identifier: Apache-2.0
"""Synchronous executions whose rows are written late."""

import threading

from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.db import models
from qinling.engine.run import late_rows
from qinling.engine.run import runner
from qinling.engine.run import write_retries
from qinling import exception
from qinling.tests import databases
from qinling.tests.unit.engine import base
from qinling.tests.unit.engine.run import test_runner

ID = 'e1'


class LateRowsTest(test_runner.RunnerTest):
    def setUp(self):
        super().setUp()
        self.target = base.target(function_id=self.add_function())
        now = models.now()
        self.new = records.NewExecution(records.ExecutionRow(
            id=ID, project_id='p', function_id=self.target.function_id,
            function_version=0, function_alias=None, created_at=now,
            sync=True, input='{"x": 1}',
            lease_until=now + base.FUTURE, owner='me', attempt=1,
            description='why'), self.target)

    def run_late(self, *events):
        """Run the execution without a row; return the result."""
        self.runner = self.create_runner(*events)
        self.addCleanup(self.runner.close)
        return self.runner.run(self.new.message(is_written=False),
                               self.target)

    def count(self):
        return self.row(models.Function, self.target.function_id).count

    def fail_writes(self, number):
        """Let the next writes fail."""
        self.patch(write_retries, 'WRITE_RETRY_SECONDS', 0)
        write, failures = self.db.write, [None] * number

        def fail_write(action, **kwargs):
            if failures:
                failures.pop()
                raise exception.Unavailable(reason='away')
            return write(action, **kwargs)
        self.db.write = fail_write

    def record_writes(self):
        """Return a list of the options of all later writes."""
        writes, write = [], self.db.write

        def record_write(action, **kwargs):
            writes.append(kwargs)
            return write(action, **kwargs)
        self.db.write = record_write
        return writes


class TestLateRows(LateRowsTest):
    def test_short_execution_is_one_write(self):
        writes = self.record_writes()
        result = self.run_late(test_runner.GOOD)
        self.assertEqual([{'batch': True}], writes)
        row = self.execution(ID)
        self.assertEqual(
            ('success', 1, 'why', '{"x": 1}', None, None, 1),
            (row.status, row.attempt, row.description, row.input, row.owner,
             row.lease_until, self.count()))
        for name, value in result.columns().items():
            self.assertEqual(value, getattr(row, name), name)

    def test_failure_has_a_fingerprint(self):
        result = self.run_late(test_runner.BAD)
        row = self.execution(ID)
        self.assertEqual(('failed', 'user_error'), (row.status, row.reason))
        self.assertIsNotNone(row.fingerprint)
        self.assertEqual(row.fingerprint, result.fingerprint)

    def test_long_execution_is_visible(self):
        def answer():
            databases.wait_until(
                lambda: self.runner.leased_ids(older_than=0))
            row = self.execution(ID)
            rows.append((row.status, row.owner,
                         self.runner.leased_ids(older_than=0)))
            return test_runner.GOOD
        rows = []
        self.run_late(answer)
        self.assertEqual([('running', 'me', [ID])], rows)
        self.assertEqual(('success', 1),
                         (self.execution(ID).status, self.count()))

    def test_execution_without_a_row_has_no_lease(self):
        self.patch(late_rows, 'MAX_AGE_SECONDS', base.PATIENCE)

        def answer():
            ids.extend([self.runner.claimed_ids(),
                        self.runner.leased_ids(older_than=0)])
            return test_runner.GOOD
        ids = []
        self.run_late(answer)
        self.assertEqual([[ID], []], ids)

    def test_cancelled_execution_keeps_its_end(self):
        def answer():
            databases.wait_until(lambda: self.execution(ID) is not None)
            self.db.write(lambda tx: lifecycle.cancel(tx, ID))
            return test_runner.GOOD
        self.assertIsNone(self.run_late(answer))
        self.assertEqual('cancelled', self.execution(ID).status)

    def test_end_waits_for_the_database(self):
        def answer():
            self.fail_writes(3)
            return test_runner.GOOD
        self.patch(late_rows, 'MAX_AGE_SECONDS', base.PATIENCE)
        self.assertEqual('success', self.run_late(answer).status)
        self.assertEqual('success', self.execution(ID).status)

    def test_row_waits_for_the_database(self):
        def answer():
            self.fail_writes(2)
            databases.wait_until(lambda: self.execution(ID) is not None)
            return test_runner.GOOD
        self.run_late(answer)
        self.assertEqual('success', self.execution(ID).status)

    def test_lost_answer_of_the_database(self):
        """Write the end once, though the write is repeated."""
        def answer():
            databases.repeat_next_write(self.db)
            return test_runner.GOOD
        self.patch(late_rows, 'MAX_AGE_SECONDS', base.PATIENCE)
        self.assertIsNone(self.run_late(answer))
        self.assertEqual(('success', 1),
                         (self.execution(ID).status, self.count()))

    def test_function_deleted_during_the_run(self):
        def answer():
            self.db.write(lambda tx: tx.execute(
                models.Function.__table__.delete()))
            return test_runner.GOOD
        self.patch(late_rows, 'MAX_AGE_SECONDS', base.PATIENCE)
        self.assertEqual('success', self.run_late(answer).status)
        self.assertEqual('success', self.execution(ID).status)

    def test_function_deleted_during_a_long_run(self):
        def answer():
            self.db.write(lambda tx: tx.execute(
                models.Function.__table__.delete()))
            row = self.runner._late_rows._rows[ID]
            databases.wait_until(lambda: row.is_ending)
            writes.clear()
            write, self.db.write = self.db.write, writes.append
            row.since -= 1
            self.runner._late_rows._write_old()
            self.db.write = write
            return test_runner.GOOD
        writes = []
        self.assertEqual('success', self.run_late(answer).status)
        self.assertEqual([], writes)
        self.assertEqual('success', self.execution(ID).status)

    def test_unwritable_outcome(self):
        self.patch(late_rows, 'MAX_AGE_SECONDS', base.PATIENCE)
        insert_ended, outcomes = lifecycle.insert_ended, []

        def fail_once(db, new, outcome):
            outcomes.append(outcome)
            if len(outcomes) == 1:
                raise ValueError('no such text')
            return insert_ended(db, new, outcome)
        self.patch(lifecycle, 'insert_ended', fail_once)
        self.run_late(test_runner.GOOD)
        self.assertEqual(runner.UNWRITABLE, outcomes[1])
        self.assertEqual('error', self.execution(ID).status)

    def test_replaced_code_is_recorded(self):
        latest = base.target(function_id=self.target.function_id,
                             package='new')
        self.patch(runner.targets, 'resolve', lambda *_args: latest)
        result = self.run_late(exception.TargetReplaced(), test_runner.GOOD)
        self.assertEqual('success', result.status)
        self.assertEqual('success', self.execution(ID).status)

    def test_stopping_engine_leaves_no_row(self):
        def answer():
            self.runner._attempts.stopping = True
            self.fail_writes(1)
            return test_runner.GOOD
        self.patch(late_rows, 'MAX_AGE_SECONDS', base.PATIENCE)
        self.assertRaises(exception.Unavailable, self.run_late, answer)
        self.assertTrue(self.runner.is_idle)
        self.assertIsNone(self.execution(ID))

    def test_thread_works_again_after_a_pause(self):
        for number in range(3):
            self.new.row.id = f'e{number}'

            def answer(id=self.new.row.id):
                databases.wait_until(lambda: self.execution(id))
                return test_runner.GOOD
            if number:
                self.script.events = [answer]
                self.runner.run(self.new.message(is_written=False),
                                self.target)
            else:
                self.run_late(answer)
            databases.wait_until(
                lambda: not self.runner._late_rows._is_awake)
        names = [thread.name for thread in threading.enumerate()]
        self.assertEqual(1, names.count('late-rows'))
