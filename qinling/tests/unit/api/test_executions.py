# SPDX-License-Identifier: Apache-2.0
"""``/v1/executions``."""

import json

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling import printable
from qinling.tests.unit.api import cases

KEYS = {'id', 'function_id', 'function_version', 'function_alias',
        'description', 'status', 'reason', 'detail', 'sync', 'input', 'result',
        'project_id', 'created_at', 'updated_at', 'attempt',
        'next_attempt_at', 'job_id', 'scheduled_at', 'rerun_of', 'failed_id',
        'trigger', 'group_id', 'started_at', 'ended_at', 'queue_ms',
        'import_ms', 'duration', 'cold', 'memory_peak', 'version_chosen',
        'digest', 'secrets', 'fingerprint', 'flow_key', 'waiting_for'}
ALL = '/v1/executions'


class ExecutionTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def create(self, status=201, **body):
        body.setdefault('function_id', self.function)
        return self.call('POST', ALL, body, status)

    def check_refused(self, status, words, **body):
        body.setdefault('function_id', self.function)
        return self.fault(status, words, 'POST', ALL, body)

    def url(self, id, suffix=''):
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
        self.assertEqual(row, self.call('GET', self.url(row['id'])))

    def test_async(self):
        row = self.create(sync=False)
        self.assertEqual(KEYS, set(row))
        self.assertEqual(
            ('running', False, None, None),
            (row['status'], row['sync'], row['result'], row['updated_at']))
        self.assertEqual(row, self.call('GET', self.url(row['id'])))
        self.assertEqual(['start'], self.engine.verbs())

    def test_create_by_the_old_client(self):
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

    def test_null_version_is_the_latest_code(self):
        self.assertEqual(0, self.create(function_version=None)[
            'function_version'])

    def test_input(self):
        for value, text in (
                (None, None), ('{"a": 1}', '{"a": 1}'), ('abc', 'abc'),
                ('6', '6'), ('null', None), ('', ''), ('1.5', '1.5'),
                ('{"__function_input": "x", "a": 1}', 'x'),
                ('{"__function_input": [1]}', '[1]'), ('[1]', '[1]'),
                ({'a': 1}, '{"a": 1}'), ({'__function_input': 5}, '5'),
                ([1], '[1]'), (6, '6'), (1.5, '1.5'), (False, 'false'),
                ('naïve 😀', 'naïve 😀')):
            row = self.create(input=value)
            self.assertEqual(text, row['input'], value)
            self.assertEqual(text, self.call(
                'GET', self.url(row['id']))['input'])
        listed = self.call('GET', ALL)['executions']
        self.assertIn('x', [row['input'] for row in listed])

    def test_invalid_input_is_refused(self):
        self.check_refused(400, 'Unicode',
                           input='{"__function_input": "\\ud800"}')
        for number, words in (('1e400', 'is beyond the range'),
                              ('0.12345678901234567890', 'has more digits'),
                              ('9' * 5000, 'has more than 4300 digits')):
            self.check_refused(400, f' at a {words}',
                               input='{"a": %s}' % number)
            self.fault(400, f'Request cannot be stored. The number '
                       f'{printable.shorten(number, 40)} at input.a[1] '
                       f'{words}', 'POST', ALL,
                       b'{"function_id": "%s", "input": {"a": [1, %s]}}' % (
                           self.function.encode(), number.encode()))
        deep = b'[' * 1000 + b']' * 1000
        self.fault(400, 'nested', 'POST', ALL,
                   b'{"function_id": "%s", "input": %s}' % (
                       self.function.encode(), deep))

    def test_function_or_alias_is_required(self):
        for body in ({}, {'function_id': None, 'function_alias': None},
                     {'input': 'x'}):
            self.fault(
                400, 'Either function_alias or function_id must be '
                'provided.', 'POST', ALL, body)

    def test_unknown_targets_return_404(self):
        self.check_refused(404, f'Function not found [id={cases.UNKNOWN_ID}]',
                           function_id=cases.UNKNOWN_ID)
        self.check_refused(404, 'FunctionVersion not found',
                           function_version=1)
        self.check_refused(404, 'FunctionAlias not found [name=none]',
                           function_alias='none')
        self.check_refused(404, 'FunctionAlias not found', function_alias='')

    def test_invalid_versions_are_refused(self):
        for version in (-1, 'x', 1.5, '-1', True, 2 ** 31, []):
            self.check_refused(400, '', function_version=version)
        self.assertEqual(0, self.create(function_version='0')[
            'function_version'])

    def test_texts(self):
        text = '😀' * 255
        self.assertEqual(text, self.create(description=text)['description'])
        for field in ('description', 'function_alias'):
            for wrong in ('x' * 256, 'a\0b', 5, ['x']):
                self.check_refused(400, '', **{field: wrong})

    def test_ids(self):
        for id in ('x', 5, '', self.function + '0'):
            self.check_refused(400, '', function_id=id)
        self.assertEqual(self.function, self.create(
            function_id=self.function.upper())['function_id'])

    def test_unavailable_runtimes_return_409(self):
        row = self.api.row(models.Function, self.function)
        self.api.db.write(lambda tx: crud.update(
            tx, models.Runtime, row.runtime_id, {'status': 'error'}))
        self.check_refused(409, f'Runtime {row.runtime_id} is not available')

    def test_executions_are_counted(self):
        for sync in (True, False):
            self.create(sync=sync)
        self.assertEqual(2, self.call(
            'GET', f'/v1/functions/{self.function}')['count'])

    def test_create_without_an_engine(self):
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        answer = self.api.request(
            'POST', '/v1/executions', {'function_id': self.function})
        self.assertEqual((503, '1'), (
            answer.status_int, answer.headers['Retry-After']))
        self.engine.answers['start'] = exception.Unavailable(reason='none')
        self.assertEqual('running', self.create(sync=False)['status'])


