# SPDX-License-Identifier: Apache-2.0
"""``/v1/executions``."""

import json

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests.unit.api import cases

KEYS = {'id', 'function_id', 'function_version', 'function_alias',
        'description', 'status', 'reason', 'sync', 'input', 'result',
        'project_id', 'created_at', 'updated_at', 'attempt',
        'next_attempt_at', 'job_id', 'scheduled_at', 'rerun_of', 'failed_id'}
ALL = '/v1/executions'


class ExecutionTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def create(self, status=201, **body):
        body.setdefault('function_id', self.function)
        return self.call('POST', ALL, body, status)

    def refused(self, status, words, **body):
        body.setdefault('function_id', self.function)
        return self.fault(status, words, 'POST', ALL, body)

    def one(self, id, suffix=''):
        return f'{ALL}/{id}{suffix}'


class TestCreate(ExecutionTest):
    def test_sync(self):
        row = self.create()
        self.assertEqual(KEYS, set(row))
        self.assertEqual(
            (self.function, 0, None, None, 'success', True, None,
             '{"output": 1}', 'default'),
            tuple(row[key] for key in (
                'function_id', 'function_version', 'function_alias',
                'description', 'status', 'sync', 'input', 'result',
                'project_id')))
        self.assertEqual(row, self.call('GET', self.one(row['id'])))

    def test_async(self):
        row = self.create(sync=False)
        self.assertEqual(KEYS, set(row))
        self.assertEqual(
            ('running', False, None, None),
            (row['status'], row['sync'], row['result'], row['updated_at']))
        self.assertEqual(row, self.call('GET', self.one(row['id'])))
        self.assertEqual(['start'], self.engine.verbs())

    def test_as_the_old_client_does(self):
        row = self.create(function_version=0, function_alias=None, sync=True,
                          input=None)
        self.assertEqual('success', row['status'])
        self.api.insert(models.FunctionAlias, name='prod',
                        function_id=self.function)
        row = self.call('POST', ALL, {
            'function_id': None, 'function_version': None, 'sync': False,
            'function_alias': 'prod', 'input': 'x'}, 201)
        self.assertEqual(('prod', self.function, 0), (
            row['function_alias'], row['function_id'],
            row['function_version']))

    def test_null_for_a_version(self):
        self.assertEqual(0, self.create(function_version=None)[
            'function_version'])

    def test_input(self):
        for sent, shown in (
                (None, None), ('{"a": 1}', '{"a": 1}'), ('abc', 'abc'),
                ('6', '6'), ('null', None), ('', ''), ('1.5', '1.5'),
                ('{"__function_input": "x", "a": 1}', 'x'),
                ('{"__function_input": [1]}', '[1]'), ('[1]', '[1]'),
                ({'a': 1}, '{"a": 1}'), ({'__function_input': 5}, '5'),
                ([1], '[1]'), (6, '6'), (1.5, '1.5'), (False, 'false'),
                ('naïve 😀', 'naïve 😀')):
            row = self.create(input=sent)
            self.assertEqual(shown, row['input'], sent)
            self.assertEqual(shown, self.call(
                'GET', self.one(row['id']))['input'])
        listed = self.call('GET', ALL)['executions']
        self.assertIn('x', [row['input'] for row in listed])

    def test_input_that_cannot_be_kept(self):
        for text, words in (('a\0b', 'NUL'),
                            ('{"__function_input": "\\ud800"}', 'Unicode')):
            self.refused(400, words, input=text)
        deep = b'[' * 1000 + b']' * 1000
        self.fault(400, 'deep', 'POST', ALL,
                   b'{"function_id": "%s", "input": %s}' % (
                       self.function.encode(), deep))

    def test_neither_function_nor_alias(self):
        for body in ({}, {'function_id': None, 'function_alias': None},
                     {'input': 'x'}):
            self.fault(
                400, 'Either function_alias or function_id must be '
                'provided.', 'POST', ALL, body)

    def test_what_is_not_there(self):
        self.refused(404, f'Function not found [id={cases.NONE}]',
                     function_id=cases.NONE)
        self.refused(404, 'FunctionVersion not found', function_version=1)
        self.refused(404, 'FunctionAlias not found [name=none]',
                     function_alias='none')
        self.refused(404, 'FunctionAlias not found', function_alias='')

    def test_versions_that_are_none(self):
        for version in (-1, 'x', 1.5, '-1', True, 2 ** 31, []):
            self.refused(400, '', function_version=version)
        self.assertEqual(0, self.create(function_version='0')[
            'function_version'])

    def test_texts(self):
        text = '😀' * 255
        self.assertEqual(text, self.create(description=text)['description'])
        for field in ('description', 'function_alias'):
            for wrong in ('x' * 256, 'a\0b', 5, ['x']):
                self.refused(400, '', **{field: wrong})

    def test_ids(self):
        for id in ('x', 5, '', self.function + '0'):
            self.refused(400, '', function_id=id)
        self.assertEqual(self.function, self.create(
            function_id=self.function.upper())['function_id'])

    def test_a_runtime_that_does_not_serve(self):
        row = self.api.row(models.Function, self.function)
        self.api.db.write(lambda tx: crud.update(
            tx, models.Runtime, row.runtime_id, {'status': 'upgrading'}))
        self.refused(409, f'Runtime {row.runtime_id} is not available')

    def test_the_count(self):
        for sync in (True, False):
            self.create(sync=sync)
        self.assertEqual(2, self.call(
            'GET', f'/v1/functions/{self.function}')['count'])

    def test_no_engine(self):
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        answer = self.api.request(
            'POST', '/v1/executions', {'function_id': self.function})
        self.assertEqual((503, '1'), (
            answer.status_int, answer.headers['Retry-After']))
        self.engine.answers['start'] = exception.Unavailable(reason='none')
        self.assertEqual('running', self.create(sync=False)['status'])


