# SPDX-License-Identifier: Apache-2.0
"""Error answers to large and malicious requests."""

from qinling.api import request_middleware
from qinling.tests.unit.api import cases
from qinling.web import response as web_response

LARGE = 'x' * 20000
ODD = '%0A%1B[2J%E2%80%AE%00'
#: Methods, paths and bodies with a placeholder.
REQUESTS = (
    ('GET', '/{}', None), ('GET', '/v1/{}', None),
    ('GET', '/v1/functions/{}', None), ('PUT', '/v1/functions/{}', {}),
    ('GET', '/v1/functions/{}/versions/{}', None),
    ('GET', '/v1/executions/{}/log', None), ('GET', '/v1/aliases/{}', None),
    ('DELETE', '/v1/aliases/{}', None), ('GET', '/v1/webhooks/{}', None),
    ('POST', '/v1/webhooks/{}/invoke', None),
    ('GET', '/v1/functions?{}=1', None),
    ('GET', '/v1/functions?limit={}', None),
    ('GET', '/v1/functions?marker={}', None),
    ('POST', '/v1/executions', {'function_id': '{}'}),
    ('POST', '/v1/executions', {'{}': 1}),
    ('POST', '/v1/executions', {'function_alias': '{}'}),
    ('POST', '/v1/jobs', {'function_id': cases.UNKNOWN_ID, 'pattern': '{}'}),
    ('POST', '/v1/runtimes', {'image': ['{}']}),
    ('POST', '/v1/runtimes', {'image': 'i', 'trusted': '{}'}),
    ('PUT', '/v1/quotas/p', {'functions': '{}'}))


def fill(value, text):
    """Return a value with the text in place of each placeholder."""
    if isinstance(value, str):
        return value.replace('{}', text)
    if isinstance(value, list):
        return [fill(item, text) for item in value]
    if isinstance(value, dict):
        return {fill(key, text): fill(item, text)
                for key, item in value.items()}
    return value


class TestErrorTexts(cases.ApiTest):
    def answers(self, in_path, in_body):
        for method, path, body in REQUESTS:
            answer = self.api.request(
                method, fill(path, in_path), fill(body, in_body))
            self.assertGreaterEqual(answer.status_int, 400, path)
            self.assertLess(answer.status_int, 500, path)
            self.check_fault(answer)
            yield answer

    def test_large_requests_are_not_repeated(self):
        for answer in self.answers(LARGE, LARGE):
            limit = 250 if answer.status_int == 404 else 700
            self.assertLess(len(answer.json['faultstring']), limit)
            self.assertLess(sum(map(len, answer.headers.values())), 500)

    def test_sentences_are_printable(self):
        for answer in self.answers(ODD, '\n\x1b[2J\u202e'):
            self.assertTrue(answer.json['faultstring'].isprintable(),
                            answer.json)

    def test_large_methods(self):
        answer = self.api.request(LARGE, '/v1/functions')
        self.assertEqual(405, answer.status_int)
        self.assertLess(len(answer.text), 900)

    def test_the_end_of_a_sentence_remains(self):
        body = web_response.encode_fault(400, f'Wrong: {LARGE}. Use another.')
        self.assertIn(b'Wrong: xxx', body)
        self.assertIn(b'xxx. Use another.', body)

    def test_escapes_count(self):
        body = web_response.encode_fault(404, '\ud800' * 1000)
        self.assertLess(len(body), 600)


class TestRequestIds(cases.ApiTest):
    def test_ids_are_of_the_service(self):
        ids = []

        def answer(_environ, start_response):
            start_response('200 OK', [('x-openstack-request-ID', 'forged'),
                                      ('X-Other', 'value')])
            return [b'']
        middleware = request_middleware.RequestMiddleware(answer, None)
        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/'}
        middleware(environ, lambda _status, headers, _info: ids.extend(
            headers))
        self.assertEqual(
            [('X-Other', 'value'), (request_middleware.ID_HEADER,
                                    environ['openstack.request_id'])], ids)
        self.assertRegex(ids[1][1], r'\Areq-[0-9a-f-]{36}\Z')

    def test_statuses_of_functions_have_few_time_series(self):
        middleware = request_middleware.RequestMiddleware(None, None)

        class Route:
            path = '/v1/webhooks/{id}/invoke'
        for status in range(200, 600):
            middleware._record({'REQUEST_METHOD': 'POST',
                                'qinling.route': Route}, str(status), 0)
        self.assertLess(len(middleware._durations), 70)
