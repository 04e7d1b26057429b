# SPDX-License-Identifier: Apache-2.0
"""Web pages of other hosts that use a webhook."""

import json

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.states import ExecutionStatus
from qinling.tests.unit.api import test_webhook_http as webhook_http

PAGE, STRANGER = 'https://app.example', 'https://evil.example'
ALLOW_ORIGIN = 'Access-Control-Allow-Origin'


class CorsTest(webhook_http.DeliveryTest):
    def check_allowed(self, answer, origin=PAGE):
        """Check the headers that let a page read an answer."""
        self.assertEqual(['access-control-allow-origin',
                          'access-control-expose-headers'],
                         webhook_http.list_cors_headers(answer))
        self.assertEqual(origin, answer.headers[ALLOW_ORIGIN])
        self.assertIn('Origin', answer.vary)

    def check_hidden(self, answer):
        """Check that a page cannot read an answer."""
        self.assertEqual([], webhook_http.list_cors_headers(answer))

    def ask(self, path, method='POST', origin=PAGE, names=None):
        """Return the answer to a preflight request.

        :param names: headers of the request to follow.
        """
        headers = {'Access-Control-Request-Headers': names} if names else {}
        return self.api.request('OPTIONS', path, **headers, **{
            'Origin': origin, 'Access-Control-Request-Method': method})


class TestPreflight(CorsTest):
    def test_allowed_preflight(self):
        path = self.webhook(origins=['https://first.example', PAGE],
                            methods=['POST', 'PUT'])
        for method in ('POST', 'PUT', 'HEAD'):
            answer = self.ask(path, method, names='content-type, x-any')
            self.assertEqual((204, b''), (answer.status_int, answer.body))
            headers = {name: answer.headers.get(name) for name in (
                ALLOW_ORIGIN, 'Access-Control-Allow-Methods',
                'Access-Control-Allow-Headers', 'Access-Control-Max-Age',
                'Access-Control-Allow-Credentials', 'Vary')}
            self.assertEqual({
                ALLOW_ORIGIN: PAGE,
                'Access-Control-Allow-Methods': 'POST, PUT, HEAD',
                'Access-Control-Allow-Headers': 'content-type, x-any',
                'Access-Control-Max-Age': '600',
                'Access-Control-Allow-Credentials': None,
                'Vary': 'Origin'}, headers)
        self.assertEqual([], self.engine.calls)
        self.assertEqual(0, self.count_rejections(path))

    def test_any_origin(self):
        path = self.webhook(origins=['*'])
        for origin in (PAGE, STRANGER, 'null'):
            answer = self.ask(path, origin=origin)
            self.assertEqual((204, '*'), (
                answer.status_int, answer.headers[ALLOW_ORIGIN]))

    def test_other_origins_and_methods_are_refused(self):
        path = self.webhook(origins=[PAGE])
        for origin, method in (
                (STRANGER, 'POST'), ('null', 'POST'), (PAGE, 'PUT'),
                (PAGE + ':444', 'POST'), (PAGE.upper(), 'POST'),
                ('http://app.example', 'POST'), (PAGE + '.evil', 'POST'),
                (PAGE, 'post'), (PAGE, 'OPTIONS'), ('*', 'POST')):
            answer = self.ask(path, method, origin)
            self.decode(answer, 403)
            self.assertIn(f'does not allow {method} requests of pages of '
                          f'{origin};', answer.json['faultstring'])
            self.check_hidden(answer)
        self.assertEqual([], self.engine.calls)

    def test_options_without_a_page(self):
        for origins in ([], [PAGE]):
            path = self.webhook(origins=origins)
            for headers in ({}, {'Origin': PAGE},
                            {'Access-Control-Request-Method': 'POST'}):
                answer = self.api.request('OPTIONS', path, **headers)
                self.decode(answer, 405)
                self.assertEqual(('POST', 'HEAD'), answer.allow)
                self.check_hidden(answer)

    def test_names_of_headers_are_checked(self):
        path = self.webhook(origins=[PAGE])
        for names in ('a: b', 'x' * 4097, 'caf\xe9', '"a"'):
            answer = self.ask(path, names=names)
            self.assertNotIn('Access-Control-Allow-Headers', answer.headers)

    def test_unknown_webhooks(self):
        path = self.webhook(origins=[PAGE])
        self.call('DELETE', path.removesuffix('/invoke'), status=204)
        answer = self.ask(path)
        self.decode(answer, 404)
        self.check_hidden(answer)


class TestAnswers(CorsTest):
    def test_accepted_deliveries(self):
        path = self.webhook(origins=[PAGE])
        self.check_allowed(self.api.request('POST', path, Origin=PAGE))
        self.check_allowed(self.api.request('HEAD', path, Origin=PAGE))
        for answer in (self.api.request('POST', path, Origin=STRANGER),
                       self.api.request('POST', path)):
            self.assertEqual(202, answer.status_int)
            self.check_hidden(answer)
            self.assertIn('Origin', answer.vary)
        path = self.webhook(origins=['*'])
        self.check_allowed(self.api.request('POST', path, Origin=PAGE), '*')

    def test_webhooks_without_origins(self):
        answer = self.api.request('POST', self.webhook(), Origin=PAGE)
        self.check_hidden(answer)
        self.assertNotIn('Vary', answer.headers)

    def test_faults(self):
        path = self.webhook(origins=[PAGE], signature='standard')
        for status, method, data in (
                (401, 'POST', b''), (405, 'PUT', b''),
                (413, 'POST', b'x' * (webhook_http.MAX_BYTES + 1))):
            answer = self.api.request(method, path, data, Origin=PAGE)
            self.decode(answer, status)
            self.check_allowed(answer)
            self.check_hidden(self.api.request(method, path, data,
                                               Origin=STRANGER))
        path = self.webhook(origins=[PAGE])
        for _ in range(51):
            answer = self.api.request('POST', path, Origin=PAGE)
        self.decode(answer, 429)
        self.check_allowed(answer)
        self.assertIn('Retry-After', answer.headers)

    def test_headers_of_the_function(self):
        output = json.dumps({'output': {'status_code': 200, 'headers': {
            'access-control-allow-origin': '*', 'Vary': 'Accept',
            'Access-Control-Allow-Credentials': ['true', 'false']}}})
        self.engine.answers['run'] = lambda message, _: lifecycle.finish(
            self.api.db, message.id, outcomes.Outcome(
                ExecutionStatus.SUCCESS, output))
        path = self.webhook(sync=True, origins=[PAGE])
        answer = self.api.request('POST', path, Origin=PAGE)
        self.check_allowed(answer)
        self.assertEqual({'Accept', 'Origin'}, set(answer.vary))
        self.check_hidden(self.api.request('POST', path, Origin=STRANGER))
        answer = self.api.request('POST', self.webhook(sync=True),
                                  Origin=PAGE)
        self.assertEqual('*', answer.headers[ALLOW_ORIGIN])
