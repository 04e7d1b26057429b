# SPDX-License-Identifier: Apache-2.0
"""Schemas of functions, and inputs against the schemas, over HTTP."""

import json

from qinling.api import problems
from qinling.db import crud
from qinling.db import models
from qinling.tests.unit.api import cases

FUNCTIONS, EXECUTIONS = '/v1/functions', '/v1/executions'
SCHEMA = {'type': 'object', 'required': ['b'], 'properties': {
    'b': {'type': 'integer'}, 'a': {'maxLength': 2}},
    'additionalProperties': False}
REFUSAL = 'The input does not fit the input_schema of the function: '


class SchemaTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.function(input_schema=SCHEMA).id
        self.url = f'{FUNCTIONS}/{self.function}'

    def update(self, **fields):
        body, kind = cases.urlencoded({
            name: json.dumps(value) for name, value in fields.items()})
        return self.api.request('PUT', self.url, body, kind)

    def run_function(self, input, status=201, **fields):
        return self.call('POST', EXECUTIONS, {
            'function_id': self.function, 'input': input, **fields}, status)

    def refuse(self, words, path, body, **headers):
        before = self.call('GET', EXECUTIONS)['executions']
        self.fault(400, REFUSAL + words, 'POST', path, body, **headers)
        self.assertEqual(before, self.call('GET', EXECUTIONS)['executions'])
        self.assertEqual([], self.engine.verbs())


class TestFields(SchemaTest):
    def test_schemas_keep_their_order(self):
        row = self.call('GET', self.url)
        self.assertEqual((SCHEMA, None),
                         (row['input_schema'], row['output_schema']))
        self.assertEqual(['b', 'a'],
                         list(row['input_schema']['properties']))
        self.assertNotIn('schema_digest', row)

    def test_numbers_keep_their_value(self):
        schema = {'properties': {'a': {'minimum': -10 ** 30,
                                       'const': 2 ** 64}}}
        for _number in range(2):
            self.decode(self.update(input_schema=schema), 200)
            for row in (self.call('GET', self.url),
                        self.call('GET', self.url + '?fields=input_schema'),
                        *self.call('GET', FUNCTIONS)['functions']):
                self.assertEqual(schema, row['input_schema'])

    def test_change_and_removal(self):
        row = self.decode(self.update(output_schema={'type': 'string'}), 200)
        self.assertEqual((SCHEMA, {'type': 'string'}),
                         (row['input_schema'], row['output_schema']))
        row = self.decode(self.update(input_schema={}), 200)
        self.assertEqual((None, {'type': 'string'}),
                         (row['input_schema'], row['output_schema']))
        self.decode(self.update(output_schema={}), 200)
        self.assertIsNone(self.api.row(
            models.Function, self.function).schema_digest)

    def test_refused_schemas(self):
        for value, words in (
                ([], 'must be a JSON object'),
                ({'$ref': '#'}, 'recursive schemas are not supported'),
                ({'properties': {'a': {'type': 'text'}}},
                 'input_schema is not valid: /properties/a/type must be')):
            with self.subTest(value):
                answer = self.decode(self.update(input_schema=value), 400)
                self.assertIn(words, answer['faultstring'])
        self.assertEqual(SCHEMA, self.call('GET', self.url)['input_schema'])

    def test_versions_freeze_schemas(self):
        version = self.call('POST', f'{self.url}/versions', {}, 201)
        self.decode(self.update(input_schema={'type': 'null'}), 200)
        path = f'{self.url}/versions/1'
        self.assertEqual(SCHEMA, self.call('GET', path)['input_schema'])
        self.assertTrue(self.call('GET', f'{path}/verify')['valid'])
        changes = self.call('GET', f'{self.url}/versions/diff')['settings']
        self.assertEqual({'input_schema': {
            'old': SCHEMA, 'new': {'type': 'null'}}}, changes)
        new = self.call('POST', f'{self.url}/versions', {}, 201)
        self.assertNotEqual(version['digest'], new['digest'])
        self.run_function({'b': 1}, function_version=1)
        self.run_function({'b': 1}, 400, function_version=2)

    def test_changed_schema_is_detected(self):
        self.call('POST', f'{self.url}/versions', {}, 201)
        row, = self.api.db.read(lambda tx: crud.select(
            tx, models.FunctionVersion))
        self.api.db.write(lambda tx: crud.update(
            tx, models.FunctionVersion, row.id, {'input_schema': {}}))
        answer = self.call('GET', f'{self.url}/versions/1/verify')
        self.assertEqual((False, ['schemas']),
                         (answer['valid'], answer['parts']))


