# SPDX-License-Identifier: Apache-2.0
"""Budgets of projects, on every database."""

from unittest import mock

from oslotest import base

from qinling.core.execution import budgets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

PRICES = {'cost': {'gb_second_price': 0.5, 'million_executions_price': 10 ** 6,
                   'currency': 'EUR'}}
CALLERS = 4


class Budgets:
    """Tests of the budget of one project on the database ``backend``.

    An execution costs 1 EUR, a GB-second half of that.
    """

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend, **PRICES))
        self.ctx = fixtures.caller('p')
        self.budgets = self.core.services.budgets
        self.function = self.core.function(self.ctx).id

    def spend(self, count, gb_seconds=0, hour=None, project='p',
              function=models.ALL_FUNCTIONS):
        """Write statistics of executions."""
        hour = hour or models.now()
        self.core.db.write(lambda tx: crud.insert(
            tx, models.ExecutionStatistics, project_id=project,
            function_id=function, function_version=models.ALL_VERSIONS,
            hour=hour.replace(minute=0, second=0, microsecond=0),
            function_alias='', count=count, cold_starts=0,
            gb_seconds=gb_seconds, failures={}))

    def set(self, **values):
        return self.budgets.set(self.ctx, 'p', values)

    def refresh(self):
        budgets.refresh_all(self.core.conf, self.core.db)
        row = self.budgets.get(self.ctx, 'p')
        return row.spent, row.level

    def fire(self, **values):
        return self.core.services.triggers.fire(
            self.ctx, fixtures.execution_request(self.function, **values))

    def test_levels(self):
        self.assertEqual((0, 0.8, 'warn'), [
            (row.spent, row.warn_at, row.on_exceeded)
            for row in [self.set(amount=10)]][0])
        self.spend(7, gb_seconds=1)
        # Neither other projects nor other months nor parts count.
        self.spend(50, project='other')
        self.spend(50, function=self.function)
        self.spend(50, hour=models.now().replace(year=2020))
        self.assertEqual((7.5, 0), self.refresh())
        self.set(warn_at=0.75)
        self.assertEqual((7.5, 1), self.refresh())
        self.set(amount=7.5)
        self.assertEqual((7.5, 2), self.refresh())
        self.fire()
        self.set(amount=1000)
        self.assertEqual((7.5, 0), self.refresh())

    def test_used_budget_refuses_executions(self):
        self.spend(3)
        self.set(amount=3, on_exceeded='refuse')
        for sync in (True, False):
            error = self.assertRaises(exception.BudgetExceeded, self.fire,
                                      sync=sync)
            self.assertIn('Ask an operator to raise the budget', str(error))
            self.assertEqual(403, error.http_code)
        # Other projects run.
        stranger = fixtures.caller('stranger')
        self.core.services.triggers.fire(stranger, fixtures.execution_request(
            self.core.function(stranger).id))
        # A new budget applies to the next execution.
        self.set(amount=4)
        self.fire()
        self.set(amount=3)
        self.assertRaises(exception.BudgetExceeded, self.fire)
        self.set(on_exceeded='warn')
        self.fire()
        self.set(on_exceeded='refuse')
        self.budgets.delete('p')
        self.fire()

    def test_levels_are_reported_once_a_month(self):
        self.spend(9)
        self.set(amount=10)
        row, = budgets.unreported(self.core.db)
        budgets.mark_reported(self.core.db, row)
        self.refresh()
        self.assertEqual([], budgets.unreported(self.core.db))
        self.set(amount=5)
        row, = budgets.unreported(self.core.db)
        self.assertEqual(2, row.level)
        # The report of a former month says nothing about this one.
        budgets.mark_reported(self.core.db, mock.Mock(
            project_id='p', month='2020-01', level=2))
        self.assertEqual(1, len(budgets.unreported(self.core.db)))
        budgets.mark_reported(self.core.db, row)
        self.assertEqual([], budgets.unreported(self.core.db))
        self.set(amount=100)
        self.set(amount=5)
        self.assertEqual(1, len(budgets.unreported(self.core.db)))

    def test_simultaneous_creations(self):
        rows = database.run_together(
            *[lambda: self.set(amount=5)] * CALLERS)
        self.assertEqual([5] * CALLERS, [row.amount for row in rows])


class TestSqlite(Budgets, base.BaseTestCase):
    backend = 'sqlite'


class TestMariadb(Budgets, base.BaseTestCase):
    backend = 'mariadb'


class TestPostgresql(Budgets, base.BaseTestCase):
    backend = 'postgresql'