class TestLater(ExecutionTest):
    def test_log(self):
        id = self.create()['id']
        for accept in ('*/*', 'text/plain', 'application/json', ''):
            answer = self.api.request('GET', self.one(id, '/log'),
                                      Accept=accept)
            self.assertEqual(
                (200, 'text/plain', 'utf-8', 5),
                (answer.status_int, answer.content_type, answer.charset,
                 answer.content_length))
            self.assertEqual('a log', answer.text)

    def test_log_of_many_words(self):
        self.engine.answers['run'] = lambda row, target: self.api.succeed(
            row, target, logs='naïve 😀\n' * 10000)
        answer = self.api.request(
            'GET', self.one(self.create()['id'], '/log'))
        self.assertEqual('naïve 😀\n' * 10000, answer.text)

    def test_log_while_it_runs(self):
        id = self.create(sync=False)['id']
        answer = self.api.request('GET', self.one(id, '/log'))
        self.assertEqual((200, 0, 'text/plain', ''), (
            answer.status_int, answer.content_length, answer.content_type,
            answer.text))

    def test_logs_are_shown_nowhere_else(self):
        row = self.create()
        for found in (row, self.call('GET', self.one(row['id'])),
                      self.call('GET', ALL)['executions'][0]):
            self.assertNotIn('a log', json.dumps(found))

    def test_delete(self):
        for sync in (True, False):
            id = self.create(sync=sync)['id']
            answer = self.api.request('DELETE', self.one(id))
            self.assertEqual((204, b''), (answer.status_int, answer.body))
            self.fault(404, f'Execution not found [id={id}]', 'GET',
                       self.one(id))
            self.fault(404, 'Execution not found', 'DELETE', self.one(id))

    def test_ids(self):
        for method in ('GET', 'DELETE'):
            self.fault(404, 'Execution not found', method,
                       self.one(cases.NONE))
            self.fault(400, 'is not a UUID', method, self.one('x'))
        for id in ('x', cases.NONE):
            self.fault(404, f'Execution not found [id={id}]', 'GET',
                       self.one(id, '/log'))

    def test_no_changes(self):
        id = self.create()['id']
        for method in ('PUT', 'PATCH', 'POST'):
            self.fault(405, 'is not possible here', method, self.one(id), {})


class TestList(ExecutionTest):
    def setUp(self):
        super().setUp()
        self.rows = [self.create(description=text, sync=sync)
                     for text, sync in (('Created by Job 7', True),
                                        ('Created by Webhook 7', False),
                                        ('50% off', False), (None, True))]

    def found(self, query=''):
        rows = self.call('GET', ALL + query)['executions']
        return [self.rows.index(row) for row in rows]

    def test_all(self):
        self.assertEqual([0, 1, 2, 3], self.found())
        self.assertEqual({'executions'}, set(self.call('GET', ALL)))

    def test_filters(self):
        for text, expected in (
                ('?status=success', [0, 3]), ('?status=eq:running', [1, 2]),
                ('?status=in:success,failed', [0, 3]),
                ('?status=nin:success', [1, 2]), ('?status=nothing', []),
                ('?description=has:Job%207', [0]),
                ('?description=has:7', [0, 1]),
                ('?description=has:%25', [2]),
                ('?description=has:50%25 o', [2]),
                ('?description=Created%20by%20Job%207', [0]),
                ('?description=has:Created&status=running', [1]),
                (f'?function_id={self.function}', [0, 1, 2, 3]),
                (f'?function_id=neq:{self.function}', []),
                ('?function_id=has:-', [0, 1, 2, 3]),
                ('?all_projects=maybe', [0, 1, 2, 3]),
                ('?status=gte:s', [0, 3]), ('?status=', [])):
            self.assertEqual(expected, self.found(text), text)

    def test_unknown_keys(self):
        for key in ('fields', 'id', 'sync', 'function_version', 'logs',
                    'created_at'):
            self.fault(400, f'Unknown argument: "{key}"', 'GET',
                       f'{ALL}?{key}=1')

    def test_pages_keep_their_filters(self):
        first = self.call('GET', f'{ALL}?status=in:success,error&limit=1')
        self.assertEqual(self.rows[0], first['executions'][0])
        second = self.call('GET', first['next'])
        self.assertEqual([self.rows[3]], second['executions'])
        self.assertNotIn('next', second)
