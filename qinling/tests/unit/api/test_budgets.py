# SPDX-License-Identifier: Apache-2.0
"""Budgets and costs in the API."""

from qinling.tests.unit.api import cases
from qinling.tests.unit.api import test_statistics

PRICES = {'cost': {'gb_second_price': 0.5, 'million_executions_price': 10 ** 6,
                   'currency': 'CHF'}}
PATH = '/v1/budgets/p'


class TestBudgets(cases.ApiTest):
    GROUPS = PRICES

    def test_life_of_a_budget(self):
        self.fault(404, 'Project p has no budget', 'GET', PATH)
        self.fault(400, 'A new budget needs an amount', 'PUT', PATH,
                   {'warn_at': 0.5})
        budget = self.call('PUT', PATH, {
            'amount': 12.5, 'warning_url': 'https://hooks.example/secret?k=v'})
        self.assertEqual(7, len(budget.pop('month')))
        self.assertEqual({
            'project_id': 'p', 'amount': 12.5, 'currency': 'CHF',
            'warn_at': 0.8, 'warning_url': 'https://hooks.example/***',
            'on_exceeded': 'warn', 'spent': 0, 'level': 'ok'}, budget)
        self.call('PUT', PATH, {'on_exceeded': 'refuse'})
        budget = self.call('GET', PATH)
        self.assertEqual((12.5, 'refuse'), (budget['amount'],
                                            budget['on_exceeded']))
        self.assertEqual('https://hooks.example/***', budget['warning_url'])
        self.call('PUT', PATH, {'warning_url': ''})
        self.assertIsNone(self.call('GET', PATH)['warning_url'])
        self.call('DELETE', PATH, status=204)
        self.fault(404, 'has no budget', 'DELETE', PATH)

    def test_own_budget_needs_no_id(self):
        self.fault(404, 'Project default has no budget', 'GET',
                   '/v1/budgets')
        self.call('PUT', '/v1/budgets/default', {'amount': 1})
        self.assertEqual(1, self.call('GET', '/v1/budgets')['amount'])

    def test_invalid_values_are_refused(self):
        for values, sentence in (
                ({'amount': 0}, 'amount must be greater than 0'),
                ({'amount': 'x'}, "amount: 'x' is not a number."),
                ({'amount': 10 ** 400}, 'is not a number.'),
                ({'amount': 1, 'warn_at': 0}, 'warn_at must be'),
                ({'amount': 1, 'warn_at': 1.1}, 'warn_at must be'),
                ({'amount': 1, 'on_exceeded': 'x'}, 'one of: warn, refuse'),
                ({'amount': 1, 'warning_url': 'ftp://x'}, 'http or https'),
                ({'amount': 1, 'warning_url': 'http://[x'}, 'http or https'),
                ({'amount': 1, 'warning_url': 'https://'}, 'http or https'),
                ({'amount': 1, 'spent': 1}, 'spent'),
                ({'amonut': 1}, 'Did you mean: amount?')):
            self.fault(400, sentence, 'PUT', PATH, values)
        self.fault(400, 'at most 80', 'PUT', '/v1/budgets/' + 'x' * 81,
                   {'amount': 1})


class TestWithoutPrices(cases.ApiTest):
    def test_budgets_need_prices(self):
        self.fault(400, 'Executions have no price', 'PUT', PATH,
                   {'amount': 1})


class TestCosts(test_statistics.StatisticsTest):
    GROUPS = PRICES

    def test_costs(self):
        answer = self.get('/v1/stats', '&by=function')
        self.assertEqual(('CHF', 7.5), (answer['currency'], answer['cost']))
        self.assertEqual([7.5], [group['cost'] for group
                                 in answer['groups']])
        answer = self.get('/v1/aliases/prod/stats')
        self.assertEqual(('CHF', 2), (answer['currency'], answer['cost']))

    def test_all_projects(self):
        answer = self.get('/v1/stats', '&all_projects=true&by=project')
        self.assertEqual({'default': 7.5, 'foreign': 5.5}, {
            group['key']: group['cost'] for group in answer['groups']})
        self.assertEqual(13, answer['cost'])
        self.fault(400, 'one of: project, hour, day', 'GET',
                   '/v1/stats?all_projects=true&by=function')


class TestRights(test_statistics.StatisticsTest):
    ENFORCING = True

    def test_all_projects_need_a_policy(self):
        for path, rule, roles in (
                ('/v1/stats?all_projects=true',
                 'statistics:get_project:all_projects', 'member'),
                ('/v1/budgets/other', 'budget:get', 'member')):
            self.fault(403, f'it needs the policy {rule}', 'GET', path,
                       X_Roles=roles)
        self.call('GET', '/v1/stats?all_projects=true', X_Roles='admin')
