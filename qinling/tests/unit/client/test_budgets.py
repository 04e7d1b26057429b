# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for budgets and costs."""

from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_runs

BUDGET = {'project_id': 'p', 'amount': 20, 'currency': 'EUR', 'warn_at': 0.8,
          'warning_url': None, 'on_exceeded': 'refuse', 'month': '2026-01',
          'spent': 5, 'level': 'ok'}


class TestCosts(test_runs.Case):
    def test_costs(self):
        stats = dict(test_runs.STATS, cost=12.5, currency='EUR', groups=[
            dict(test_runs.STATS, key='p', cost=0.25)])
        out = self.run_command('stats --by project', stats)
        self.assertEqual(['GET /v1/stats?by=project&all_projects=True'],
                         self.paths)
        self.assertIn('1.5 GB-seconds, 12.5 EUR\n', out)
        self.assertTrue(out.endswith('p95 500ms, 0.25 EUR\n'), out)


class TestBudgets(test_runs.Case):
    def test_set(self):
        out = self.run_command(
            'function budget set p --amount 20 --warn-at 0.8 --on-exceeded '
            'refuse --warning-url https://example.org', BUDGET)
        self.assertEqual(['PUT /v1/budgets/p'], self.paths)
        self.assertEqual(
            {'amount': 20, 'warn_at': 0.8, 'on_exceeded': 'refuse',
             'warning_url': 'https://example.org'}, self.body())
        self.assertIn('20.00 EUR', out)
        self.assertIn('5.00 EUR (25%)', out)
        self.run_command('function budget set p', code=1)
        self.assertIn('Specify what to set', self.errors)

    def test_amounts_below_a_cent(self):
        out = self.run_command('function budget show p', dict(
            BUDGET, amount=0.0004, spent=0.0001))
        self.assertIn('0.0004 EUR', out)
        self.assertIn('0.0001 EUR (25%)', out)

    def test_show_and_delete(self):
        self.run_command('function budget show', BUDGET)
        self.assertEqual(['GET /v1/budgets'], self.paths)
        self.run_command('function budget show p', BUDGET)
        self.assertEqual(['GET /v1/budgets/p'], self.paths)
        self.run_command('function budget delete p', stub.answer(204))
        self.assertEqual(['DELETE /v1/budgets/p'], self.paths)