class TestInputs(SchemaTest):
    def test_inputs_that_fit(self):
        for value in ({'b': 1}, '{"b": 1}', {'a': 'xy', 'b': 1.0},
                      '{"__function_input": {"b": 2}}'):
            with self.subTest(value):
                self.run_function(value)
                self.run_function(value, sync=False)

    def test_inputs_that_do_not(self):
        for value, words in (
                (None, 'it must have b'), ({}, 'it must have b'),
                ('text', 'it must be of the type object'),
                ('[1]', 'it must be of the type object'),
                ({'b': 1, 'a': 'abc'}, '/a must have at most 2 characters'),
                ({'b': 1, 'c/d': 1}, '/c~1d is not a permitted member')):
            for sync in (True, False):
                with self.subTest(value, sync=sync):
                    self.refuse(words, EXECUTIONS, {
                        'function_id': self.function, 'input': value,
                        'sync': sync})

    def test_problem_has_pointers(self):
        answer = self.api.request('POST', EXECUTIONS, {
            'function_id': self.function, 'input': {'b': 'x', 'c/d': 1}},
            Accept=problems.MEDIA_TYPE)
        self.assertEqual('input_refused', answer.json['code'])
        self.assertEqual(
            {('#/input/b', 'must be of the type integer'),
             ('#/input/c~1d', 'is not a permitted member')},
            {(error['pointer'], error['detail'])
             for error in answer.json['errors']})

    def test_repeated_request_may_be_corrected(self):
        self.refuse('', EXECUTIONS, {
            'function_id': self.function, 'input': {}}, Idempotency_Key='k')
        self.call('POST', EXECUTIONS, {
            'function_id': self.function, 'input': {'b': 1}}, 201,
            Idempotency_Key='k')

    def test_batches_report_each_input(self):
        answer = self.call('POST', f'{EXECUTIONS}/batch', {
            'function_id': self.function, 'inputs': [{'b': 1}, {}]}, 201)
        self.assertEqual(
            [False, True], [REFUSAL in json.dumps(result)
                            for result in answer['executions']])

    def test_reruns(self):
        id = self.run_function({'b': 1})['id']
        self.decode(self.update(input_schema={'type': 'string'}), 200)
        self.fault(400, REFUSAL, 'POST', f'{EXECUTIONS}/{id}/rerun', {})

    def test_webhooks(self):
        url = self.call('POST', '/v1/webhooks', {
            'function_id': self.function}, 201)
        path = f'/v1/webhooks/{url["id"]}/invoke'
        self.refuse('it must have b', path, {})
        self.call('POST', path, {'b': 1}, 202)

    def test_jobs(self):
        body = {'function_id': self.function, 'pattern': '@hourly'}
        self.fault(400, REFUSAL + 'it must have b', 'POST', '/v1/jobs', body)
        job = self.call('POST', '/v1/jobs', {
            **body, 'function_input': {'b': 1}}, 201)
        path = f'/v1/jobs/{job["id"]}'
        self.fault(400, REFUSAL, 'PUT', path, {'function_input': '{}'})
        self.call('PUT', path, {'function_input': '{"b": 2}'})
        self.call('PUT', path, {'status': 'paused'})

    def test_costly_inputs_are_refused(self):
        self.decode(self.update(input_schema={'properties': {'a': {
            'allOf': 900 * [{'items': {'const': 2}}]}}}), 200)
        self.refuse('it takes too many steps to validate', EXECUTIONS, {
            'function_id': self.function, 'input': {'a': 2000 * [2]}})

    def test_new_schemas_are_in_force_at_once(self):
        self.run_function({'b': 1})
        self.decode(self.update(input_schema={'type': 'string'}), 200)
        self.run_function('text')
        self.run_function({'b': 1}, 400)
