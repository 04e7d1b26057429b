# SPDX-License-Identifier: Apache-2.0
"""Executions with a flow control that a database writes again.

A database that dies between commit and answer runs the transaction twice.
"""

from oslotest import base

from qinling.db import models
from qinling import exception
from qinling.tests import databases
from qinling.tests import fixtures


class RepeatsTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())

    def run_twice(self, **settings):
        """Run a synchronous execution, written twice before the start."""
        function = self.core.function(flow_control=settings).id
        self.core.engine.answers['run'] = self.core.succeed
        databases.repeat_next_write(self.core.db)
        return self.core.services.triggers.fire(
            fixtures.caller(), fixtures.execution_request(function))

    def test_own_entry_is_no_other(self):
        for settings in ({'concurrency': 1}, {'singleton': 'oldest'},
                         {'singleton': 'newest'},
                         {'rate': {'limit': 1, 'period': 60}}):
            row = self.run_twice(**settings)
            self.assertEqual('success', row.status, settings)
            self.assertEqual('success', self.core.row(
                models.Execution, row.id).status, settings)

    def test_entry_of_another(self):
        function = self.core.function(flow_control={'concurrency': 1}).id
        self.core.services.triggers.fire(
            fixtures.caller(), fixtures.execution_request(
                function, sync=False))
        self.assertRaises(
            exception.TooManyExecutions, self.core.services.triggers.fire,
            fixtures.caller(), fixtures.execution_request(function))
