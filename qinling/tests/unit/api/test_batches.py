# SPDX-License-Identifier: Apache-2.0
"""Batches of executions."""

from qinling.db import models
from qinling.tests.unit.api import cases

PATH = '/v1/executions/batch'


class TestBatches(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.function().id
        self.engine = self.api.engine

    def create(self, **body):
        return self.call('POST', PATH, body, 201)

    def list_group(self, answer):
        return self.call('GET', f'/v1/executions?group_id='
                                f'{answer["group_id"]}')['executions']

    def test_inputs(self):
        answer = self.create(function_id=self.function, inputs=[
            {'a': 1}, 'text', None, [1]], description='many')
        rows = self.list_group(answer)
        self.assertEqual([{'id': row['id'], 'status': 'running'}
                          for row in rows], answer['executions'])
        self.assertEqual(['{"a": 1}', 'text', None, '[1]'],
                         [row['input'] for row in rows])
        self.assertEqual({('many', False, 'api', answer['group_id'])}, {
            (row['description'], row['sync'], row['trigger'],
             row['group_id']) for row in rows})
        self.assertEqual(['start'] * 4, self.engine.verbs())
        self.assertEqual(4, self.api.row(
            models.Function, self.function).count)

    def test_each_execution_has_an_answer(self):
        answer = self.create(executions=[
            {'function_id': self.function, 'input': 'x'},
            {'function_id': cases.UNKNOWN_ID}, {'input': 'x'}, 5,
            {'function_id': self.function, 'sync': True},
            {'function_id': self.function, 'nonsense': 1},
            {'function_id': self.function, 'status': 'success'},
            {'function_alias': 'no'},
            {'function_id': self.function, 'sync': False}])
        results = answer['executions']
        self.assertEqual(
            [None, 404, 400, 400, 400, 400, 400, 404, None],
            [result.get('error', {}).get('code') for result in results])
        for result, part in zip(results[1:8], (
                'Function not found', 'must be provided', 'must be an object',
                'cannot be synchronous', 'nonsense', 'read only',
                'FunctionAlias not found')):
            self.assertIn(part, result['error']['faultstring'])
        self.assertEqual([results[0]['id'], results[8]['id']],
                         [row['id'] for row in self.list_group(answer)])

    def test_invalid_batches_are_refused(self):
        single = {'function_id': self.function}
        for body, part in (
                ({}, 'needs either executions'),
                (dict(single), 'needs either executions'),
                (dict(single, inputs=[1], executions=[single]),
                 'needs either executions'),
                (dict(single, executions=[single]), 'needs either executions'),
                (dict(single, inputs='x'), 'must be lists'),
                ({'executions': single}, 'must be lists'),
                (dict(single, inputs=[]), '1 to 1000 executions'),
                (dict(single, inputs=[1] * 1001), '1 to 1000 executions'),
                (dict(single, inputs=[1], sync=True), 'sync')):
            self.fault(400, part, 'POST', PATH, body)
        self.assertEqual([], self.engine.calls)

    def test_large_batches(self):
        answer = self.create(function_id=self.function,
                             inputs=list(range(1000)))
        ids = [result['id'] for result in answer['executions']]
        self.assertEqual(ids, [row['id'] for row in self.list_group(answer)])

    def test_quotas_admit_the_first_executions(self):
        self.call('PUT', '/v1/quotas/default', {'concurrent_executions': 3})
        for accepted in (3, 0):
            answer = self.create(function_id=self.function, inputs=[1] * 5)
            results = answer['executions']
            self.assertEqual(
                [None] * accepted + [403] * (5 - accepted),
                [result.get('error', {}).get('code') for result in results])
            self.assertEqual(accepted, len(self.list_group(answer)))

    def test_repeats_create_nothing(self):
        self.call('PUT', '/v1/quotas/default', {'concurrent_executions': 2})
        body = {'executions': [
            {'function_id': cases.UNKNOWN_ID},
            {'function_id': self.function}, {'function_id': self.function},
            {'function_id': self.function}]}
        first, second = (self.api.request(
            'POST', PATH, body, Idempotency_Key='key') for _ in range(2))
        self.assertEqual('true', second.headers['Idempotent-Replayed'])
        self.assertEqual(first.json['group_id'], second.json['group_id'])
        self.assertEqual(first.json['executions'][1:3],
                         second.json['executions'][1:3])
        self.assertEqual([409, 409], [
            second.json['executions'][place]['error']['code']
            for place in (0, 3)])
        self.assertEqual(2, len(self.list_group(first.json)))