class TestExisting(ExecutionTest):
    def test_log(self):
        id = self.create()['id']
        for accept in ('*/*', 'text/plain', 'application/json', ''):
            answer = self.api.request('GET', self.url(id, '/log'),
                                      Accept=accept)
            self.assertEqual(
                (200, 'text/plain', 'utf-8', 5),
                (answer.status_int, answer.content_type, answer.charset,
                 answer.content_length))
            self.assertEqual('a log', answer.text)

    def test_large_log(self):
        self.engine.answers['run'] = lambda row, target: self.api.succeed(
            row, target, logs='naïve 😀\n' * 10000)
        answer = self.api.request(
            'GET', self.url(self.create()['id'], '/log'))
        self.assertEqual('naïve 😀\n' * 10000, answer.text)

    def test_log_of_a_running_execution(self):
        id = self.create(sync=False)['id']
        answer = self.api.request('GET', self.url(id, '/log'))
        self.assertEqual((200, 0, 'text/plain', ''), (
            answer.status_int, answer.content_length, answer.content_type,
            answer.text))

    def test_log_until_now(self):
        id = self.create(sync=False)['id']
        self.api.db.write(lambda tx: tx.execute(
            models.Execution.__table__.update().values(owner='engine')))
        self.engine.answers['read_log'] = (
            lambda id, owner, offset: 'naïve log'[offset:])
        self.assertEqual('naïve log', self.api.request(
            'GET', self.url(id, '/log')).text)
        self.assertEqual('log', self.api.request(
            'GET', self.url(id, '/log?offset=6')).text)
        self.assertEqual(('read_log', id, 'engine', 6),
                         self.engine.calls[-1])
        self.fault(400, 'offset must not be negative', 'GET',
                   self.url(id, '/log?offset=-1'))

    def test_stream_of_texts(self):
        id = self.create()['id']
        answer = self.api.request('GET', self.url(id, '/log?follow=1'))
        self.assertEqual((200, 'text/plain', 'a log'), (
            answer.status_int, answer.content_type, answer.text))
        self.fault(404, 'Execution not found', 'GET',
                   self.url(cases.UNKNOWN_ID, '/log?follow=true'))

    def test_stream_of_events(self):
        id = self.create()['id']
        answer = self.api.request(
            'GET', self.url(id, '/log?follow=true'),
            Accept='text/event-stream')
        self.assertEqual((200, 'text/event-stream', 'no-store'), (
            answer.status_int, answer.content_type,
            answer.headers['Cache-Control']))
        end = 'event: end\nid: 5\ndata: {"status": "success"}\n\n'
        self.assertEqual(
            'event: log\nid: 5\ndata: {"text": "a log"}\n\n' + end,
            answer.text)
        answer = self.api.request(
            'GET', self.url(id, '/log?follow=true'), **{
                'Accept': 'text/event-stream', 'Last-Event-ID': '5'})
        self.assertEqual(end, answer.text)

    def test_stream_of_a_deleted_execution(self):
        id = self.create(sync=False)['id']

        def delete(id, _owner, _offset):
            self.api.db.write(lambda tx: crud.delete(
                tx, models.Execution, id))
            return 'a log'
        self.engine.answers['read_log'] = delete
        self.api.db.write(lambda tx: tx.execute(
            models.Execution.__table__.update().values(owner='engine')))
        answer = self.api.request(
            'GET', self.url(id, '/log?follow=true'),
            Accept='text/event-stream')
        self.assertIn('data: {"text": "a log"}', answer.text)
        self.assertTrue(answer.text.endswith(
            'data: {"status": "deleted"}\n\n'), answer.text)

    def test_streams_give_their_threads_back(self):
        id = self.create()['id']
        for _number in range(self.api.conf.api.threads):
            self.assertEqual('a log', self.api.request(
                'GET', self.url(id, '/log?follow=1')).text)

    def test_logs_are_shown_only_by_log(self):
        row = self.create()
        for execution in (row, self.call('GET', self.url(row['id'])),
                          self.call('GET', ALL)['executions'][0]):
            self.assertNotIn('a log', json.dumps(execution))

    def test_delete(self):
        for sync in (True, False):
            id = self.create(sync=sync)['id']
            answer = self.api.request('DELETE', self.url(id))
            self.assertEqual((204, b''), (answer.status_int, answer.body))
            self.fault(404, f'Execution not found [id={id}]', 'GET',
                       self.url(id))
            self.fault(404, 'Execution not found', 'DELETE', self.url(id))

    def test_ids(self):
        for method in ('GET', 'DELETE'):
            self.fault(404, 'Execution not found', method,
                       self.url(cases.UNKNOWN_ID))
            self.fault(400, 'is not a UUID', method, self.url('x'))
        for id in ('x', cases.UNKNOWN_ID):
            self.fault(404, f'Execution not found [id={id}]', 'GET',
                       self.url(id, '/log'))

    def test_executions_cannot_be_changed(self):
        id = self.create()['id']
        for method in ('PUT', 'PATCH', 'POST'):
            self.fault(405, 'is not possible here', method, self.url(id), {})


