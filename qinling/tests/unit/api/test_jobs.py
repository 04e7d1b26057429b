# SPDX-License-Identifier: Apache-2.0
"""Jobs over HTTP."""

import datetime

from qinling.db import models
from qinling.tests.unit.api import cases

KEYS = {'id', 'name', 'count', 'status', 'status_reason', 'function_alias',
        'function_id', 'function_version', 'function_input', 'pattern',
        'timezone', 'misfire', 'first_execution_time',
        'next_execution_time', 'project_id', 'created_at', 'updated_at'}
ALL = '/v1/jobs'


class JobTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def body(self, values):
        return {'function_id': self.function, 'pattern': '0 0 1 1 *',
                **values}

    def create(self, **values):
        return self.call('POST', ALL, self.body(values), 201)

    def put(self, row, **values):
        return self.call('PUT', f'{ALL}/{row["id"]}', values)


class TestCreate(JobTest):
    def test_create(self):
        row = self.create()
        year = datetime.datetime.now(datetime.timezone.utc).year + 1
        self.assertEqual(KEYS, set(row))
        self.assertEqual(
            {'name': None, 'count': None, 'status': 'running',
             'status_reason': None, 'function_alias': None,
             'function_id': self.function, 'function_version': 0,
             'function_input': None, 'pattern': '0 0 1 1 *',
             'timezone': None, 'misfire': 'once',
             'first_execution_time': f'{year}-01-01T00:00:00Z',
             'next_execution_time': f'{year}-01-01T00:00:00Z',
             'project_id': 'default', 'updated_at': None},
            {key: row[key] for key in KEYS - {'id', 'created_at'}})
        self.assertEqual(row, self.call('GET', f'{ALL}/{row["id"]}'))
        self.assertEqual([row], self.call('GET', ALL)['jobs'])

    def test_as_the_old_client_does(self):
        rest = dict.fromkeys(('name', 'first_execution_time', 'pattern',
                              'function_input', 'count'))
        row = self.call('POST', ALL, {
            **rest, 'function_alias': None, 'function_id': self.function,
            'function_version': None, 'pattern': '@daily'}, 201)
        self.assertEqual(0, row['function_version'])
        self.api.insert(models.FunctionAlias, name='prod',
                        function_id=self.function)
        row = self.call('POST', ALL, {
            **rest, 'function_alias': 'prod', 'function_id': None,
            'function_version': None,
            'first_execution_time': '2099-01-01 12:00:00',
            'function_input': '{"a": 1}'}, 201)
        self.assertEqual(
            ('prod', None, 0, 1, '2099-01-01T12:00:00Z', '{"a": 1}'),
            tuple(row[key] for key in (
                'function_alias', 'function_id', 'function_version', 'count',
                'next_execution_time', 'function_input')))
        row = self.call('PUT', f'{ALL}/{row["id"]}', {
            'name': None, 'status': 'paused', 'pattern': None,
            'next_execution_time': None, 'function_input': None})
        self.assertEqual(('paused', '{"a": 1}'),
                         (row['status'], row['function_input']))

    def test_status_and_next_time_are_not_given(self):
        row = self.create(status='paused',
                          next_execution_time='2099-01-01T00:00:00Z')
        self.assertEqual('running', row['status'])
        self.assertNotIn('2099', row['next_execution_time'])

    def test_zones_of_times_are_converted(self):
        row = self.create(pattern=None, first_execution_time=(
            '2099-01-01T12:00:00+02:00'))
        self.assertEqual('2099-01-01T10:00:00Z', row['first_execution_time'])

    def test_what_is_refused(self):
        for status, words, body in (
                (400, 'at least 1 minute in the future',
                 {'first_execution_time': '2001-01-01'}),
                (400, 'is not a time', {'first_execution_time': 'soon'}),
                (400, 'must be text', {'first_execution_time': 5}),
                (400, 'must be specified', {'pattern': None}),
                (400, 'is not a whole number', {'count': 'x'}),
                (400, 'is not a whole number', {'count': 1.5}),
                (400, 'count must be at least 1', {'count': 0}),
                (400, 'out of range', {'count': 2 ** 31}),
                (400, 'is not a UUID', {'function_id': 'x'}),
                (400, 'not a version number', {'function_version': -1}),
                (400, 'is not valid', {'pattern': '* * * * * *'}),
                (400, '', {'pattern': 5}),
                (400, 'read only', {'status_reason': 'x'}),
                (400, 'Unknown attribute', {'x': 1}),
                (404, 'Function not found', {'function_id': cases.NONE}),
                (404, 'FunctionAlias not found', {'function_alias': 'x'})):
            self.fault(status, words, 'POST', ALL, self.body(body))
        self.assertEqual([], self.call('GET', ALL)['jobs'])


