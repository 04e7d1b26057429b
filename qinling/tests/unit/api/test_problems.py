# SPDX-License-Identifier: Apache-2.0
"""Errors for programs."""

import json

from qinling.api import problems
from qinling import exception
from qinling.tests.unit.api import cases

PROBLEM = 'application/problem+json'
EXECUTIONS = '/v1/executions'
#: Body, attribute of the error and words of the sentence.
WRONG_BODIES = (
    (EXECUTIONS, {'function_id': 'x'}, 'function_id', "'x' is not a UUID"),
    (EXECUTIONS, {'function_id': cases.UNKNOWN_ID, 'sync': 'maybe'}, 'sync',
     "sync: 'maybe' is not a boolean"),
    (EXECUTIONS, {'unknown': 1}, 'unknown', 'Unknown attribute'),
    (EXECUTIONS, {'status': 'x'}, 'status', 'read only'),
    (EXECUTIONS, {'function_alias': 'x' * 256}, 'function_alias',
     'too long'),
    (EXECUTIONS, {'function_alias': 5}, 'function_alias', 'Wrong type'),
    ('/v1/jobs', {'count': 'x'}, 'count', "count: 'x' is not a whole"),
    ('/v1/jobs', {'function_version': []}, 'function_version',
     'function_version: [] is not a whole'),
    ('/v1/jobs', {'first_execution_time': 5}, 'first_execution_time',
     'first_execution_time: A time must be text'),
    ('/v1/runtimes', {'image': 'x', 'trusted': {}}, 'trusted',
     'trusted: {} is not a boolean'),
    ('/v1/runtimes', {'a/b~': 1}, 'a~1b~0', 'Unknown'))


class TestProblems(cases.ApiTest):
    def problem(self, status, method, path, body=None, accept=PROBLEM,
                **headers):
        """Return the decoded problem of a failing request."""
        answer = self.api.request(method, path, body, Accept=accept,
                                  **headers)
        self.assertEqual((status, PROBLEM),
                         (answer.status_int, answer.content_type))
        problem = json.loads(answer.body)
        self.assertEqual(
            (status, f'urn:qinling:problem:{problem["code"]}',
             answer.headers['X-Openstack-Request-Id']),
            (problem['status'], problem['type'], problem['request_id']))
        self.assertIn(problem['code'], problems.list_codes())
        return problem

    def test_unknown_resource(self):
        path = f'/v1/functions/{cases.UNKNOWN_ID}'
        problem = self.problem(404, 'GET', path)
        self.assertEqual('function_not_found', problem['code'])
        self.assertEqual('Function not found', problem['title'])
        self.assertNotIn('errors', problem)
        self.assertEqual(self.call('GET', path, status=404)['faultstring'],
                         problem['detail'])

    def test_other_errors(self):
        for status, code, method, path in (
                (404, 'not_found', 'GET', '/v1/nothing'),
                (405, 'method_not_allowed', 'DELETE', EXECUTIONS),
                (400, 'invalid', 'POST', EXECUTIONS),
                (400, 'invalid', 'GET', '/v1/runtimes?limit=x')):
            self.assertEqual(code, self.problem(status, method,
                                                path)['code'])
        answer = self.problem(415, 'POST', EXECUTIONS, b'x',
                              kind='text/plain')
        self.assertEqual('unsupported_media_type', answer['code'])

    def test_attributes(self):
        for path, body, name, words in WRONG_BODIES:
            error, = self.problem(400, 'POST', path, body)['errors']
            self.assertEqual(f'#/{name}', error['pointer'])
            self.assertIn(words, error['detail'])

    def test_resources_of_functions(self):
        body, kind = cases.urlencoded({
            'code': '{"source": "image", "image": "x"}', 'timeout': 'x'})
        error, = self.problem(400, 'POST', '/v1/functions', body,
                              kind=kind)['errors']
        self.assertEqual('#/timeout', error['pointer'])

    def test_internal_errors(self):
        def fail(*_):
            raise ValueError('a secret')
        self.api.services.executions.get = fail
        problem = self.problem(500, 'GET',
                               f'{EXECUTIONS}/{cases.UNKNOWN_ID}')
        self.assertEqual(('internal_server_error', 'Internal server error.'),
                         (problem['code'], problem['detail']))

    def test_accept(self):
        for accept in (PROBLEM, 'application/json, ' + PROBLEM,
                       'Application/Problem+JSON; q=0.5'):
            self.problem(404, 'GET', '/v1/nothing', accept=accept)
        for accept in ('', '*/*', 'application/json', 'application/*',
                       f'{PROBLEM};q=0', f'{PROBLEM}; q=0.0', ', ;'):
            self.decode(self.api.request('GET', '/v1/nothing',
                                         Accept=accept), 404)


class TestCodes(cases.ApiTest):
    def test_codes_are_unique_and_stable(self):
        for kind, code in (
                (exception.QinlingError, 'internal_server_error'),
                (exception.Invalid, 'invalid'),
                (exception.RuntimeInUse, 'runtime_in_use'),
                (exception.IdempotencyKeyReused, 'idempotency_key_reused')):
            self.assertEqual(code, kind.code)
        codes = problems.list_codes()
        self.assertEqual(len(codes), len(set(codes)))
        self.assertIn('function_not_found', codes)
