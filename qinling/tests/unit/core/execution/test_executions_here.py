# SPDX-License-Identifier: Apache-2.0
"""Synchronous executions on an engine in the same process."""

import dataclasses

from qinling.core.execution import lifecycle
from qinling.core.execution import records
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
                self.core.db, new, records.Outcome(
                    ExecutionStatus.SUCCESS, '{"output": 1}'))
        received = []
        self.engine.owner = 'me'
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

    def test_stopping_engine_in_the_process(self):
        self.engine.owner = 'me'
        self.engine.answers['run'] = exception.Unavailable(reason='stopping')
        self.assertRaises(exception.Unavailable, self.create)
        self.assertEqual([], self.list_rows())
