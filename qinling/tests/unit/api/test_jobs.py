# SPDX-License-Identifier: Apache-2.0
"""Jobs over HTTP."""

import datetime

from qinling.db import models
from qinling.tests.unit.api import cases

KEYS = {'id', 'name', 'count', 'status', 'status_reason', 'function_alias',
        'function_id', 'function_version', 'function_input', 'pattern',
        'timezone', 'misfire', 'overlap', 'start_at', 'end_at', 'jitter',
        'max_failures', 'failures', 'exclusions', 'first_execution_time',
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
             'overlap': 'allow', 'start_at': None, 'end_at': None,
             'jitter': None, 'max_failures': None, 'failures': 0,
             'exclusions': None,
             'first_execution_time': f'{year}-01-01T00:00:00Z',
             'next_execution_time': f'{year}-01-01T00:00:00Z',
             'project_id': 'default', 'updated_at': None},
            {key: row[key] for key in KEYS - {'id', 'created_at'}})
        self.assertEqual(row, self.call('GET', f'{ALL}/{row["id"]}'))
        self.assertEqual([row], self.call('GET', ALL)['jobs'])

    def test_requests_of_the_old_client(self):
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

    def test_status_and_next_time_are_ignored(self):
        row = self.create(status='paused',
                          next_execution_time='2099-01-01T00:00:00Z')
        self.assertEqual('running', row['status'])
        self.assertNotIn('2099', row['next_execution_time'])

    def test_times_are_converted_to_utc(self):
        row = self.create(pattern=None, first_execution_time=(
            '2099-01-01T12:00:00+02:00'))
        self.assertEqual('2099-01-01T10:00:00Z', row['first_execution_time'])

    def test_invalid_jobs_are_refused(self):
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
                (400, 'is not valid', {'pattern': '* * * * * * *'}),
                (400, '', {'pattern': 5}),
                (400, 'read only', {'status_reason': 'x'}),
                (400, 'Unknown attribute', {'x': 1}),
                (404, 'Function not found', {'function_id': cases.UNKNOWN_ID}),
                (404, 'FunctionAlias not found', {'function_alias': 'x'})):
            self.fault(status, words, 'POST', ALL, self.body(body))
        self.assertEqual([], self.call('GET', ALL)['jobs'])


class TestExisting(JobTest):
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

    def test_next_execution_times(self):
        row = self.create(pattern='0 0 * * *', count=7)
        path = f'{ALL}/{row["id"]}/next'
        times = self.call('GET', path)['next_execution_times']
        self.assertEqual(5, len(times))
        self.assertEqual(row['next_execution_time'], times[0])
        self.assertEqual(sorted(set(times)), times)
        self.assertEqual(7, len(self.call('GET', f'{path}?count=50')[
            'next_execution_times']))
        for count in ('0', '101', '-1', 'x'):
            self.fault(400, '', 'GET', f'{path}?count={count}')
        self.put(row, status='done')
        self.assertEqual({'next_execution_times': []},
                         self.call('GET', path))


class TestExecutions(JobTest):
    """Filter, cancellation and rerun of executions."""

    def insert(self, **values):
        return self.api.insert(models.Execution, function_id=self.function,
                               **values)

    def path(self, id, verb):
        return f'/v1/executions/{id}/{verb}'

    def test_list_executions_of_a_job(self):
        ids = [self.insert(job_id=job, scheduled_at=models.now())
               for job in ('one', 'two')]
        executions = self.call('GET',
                               '/v1/executions?job_id=one')['executions']
        self.assertEqual(ids[:1], [row['id'] for row in executions])
        self.assertEqual('one', executions[0]['job_id'])

    def test_cancel(self):
        id = self.insert()
        row = self.call('POST', self.path(id, 'cancel'))
        self.assertEqual('cancelled', row['status'])
        self.assertEqual([('cancel', id)], self.engine.calls)
        finished = self.insert(status='success')
        self.fault(409, 'has ended already', 'POST',
                   self.path(finished, 'cancel'))
        self.fault(404, 'not found', 'POST',
                   self.path(cases.UNKNOWN_ID, 'cancel'))

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

    def test_retry_policies_of_functions(self):
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

    def run_job(self, row, status=201):
        return self.call('POST', f'{ALL}/{row["id"]}/run', status=status)

    def test_run(self):
        job = self.create(function_input='{"a": 1}', count=2)
        row = self.run_job(job)
        self.assertEqual(
            (job['id'], None, False, '{"a": 1}', self.function, 0,
             f'Created by Job {job["id"]}'),
            tuple(row[name] for name in (
                'job_id', 'scheduled_at', 'sync', 'input', 'function_id',
                'function_version', 'description')))
        self.assertEqual(job, self.call('GET', f'{ALL}/{job["id"]}'))
        self.assertEqual([row['id']], [row['id'] for row in self.call(
            'GET', f'/v1/executions?job_id={job["id"]}')['executions']])

    def test_run_of_a_paused_job(self):
        row = self.create()
        self.put(row, status='paused')
        self.run_job(row)

    def test_run_of_an_alias(self):
        self.api.insert(models.FunctionAlias, name='prod',
                        function_id=self.function)
        row = self.call('POST', ALL, {
            'function_alias': 'prod', 'pattern': '@daily'}, 201)
        self.assertEqual(('prod', self.function), tuple(
            self.run_job(row)[name] for name in ('function_alias',
                                                 'function_id')))

    def test_run_with_a_positional_input(self):
        row = self.create(function_input='{"__function_input": "text"}')
        self.assertEqual('text', self.run_job(row)['input'])

    def test_unknown_job(self):
        self.run_job({'id': self.function}, 404)
