# SPDX-License-Identifier: Apache-2.0
"""``fields``, and filters that all lists have."""

import datetime

from qinling.db import models
from qinling.tests.unit.api import cases

OLD, NEW = datetime.datetime(2020, 1, 1), datetime.datetime(2030, 1, 1)
#: Path of a list, and its key.
LISTS = {'runtimes': 'runtimes', 'functions': 'functions', 'jobs': 'jobs',
         'webhooks': 'webhooks', 'aliases': 'function_aliases',
         'executions': 'executions'}


class TestFilters(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.ids = {}
        for noun, model in (
                ('runtimes', models.Runtime), ('functions', models.Function),
                ('jobs', models.Job), ('webhooks', models.Webhook),
                ('aliases', models.FunctionAlias),
                ('executions', models.Execution)):
            self.ids[noun] = []
            for time in (OLD, NEW):
                values = {'project_id': 'default', 'created_at': time,
                          'updated_at': time}
                if noun == 'aliases':
                    values.update(name=str(time.year),
                                  function_id=self.ids['functions'][0])
                self.ids[noun].append(self.api.insert(model, **values))

    def list_ids(self, noun, query):
        return [row['id'] for row in self.call(
            'GET', f'/v1/{noun}?{query}')[LISTS[noun]]]

    def test_times(self):
        for noun, (old, new) in self.ids.items():
            for name in ('created_at', 'updated_at'):
                for text, ids in (
                        ('gt:2025-01-01T00:00:00', [new]),
                        ('lte:2020-01-01T00:00:00Z', [old]),
                        ('2030-01-01T01:00:00%2B01:00', [new]),
                        (f'gt:2019-01-01&{name}=lt:2020-01-02', [old]),
                        ('gt:2031-01-01', [])):
                    self.assertEqual(ids, self.list_ids(
                        noun, f'{name}={text}'), (noun, name, text))

    def test_wrong_times_are_refused(self):
        for noun in self.ids:
            self.fault(400, "created_at: 'x' is not a time", 'GET',
                       f'/v1/{noun}?created_at=gt:x')

    def test_versions(self):
        function = self.api.function().id
        path = f'/v1/functions/{function}/versions'
        self.call('POST', path, {}, 201)
        for text, count in (('gt:2020-01-01', 1), ('lt:2020-01-01', 0)):
            self.assertEqual(count, len(self.call(
                'GET', f'{path}?created_at={text}')['function_versions']))

    def test_statuses(self):
        for noun, choice in (('jobs', 'done'), ('runtimes', 'error'),
                             ('executions', 'error')):
            rows = self.call('GET', f'/v1/{noun}')[LISTS[noun]]
            status = rows[0]['status']
            self.assertEqual(self.ids[noun], self.list_ids(
                noun, f'status=in:{status},{choice}'))
            self.assertEqual([], self.list_ids(noun, f'status=nin:{status}'))
            self.fault(400, "status: 'ot' is not one of ", 'GET',
                       f'/v1/{noun}?status={status}&status=ot')


class TestFields(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.function(name='f').id
        self.path = f'/v1/functions/{self.function}'

    def test_lists(self):
        self.assertEqual(
            {'functions': [{'id': self.function, 'name': 'f'}]},
            self.call('GET', '/v1/functions?fields=name,%20id'))
        self.api.function()
        page = self.call('GET', '/v1/functions?fields=count&limit=1')
        self.assertEqual({'functions': [{'count': 0}],
                          'next': page['next']}, page)
        self.assertIn('fields=count', page['next'])

    def test_single_resources(self):
        self.assertEqual({'name': 'f'},
                         self.call('GET', f'{self.path}?fields=name'))
        answer = self.api.request('GET', f'{self.path}?fields=name')
        self.assertEqual('"1"', answer.headers['ETag'])
        self.assertEqual(304, self.api.request(
            'GET', f'{self.path}?fields=name',
            If_None_Match='"1"').status_int)

    def test_times_and_nested_values(self):
        row = self.call('GET', self.path)
        self.assertEqual(
            {'created_at': row['created_at'], 'code': row['code']},
            self.call('GET', f'{self.path}?fields=code,created_at'))

    def test_unknown_attributes_are_refused(self):
        for text in ('x', '', 'name,', 'settings_id', 'x' * 5000, 'functions'):
            for path in (self.path, '/v1/functions', '/v1/executions'):
                self.fault(400, 'fields: there is no attribute', 'GET',
                           f'{path}?fields={text}')
