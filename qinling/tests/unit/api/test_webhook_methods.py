# SPDX-License-Identifier: Apache-2.0
"""Methods that run a webhook, and those that only ask about the webhook."""

import json

from qinling.tests.unit.api import test_webhook_http as webhook_http

METHODS = webhook_http.METHODS


class TestMethods(webhook_http.DeliveryTest):
    def test_methods(self):
        path = self.webhook(payload='request', methods=list(METHODS))
        for method in METHODS:
            row = self.send(path, b'x', method=method)
            self.assertEqual(method, json.loads(row.input)['method'])

    def test_methods_are_opt_in(self):
        for allowed in ((), ('GET',), ('PUT', 'POST')):
            path = self.webhook(**{'methods': list(allowed)} if allowed
                                else {})
            allowed = allowed or ('POST',)
            for method in METHODS:
                answer = self.api.request(method, path, b'x')
                if method in allowed:
                    self.assertEqual(202, answer.status_int, method)
                    continue
                self.decode(answer, 405)
                self.assertIn(f'{method} is not possible here',
                              answer.json['faultstring'])
                self.assertEqual(sorted((*allowed, 'HEAD')),
                                 sorted(answer.allow))
            self.assertEqual(len(METHODS) - len(allowed),
                             self.count_rejections(path))

    def test_other_methods_run_no_function(self):
        path = self.webhook()
        answer = self.api.request('HEAD', path)
        self.assertEqual((200, b''), (answer.status_int, answer.body))
        answer = self.api.request('OPTIONS', path, **{
            'Origin': 'https://app.example',
            'Access-Control-Request-Method': 'POST'})
        self.decode(answer, 405)
        self.assertIn('OPTIONS is not possible', answer.json['faultstring'])
        self.assertEqual(('POST', 'HEAD'), answer.allow)
        self.assertEqual([], webhook_http.list_cors_headers(answer))
        for method in ('TRACE', 'X-ANY', 'CONNECT'):
            answer = self.api.request(method, path)
            self.assertEqual(405, answer.status_int)
            self.assertEqual(sorted((*METHODS, 'HEAD', 'OPTIONS')),
                             sorted(answer.allow))
        self.assertEqual([], self.engine.calls)