class TestList(ExecutionTest):
    def setUp(self):
        super().setUp()
        self.rows = [self.create(description=text, sync=sync)
                     for text, sync in (('Created by Job 7', True),
                                        ('Created by Webhook 7', False),
                                        ('50% off', False), (None, True))]

    def indexes(self, query=''):
        rows = self.call('GET', ALL + query)['executions']
        return [self.rows.index(row) for row in rows]

    def test_all(self):
        self.assertEqual([0, 1, 2, 3], self.indexes())
        self.assertEqual({'executions'}, set(self.call('GET', ALL)))

    def test_filters(self):
        for text, expected in (
                ('?status=success', [0, 3]), ('?status=eq:running', [1, 2]),
                ('?status=in:success,failed', [0, 3]),
                ('?status=nin:success', [1, 2]), ('?status=error', []),
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
            self.assertEqual(expected, self.indexes(text), text)

    def test_unknown_query_keys_are_refused(self):
        for key in ('id', 'logs', 'queue_ms'):
            self.fault(400, f'Unknown argument: "{key}". Allowed: '
                       'all_projects, created_at, description, duration, ',
                       'GET', f'{ALL}?{key}=1')

    def test_repeated_filters(self):
        self.assertEqual([1, 2], self.indexes(
            '?status=neq:success&status=neq:failed'))
        page = self.call('GET', f'{ALL}?status=gte:a&status=lt:z&limit=1')
        self.assertIn('status=gte%3Aa&status=lt%3Az&limit=1&marker=',
                      page['next'])

    def test_values_of_another_type_are_refused(self):
        for query, sentence in (
                ('created_at=x', 'is not a time'),
                ('duration=gt:x', 'is not a number'),
                ('sync=x', 'use true or false'),
                ('function_version=has:1', 'is no text')):
            self.fault(400, sentence, 'GET', f'{ALL}?{query}')

    def test_unknown_values_are_refused(self):
        for query, sentence in (
                ('status=runing', "status: 'runing' is not one of running, "
                 'success, failed, error, cancelled. Did you mean: running?'),
                ('reason=in:timeout,crash', 'Did you mean: crashed?'),
                ('trigger=neq:rabbitmq', "trigger: 'rabbitmq' is not one of "
                 'api, job, webhook, ')):
            self.fault(400, sentence, 'GET', f'{ALL}?{query}')

    def test_pages_keep_their_filters(self):
        first = self.call('GET', f'{ALL}?status=in:success,error&limit=1')
        self.assertEqual(self.rows[0], first['executions'][0])
        second = self.call('GET', first['next'])
        self.assertEqual([self.rows[3]], second['executions'])
        self.assertNotIn('next', second)
