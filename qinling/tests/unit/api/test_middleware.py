# SPDX-License-Identifier: Apache-2.0
"""Middleware before the application."""

import dataclasses

from qinling.api import app
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

HORIZON = 'https://horizon.example.com'
REQUESTED = ('X-Auth-Token, Content-Type, If-Match, Idempotency-Key, '
             'X-Project-Id, X-OpenStack-Request-ID')


class TestCors(cases.ApiTest):
    def setUp(self):
        super().setUp()
        conf = fixtures.configured(self, cors={'allowed_origin': HORIZON})
        self.services = dataclasses.replace(self.api.services, conf=conf)
        self.api.app = app.create_app(self.services)

    def preflight(self, origin=HORIZON, method='GET', headers='', path='/'):
        answer = self.api.request(
            'OPTIONS', path, Origin=origin,
            Access_Control_Request_Method=method,
            Access_Control_Request_Headers=headers)
        self.assertEqual(200, answer.status_int)
        return answer.headers.get('Access-Control-Allow-Origin')

    def test_preflight(self):
        for path in ('/', '/v1', '/v1/functions'):
            self.assertEqual(HORIZON, self.preflight(path=path))
            self.assertIsNone(self.preflight('https://evil.example.com',
                                             path=path))

    def test_preflight_of_methods(self):
        for method in ('GET', 'PUT', 'POST', 'DELETE', 'PATCH'):
            self.assertEqual(HORIZON, self.preflight(method=method))
        self.assertIsNone(self.preflight(method='TRACE'))

    def test_preflight_of_headers(self):
        self.assertEqual(HORIZON, self.preflight(headers=REQUESTED))
        self.assertIsNone(self.preflight(headers='X-Evil'))

    def test_answers_have_cors_headers(self):
        for path, status in (('/', 200), ('/v1/functions', 200),
                             ('/v1/functions/x', 404), ('/nothing', 404)):
            answer = self.api.request('GET', path, Origin=HORIZON)
            self.assertEqual(status, answer.status_int)
            self.assertEqual(
                HORIZON, answer.headers['Access-Control-Allow-Origin'])
            for name in ('X-OpenStack-Request-ID', 'ETag', 'X-Project-Id'):
                self.assertIn(name, answer.headers[
                    'Access-Control-Expose-Headers'])
            rejected = self.api.request('GET', path,
                                        Origin='https://evil.example.com')
            self.assertEqual(status, rejected.status_int)
            self.assertNotIn('Access-Control-Allow-Origin', rejected.headers)

    def test_faults_have_cors_headers(self):
        def fail(_environ):
            raise ZeroDivisionError
        self.api.app = app.create_app(
            self.services, fixtures.Strategy(fail))
        answer = self.api.request('GET', '/v1/functions', Origin=HORIZON)
        self.assertEqual(500, answer.status_int)
        self.assertEqual(HORIZON,
                         answer.headers['Access-Control-Allow-Origin'])


class TestWithoutCors(cases.ApiTest):
    def test_answers_have_no_cors_headers(self):
        answer = self.api.request('GET', '/', Origin=HORIZON)
        self.assertNotIn('Access-Control-Allow-Origin', answer.headers)
