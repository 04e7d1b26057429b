# SPDX-License-Identifier: Apache-2.0
"""Synchronous executions on an engine in the same process."""

import dataclasses

from qinling.core import engine_client
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.tests.unit.core.execution import test_executions


class TestSync(test_executions.ExecutionTest):
    def accept_in_process(self, **values):
        """Return what an engine in the process sees: new row, stored row."""
        def run(message, target):
            new = message.unwritten
            received.extend([new and dataclasses.replace(new.row),
                             self.row(message.id)])
            if new is None:
                return self.core.succeed(message, target)
            return lifecycle.insert_ended(
                self.core.db, new, outcomes.Outcome(
                    ExecutionStatus.SUCCESS, '{"output": 1}'))
        received = []
        self.engine.owner, self.engine.writes_rows = 'me', True
        self.engine.answers['run'] = run
        result = self.create(**values)
        self.assertEqual('success', self.row(result.id).status)
        return received

    def test_engine_in_the_process_writes_the_row(self):
        new, row = self.accept_in_process()
        self.assertIsNone(row)
        self.assertEqual(('me', 1), (new.owner, new.attempt))
        self.assertEqual(
            self.add_seconds(new.created_at, self.conf.engine.lease),
            new.lease_until)

    def test_limits_need_the_row(self):
        for group, name in (
                ('quota', 'concurrent_executions'),
                ('resource_limits', 'function_executions'),
                ('resource_limits', 'project_executions')):
            self.conf.set_override(name, 5, group=group)
            new, row = self.accept_in_process()
            self.assertIsNone(new, name)
            self.assertEqual(('running', 'me', 1),
                             (row.status, row.owner, row.attempt), name)
            self.conf.clear_override(name, group=group)

    def test_line_needs_the_row_before_the_start(self):
        self.control(key='$.key', concurrency=1, rate={
            'limit': 5, 'period': 60})
        new, row = self.accept_in_process()
        self.assertIsNone(row)
        self.assertEqual('', new.flow_key)
        _verb, message, _target = self.engine.calls[-1]
        self.assertTrue(message.write_first)

    def test_line_may_end_other_executions(self):
        for singleton in ('newest', 'oldest'):
            self.control(key='$.key', singleton=singleton)
            new, row = self.accept_in_process()
            self.assertIsNone(new, singleton)
            self.assertEqual('running', row.status, singleton)

    def control(self, **settings):
        """Give the function another flow control."""
        self.function = self.core.function(
            test_executions.MINE, flow_control=settings)

    def test_stopping_engine_in_the_process(self):
        self.engine.owner, self.engine.writes_rows = 'me', True
        self.engine.answers['run'] = exception.Unavailable(reason='stopping')
        self.assertRaises(exception.Unavailable, self.create)
        self.assertEqual([], self.list_rows())


class TestElsewhere(test_executions.ExecutionTest):
    """Executions whose rows an engine of another machine writes."""

    def setUp(self):
        super().setUp()
        self.engine.writes_rows = True

    def test_without_an_engine_the_row_is_written(self):
        calls = []

        def run(message, target):
            calls.append((message.unwritten, self.row(message.id)))
            if message.unwritten is not None:
                raise engine_client.RowNeeded()
            return self.core.succeed(message, target)
        self.engine.answers['run'] = run
        result = self.create()
        self.assertEqual('success', result.status)
        (new, no_row), (written, row) = calls
        self.assertIsNone(no_row)
        self.assertIsNone(written)
        self.assertEqual((new.row.id, None, 0),
                         (row.id, row.owner, row.attempt))

    def test_row_of_an_engine_that_gave_up(self):
        """Delete the row when no engine runs the execution."""
        def run(message, target):
            self.core.db.write(lambda tx: lifecycle.insert(
                tx, message.unwritten))
            raise exception.OrchestratorUnavailable(reason='it is away.')
        self.engine.answers['run'] = run
        self.assertRaises(exception.OrchestratorUnavailable, self.create)
        self.assertEqual([], self.list_rows())

    def test_lost_execution_ends_with_a_reason(self):
        self.engine.answers['run'] = engine_client.EngineLost('silence')
        result = self.create()
        row = self.row(result.id)
        for execution in (result, row):
            self.assertEqual(('error', 'engine_lost'),
                             (execution.status, execution.reason))

    def test_engine_that_was_lost_cannot_write_any_more(self):
        late = []

        def run(message, target):
            late.append(message.unwritten)
            raise engine_client.EngineLost('silence')
        self.engine.answers['run'] = run
        self.create()
        self.assertIsNone(lifecycle.insert_ended(
            self.core.db, late[0], outcomes.Outcome(
                ExecutionStatus.SUCCESS, '{"output": 1}')))
        self.assertEqual('error', self.list_rows()[0].status)

    def test_end_written_by_a_lost_engine_is_returned(self):
        def run(message, target):
            lifecycle.insert_ended(
                self.core.db, message.unwritten, outcomes.Outcome(
                    ExecutionStatus.SUCCESS, '{"output": 1}'))
            raise engine_client.EngineLost('silence')
        self.engine.answers['run'] = run
        self.assertEqual('success', self.create().status)

    def test_lost_before_the_claim_is_unavailable(self):
        self.engine.writes_rows = False
        self.engine.answers['run'] = engine_client.EngineLost('silence')
        self.assertRaises(exception.Unavailable, self.create)
        self.assertEqual([], self.list_rows())
