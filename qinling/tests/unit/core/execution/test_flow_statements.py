# SPDX-License-Identifier: Apache-2.0
"""Statements that the flow control adds to an execution."""

from oslotest import base

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.db import models
from qinling.states import ExecutionStatus
from qinling.tests import fixtures

LINES = ('flow_entries', 'flow_locks')
#: Columns of which at least one is in a statement about one line.
COLUMNS = ('flow_key', 'execution_id', 'number')


class FlowStatementsTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.statements = []
        self.core.watch_statements(self.statements.append)

    def run_execution(self, **settings):
        """Create an execution and write its end."""
        function = self.core.function(**settings).id
        self.statements.clear()
        self.core.engine.calls.clear()
        row = self.core.services.triggers.fire(
            fixtures.caller(), fixtures.execution_request(
                function, sync=False, input={'key': 'a'}))
        _verb, message, _target = next(
            call for call in self.core.engine.calls if call[0] == 'start')
        lifecycle.finish(self.core.db, row.id, message.mark(
            outcomes.Outcome(ExecutionStatus.SUCCESS, '{}')))
        self.assertEqual('success', self.core.row(
            models.Execution, row.id).status)
        # The count of all waiting executions is kept for some time.
        return [statement for statement in self.statements
                if any(table in statement for table in LINES)
                and any(column in statement for column in COLUMNS)]

    def test_without_flow_control(self):
        self.assertEqual([], self.run_execution())

    def test_free_line(self):
        # The entry, if there is room; its deletion, if no other one waits.
        verbs = [statement.split()[0] for statement in self.run_execution(
            flow_control={'key': '$.key', 'concurrency': 1})]
        self.assertEqual(['INSERT', 'DELETE'], verbs)