class TestOthers(JobTest):
    def test_update(self):
        row = self.create()
        changed = self.put(row, name='n', pattern='0 0 * * *',
                           timezone='UTC', misfire='all', status='paused')
        self.assertEqual(
            ('n', '0 0 * * *', 'UTC', 'all', 'paused'),
            tuple(changed[key] for key in (
                'name', 'pattern', 'timezone', 'misfire', 'status')))
        self.assertIsNotNone(changed['updated_at'])
        for status in ('done', 'cancelled'):
            row = self.put(self.create(), status=status)
            self.assertEqual((status, None), (
                row['status'], row['next_execution_time']))
            self.fault(400, 'Can not update a finished job.', 'PUT',
                       f'{ALL}/{row["id"]}', {'name': 'n'})

    def test_etags(self):
        row = self.create()
        path = f'{ALL}/{row["id"]}'
        self.assertEqual('"1"', self.api.request('GET', path).headers['ETag'])
        self.put(row, name='n')
        self.fault(412, 'is now "2"', 'PUT', path, {'name': 'm'},
                   If_Match='"1"')
        self.fault(412, 'is now "2"', 'DELETE', path, If_Match='"1"')
        self.call('DELETE', path, status=204, If_Match='"2"')

    def test_delete(self):
        row = self.create()
        path = f'{ALL}/{row["id"]}'
        self.call('DELETE', path, status=204)
        for method in ('GET', 'DELETE'):
            self.fault(404, 'Job not found', method, path)
        self.fault(404, 'Job not found', 'PUT', path, {'name': 'n'})

    def test_next(self):
        row = self.create(pattern='0 0 * * *', count=7)
        path = f'{ALL}/{row["id"]}/next'
        found = self.call('GET', path)['next_execution_times']
        self.assertEqual(5, len(found))
        self.assertEqual(row['next_execution_time'], found[0])
        self.assertEqual(sorted(set(found)), found)
        self.assertEqual(7, len(self.call('GET', f'{path}?count=50')[
            'next_execution_times']))
        for count in ('0', '101', '-1', 'x'):
            self.fault(400, '', 'GET', f'{path}?count={count}')
        self.put(row, status='done')
        self.assertEqual({'next_execution_times': []},
                         self.call('GET', path))


class TestExecutions(JobTest):
    """What became of executions, and what users do about it."""

    def insert(self, **values):
        return self.api.insert(models.Execution, function_id=self.function,
                               **values)

    def path(self, id, verb):
        return f'/v1/executions/{id}/{verb}'

    def test_of_a_job(self):
        ids = [self.insert(job_id=job, scheduled_at=models.now())
               for job in ('one', 'two')]
        found = self.call('GET', '/v1/executions?job_id=one')['executions']
        self.assertEqual(ids[:1], [row['id'] for row in found])
        self.assertEqual('one', found[0]['job_id'])

    def test_cancel(self):
        id = self.insert()
        row = self.call('POST', self.path(id, 'cancel'))
        self.assertEqual('cancelled', row['status'])
        self.assertEqual([('cancel', id)], self.engine.calls)
        ended = self.insert(status='success')
        self.fault(409, 'has ended already', 'POST',
                   self.path(ended, 'cancel'))
        self.fault(404, 'not found', 'POST', self.path(cases.NONE, 'cancel'))

    def test_rerun(self):
        id = self.insert(status='failed', input='x', sync=True)
        path = self.path(id, 'rerun')
        for body in (None, {}, {'version': 'original'},
                     {'version': 'current'}, {'version': 0},
                     {'version': '0'}, {'version': None}):
            row = self.call('POST', path, body, 201)
            self.assertEqual(('success', 'x', id), (
                row['status'], row['input'], row['rerun_of']))
        row = self.call('POST', path, {'sync': False}, 201)
        self.assertEqual('running', row['status'])
        for value in ('x', -1, 1.5, [], {}, True):
            self.fault(400, '', 'POST', path, {'version': value})
        self.fault(404, 'FunctionVersion not found', 'POST', path,
                   {'version': 3})
        self.fault(409, 'has not ended yet', 'POST',
                   self.path(row['id'], 'rerun'))

    def test_policies_of_functions(self):
        path = f'/v1/functions/{self.function}'
        policy = {'retries': 1, 'delay': 1, 'max_age': None,
                  'on_failure': None}
        row = self.call('PUT', path, {'async_policy': '{"retries": 1}'})
        self.assertEqual(policy, row['async_policy'])
        row = self.call('PUT', path, {'async_policy': {'retries': 1}})
        self.assertEqual(policy, row['async_policy'])
        row = self.call('PUT', path, {'async_policy': '{}'})
        self.assertIsNone(row['async_policy'])
        for value in ('x', '[]', '{"retries": -1}', '{"x": 1}', '5'):
            self.fault(400, 'async_policy', 'PUT', path,
                       {'async_policy': value})
