# SPDX-License-Identifier: Apache-2.0
"""Synchronous executions with a flow control, whose rows an engine writes."""

from qinling.core.execution import flow_records
from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.flow_states import FlowStatus
from qinling.tests import databases
from qinling.tests.unit.engine import base
from qinling.tests.unit.engine.run import test_late_rows
from qinling.tests.unit.engine.run import test_runner

ID = test_late_rows.ID


class TestLines(test_late_rows.LateRowsTest):
    def setUp(self):
        super().setUp()
        self.new = self.create_new(ID)

    def create_new(self, id, **values):
        """Return an execution in the one line of the function."""
        settings = {'concurrency': 1}
        target = base.target(function_id=self.target.function_id,
                             flow_control=settings)
        row = records.ExecutionRow(**{
            **vars(self.new.row), 'id': id, 'flow_key': '', **values})
        return records.NewExecution(
            row, target, flow=flow_records.create(target, row.created_at))

    def statuses(self):
        return [(row.execution_id, row.status) for row in self.db.read(
            crud.select, models.FlowEntry)]

    def test_place_in_the_line_before_the_start(self):
        def answer():
            row = self.execution(ID)
            rows.append((row.status, row.owner, row.attempt,
                         self.statuses()))
            return test_runner.GOOD
        rows = []
        self.assertEqual('success', self.run_late(answer).status)
        self.assertEqual(
            [('running', 'me', 1, [(ID, FlowStatus.RUNNING.value)])], rows)
        self.assertEqual([], self.statuses())
        self.assertEqual(('success', 1),
                         (self.execution(ID).status, self.count()))

    def test_two_writes(self):
        writes = self.record_writes()
        self.run_late(test_runner.GOOD)
        self.assertEqual([{'durable': False, 'batch': False},
                          {'batch': False}], writes)

    def test_refusal(self):
        self.db.write(lambda tx: lifecycle.insert(
            tx, self.create_new('other')))
        self.assertRaises(exception.TooManyExecutions, self.run_late)
        self.assertTrue(self.runner.is_idle)
        self.assertEqual([('other', FlowStatus.RUNNING.value)],
                         self.statuses())
        self.assertIsNone(self.execution(ID))

    def test_refused_execution_is_not_written_later(self):
        self.runner = self.create_runner()
        self.addCleanup(self.runner.close)
        self.db.write(lambda tx: lifecycle.insert(
            tx, self.create_new('other')))
        rows = self.runner._late_rows
        rows.add(self.new)
        self.assertRaises(exception.TooManyExecutions, rows.claim, ID)
        self.db.write(lambda tx: lifecycle.cancel(tx, 'other'))
        rows.write(ID)
        self.assertIsNone(self.execution(ID))

    def test_row_of_the_client_is_claimed(self):
        """Run what the client wrote while the engine was silent."""
        self.db.write(lambda tx: lifecycle.insert(
            tx, self.create_new(ID, owner=None, attempt=0)))
        self.assertEqual('success', self.run_late(test_runner.GOOD).status)
        self.assertEqual(('success', 1, 1), (
            self.execution(ID).status, self.execution(ID).attempt,
            self.count()))
        self.assertEqual([], self.statuses())

    def test_row_of_another_engine_stays(self):
        self.db.write(lambda tx: lifecycle.insert(
            tx, self.create_new(ID, owner='another')))
        self.assertIsNone(self.run_late())
        self.assertEqual(('running', 'another'), (
            self.execution(ID).status, self.execution(ID).owner))

    def test_lost_answer_of_the_database(self):
        """Meet the own entry when the write is repeated."""
        databases.repeat_next_write(self.db)
        self.assertEqual('success', self.run_late(test_runner.GOOD).status)
        self.assertEqual(('success', 1), (
            self.execution(ID).status, self.execution(ID).attempt))
        self.assertEqual([], self.statuses())
