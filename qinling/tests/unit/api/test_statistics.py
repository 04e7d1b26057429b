# SPDX-License-Identifier: Apache-2.0
"""Statistics of projects, functions, versions and aliases."""

import datetime

from qinling.core.execution import rollup
from qinling.db import crud
from qinling.db import models
from qinling.tests.unit.api import cases

HOUR = datetime.datetime(2026, 1, 31, 12)
RANGE = 'since=2026-01-31T12:30:00&until=2026-02-02T01:00:00'


class StatisticsTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.insert(models.Function)
        self.api.insert(models.FunctionVersion, function_id=self.function,
                        version_number=1)
        self.api.insert(models.FunctionAlias, name='prod',
                        function_id=self.function, function_version=1)
        rollup.count_ended(self.api.db)
        self.api.db.write(lambda tx: crud.update_all(
            tx, models.StatisticsProgress, {'ended_at': HOUR, 'id': ''}))
        self.end(30, function_version=1, function_alias='prod', duration=2,
                 import_ms=50)
        self.end(45, duration=1)
        self.end(90, function_version=1, status='failed', reason='timeout',
                 duration=4)
        self.end(24 * 60, status='error', reason='no_worker')
        self.end(10, project_id='foreign', function_id='x', duration=9)
        rollup.count_ended(self.api.db)

    def end(self, minutes, **values):
        """Write an execution that ended so long after ``HOUR``."""
        self.api.insert(models.Execution, **{
            'function_id': self.function, 'status': 'success',
            'updated_at': HOUR + datetime.timedelta(minutes=minutes),
            'import_ms': 0, 'memory_size': 1 << 30, **values})

    def get(self, path, query=''):
        return self.call('GET', f'{path}?{RANGE}{query}')

    def counts(self, path, by):
        return {group['key']: group['count'] for group
                in self.get(path, f'&by={by}')['groups']}


class TestDays(StatisticsTest):
    """Tests of answers that contain whole days."""

    def add_up_days(self):
        self.api.db.write(lambda tx: crud.update_all(
            tx, models.StatisticsProgress, {
                'as_of': HOUR + datetime.timedelta(days=3)}))
        while rollup.add_up_days(self.api.db) is None:
            continue

    def test_answers_stay_the_same(self):
        function = f'/v1/functions/{self.function}/stats'
        before = {}
        days = '?since=2026-01-30T13:00:00&until=2026-02-02T05:30:00'
        for path, groups in (
                ('/v1/stats', ('function', 'alias', 'hour', 'day')),
                ('/v1/aliases/prod/stats', ('function', 'version', 'day')),
                (f'/v1/functions/{self.function}/versions/1/stats',
                 ('alias', 'day')),
                (function, ('version', 'alias', 'hour', 'day'))):
            for query in (days, *(f'{days}&by={by}' for by in groups)):
                before[path, query] = self.call('GET', path + query)
        self.add_up_days()
        self.assertTrue(self.api.db.read(
            crud.exists, models.DailyStatistics))
        for (path, query), answer in before.items():
            answer.pop('as_of')
            after = self.call('GET', path + query)
            after.pop('as_of')
            self.assertLess(0, after['count'])
            self.assertEqual(answer, after, query)


class TestStatistics(StatisticsTest):
    def test_project(self):
        answer = self.get('/v1/stats')
        duration = answer.pop('duration')
        self.assertLess(answer.pop('as_of')[:4], '9999')
        self.assertEqual({
            'since': '2026-01-31T12:00:00Z', 'until': '2026-02-02T01:00:00Z',
            'count': 4, 'failures': 2, 'cold_starts': 1, 'gb_seconds': 7,
            'cost': None, 'currency': None,
            'failures_by_reason': {'timeout': 1, 'no_worker': 1}}, answer)
        self.assertEqual(4, duration['max'])
        self.assertAlmostEqual(2, duration['p50'], delta=0.02)
        self.assertEqual(4, duration['p99'])

    def test_groups(self):
        function = f'/v1/functions/{self.function}'
        for path, by, expected in (
                ('/v1/stats', 'function', {self.function: 4}),
                ('/v1/stats', 'alias', {'prod': 1}),
                ('/v1/stats', 'day', {'2026-01-31': 3, '2026-02-01': 1}),
                ('/v1/stats', 'hour', {'2026-01-31T12:00:00Z': 2,
                                       '2026-01-31T13:00:00Z': 1,
                                       '2026-02-01T12:00:00Z': 1}),
                (function, 'version', {'0': 2, '1': 2}),
                (function, 'alias', {'': 3, 'prod': 1}),
                (function, 'day', {'2026-01-31': 3, '2026-02-01': 1}),
                (function + '/versions/1', 'alias', {'': 1, 'prod': 1}),
                (function + '/versions/0', 'alias', {'': 2}),
                ('/v1/aliases/prod', 'version', {'1': 1}),
                ('/v1/aliases/prod', 'function', {self.function: 1})):
            path = path if path == '/v1/stats' else path + '/stats'
            self.assertEqual(expected, self.counts(path, by), (path, by))

    def test_totals(self):
        for path, count in ((f'/v1/functions/{self.function}', 4),
                            (f'/v1/functions/{self.function}/versions/1', 2),
                            ('/v1/aliases/prod', 1)):
            answer = self.get(path + '/stats')
            self.assertEqual(count, answer['count'])
            self.assertNotIn('groups', answer)

    def test_default_range_is_the_last_day(self):
        answer = self.call('GET', '/v1/stats')
        self.assertEqual((0, None), (answer['count'], answer['duration']))

    def test_invalid_queries_are_refused(self):
        for query, sentence in (
                ('since=x', 'is not a time'),
                ('until=9999-12-31T23:59:59', 'is not a time'),
                ('until=0001-01-01T00:00:00', 'is not a time'),
                ('since=9998-12-31&until=9998-12-31T23:59:59%2B00:00'
                 '&by=version', 'by must be one of'),
                ('by=version', 'by must be one of: function, alias, hour'),
                ('since=2026-02-01&until=2026-02-01', 'must be before'),
                ('since=2025-01-01&until=2026-02-01', 'longer than 92 days'),
                ('limit=1', 'Allowed: all_projects, by, since, until')):
            self.fault(400, sentence, 'GET', f'/v1/stats?{query}')

    def test_unknown_resources_return_404(self):
        for path in (f'functions/{cases.UNKNOWN_ID}',
                     f'functions/{self.function}/versions/2', 'aliases/no'):
            self.fault(404, 'not found', 'GET', f'/v1/{path}/stats')
