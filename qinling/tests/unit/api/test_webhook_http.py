# SPDX-License-Identifier: Apache-2.0
"""``/v1/webhooks/{id}/invoke`` as senders see it."""

import io
import json

from qinling.api import body
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core import secrets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus
from qinling.tests.unit.api import cases

ALL = '/v1/webhooks'
METHODS = ('POST', 'GET', 'PUT', 'PATCH', 'DELETE')
MAX_BYTES = 2048
EXECUTION = 'X-Qinling-Execution-Id'


def list_cors_headers(answer):
    """Return the names of the headers of CORS."""
    return sorted(name.lower() for name in answer.headers
                  if name.lower().startswith('access-control-'))


class DeliveryTest(cases.ApiTest):
    GROUPS = {'secrets': {'encryption_keys': [secrets.new_key()]},
              'webhooks': {'max_body_size': MAX_BYTES,
                           'rate_limit': '50/hour'}}

    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def webhook(self, **values):
        """Return the path of a new webhook."""
        row = self.call('POST', ALL, {'function_id': self.function,
                                      **values}, 201)
        return f'{ALL}/{row["id"]}/invoke'

    def send(self, path, data=None, status=202, method='POST', **kwargs):
        """Return the execution row of an accepted delivery."""
        answer = self.api.request(method, path, data, **kwargs)
        self.assertEqual(status, answer.status_int, answer.text)
        return self.api.row(models.Execution, answer.headers[EXECUTION])

    def count_rejections(self, path):
        """Return the number of counted rejections."""
        self.api.services.close()
        return self.call('GET', path.removesuffix('/invoke'))['refused']


class TestAsync(DeliveryTest):
    def test_answer_has_the_execution_id(self):
        answer = self.api.request('POST', self.webhook())
        self.assertEqual(202, answer.status_int)
        self.assertEqual({'execution_id': answer.headers[EXECUTION]},
                         answer.json)
        self.assertEqual('application/json', answer.content_type)

    def test_accept_header_is_ignored(self):
        path = self.webhook()
        for accept in ('text/html', '*/*', 'image/png', '', 'x'):
            self.send(path, Accept=accept)

    def test_identity_headers_are_ignored(self):
        self.send(self.webhook(), X_Auth_Token='x', Authorization='x',
                  X_Roles='x', X_Project_Id='other')

    def test_trailing_slash_is_ignored(self):
        self.send(self.webhook() + '/')

    def test_content_types(self):
        path = self.webhook()
        form, kind = cases.multipart({'a': '1'}, b'\xff\0')
        for data, content_type, expected in (
                (b'{"a": 1}', 'application/json', {'a': 1}),
                (b'{"a": 1', 'application/json', {}),
                (b'[1]', 'application/json', {}), (b'a=1', cases.FORM,
                                                   {'a': '1'}),
                (b'a=1', 'text/plain', {}), (b'<a/>', 'text/xml', {}),
                (b'\xff', 'text/plain; charset=x', {}), (b'', '', {}),
                (b'x', 'nonsense', {})):
            row = self.send(path, data, kind=content_type)
            self.assertEqual(expected, json.loads(row.input), content_type)
        row = self.send(path, form, kind=kind)
        self.assertEqual(('1', 'x.zip'), (
            json.loads(row.input)['a'],
            json.loads(row.input)['package']['filename']))

    def test_query(self):
        row = self.send(self.webhook() + '?a=1&a=2&id=3&limit=x&%C3%BC=%00')
        self.assertEqual({'a': ['1', '2'], 'limit': 'x', 'ü': '\0'},
                         json.loads(row.input))
        row = self.send(self.webhook() + '?a=caf%E9')
        self.assertEqual({'a': 'café'}, json.loads(row.input))

    def test_positional_input(self):
        row = self.send(self.webhook() + '?__function_input=x')
        self.assertEqual('x', self.call(
            'GET', f'/v1/executions/{row.id}')['input'])

    def test_request_payload(self):
        row = self.send(
            self.webhook(payload='request') + '?a=1', b'{"b": 2}',
            X_Any='thing', Authorization='Bearer x', Cookie='a=b',
            X_Auth_Token='t')
        payload = json.loads(row.input)
        self.assertEqual(
            ('POST', {'a': ['1']}, '{"b": 2}', False),
            tuple(payload[key] for key in ('method', 'query', 'body',
                                           'is_base64')))
        for name, value in (('x-any', 'thing'), ('host', 'localhost:80'),
                            ('content-type', 'application/json')):
            self.assertEqual(value, payload['headers'][name])
        self.assertNotIn('Bearer', row.input)
        for name in ('authorization', 'cookie', 'x-auth-token',
                     'x-forwarded-access-token', 'cf-access-jwt-assertion'):
            self.assertNotIn(name, payload['headers'])

    def test_operators_may_pass_credentials(self):
        self.api.conf.set_override(
            'passed_credentials', ['authorization'], 'webhooks')
        row = self.send(self.webhook(payload='request'),
                        Authorization='Bearer x', Cookie='a=b')
        headers = json.loads(row.input)['headers']
        self.assertEqual('Bearer x', headers['authorization'])
        self.assertNotIn('cookie', headers)

    def test_hostile_headers(self):
        path = self.webhook(payload='request')
        for value in ('\xff', 'a' * 10000, '', '"', '{}', '%00'):
            self.send(path, X_Any=value, Content_Type=value)


class TestRejections(DeliveryTest):
    def test_large_bodies_return_413(self):
        path = self.webhook()
        self.send(path, b'x' * MAX_BYTES, kind='text/plain')
        self.fault(413, f'at most {MAX_BYTES} bytes', 'POST', path,
                   b'x' * (MAX_BYTES + 1), kind='text/plain')
        self.assertEqual(1, self.count_rejections(path))

    def test_large_bodies_are_not_read(self):
        path = self.webhook()
        for create_request in (cases.chunked_request, cases.sized_request):
            stream = io.BytesIO(b'x' * (MAX_BYTES * 100))
            length = ((MAX_BYTES * 100,)
                      if create_request is cases.sized_request else ())
            answer = create_request(path, 'POST', 'text/plain', stream,
                                    *length).get_response(self.api.app)
            self.decode(answer, 413)
            self.assertLessEqual(stream.tell(), body.CHUNK_BYTES)

    def test_invalid_content_lengths_return_400(self):
        path = self.webhook()
        for length in ('x', '-1'):
            answer = cases.sized_request(path, 'POST', 'text/plain', b'x',
                                         length).get_response(self.api.app)
            self.decode(answer, 400)
        answer = cases.sized_request(path, 'POST', 'text/plain', b'x',
                                     5).get_response(self.api.app)
        self.decode(answer, 400)
        self.assertEqual(3, self.count_rejections(path))

    def test_rate_limit(self):
        path = self.webhook()
        for number in range(50):
            answer = self.api.request('POST', path)
            self.decode(answer, 202)
            self.assertEqual('"deliveries";q=50;w=3600',
                             answer.headers['RateLimit-Policy'])
            self.assertRegex(answer.headers['RateLimit'],
                             rf'\A"deliveries";r={49 - number};t=\d+\Z')
        answer = self.api.request('POST', path)
        self.decode(answer, 429)
        wait = int(answer.headers['Retry-After'])
        self.assertEqual(f'"deliveries";r=0;t={wait}',
                         answer.headers['RateLimit'])
        self.assertIn('RateLimit-Policy', answer.headers)
        self.assertGreater(wait, 0)
        self.assertIn(f'in {wait} seconds', answer.json['faultstring'])

    def test_missing_signatures_return_401(self):
        path = self.webhook(signature='standard', methods=list(METHODS))
        for method in METHODS:
            self.fault(401, 'no signature of the form standard', method,
                       path, b'x')
        self.assertEqual(len(METHODS), self.count_rejections(path))
        self.assertEqual(200, self.api.request('HEAD', path).status_int)

    def test_invalid_input_is_refused(self):
        path = self.webhook()
        self.fault(400, 'Unicode', 'POST', path,
                   b'{"__function_input": "\\udfff"}')

    def test_unavailable_runtimes_return_409(self):
        path = self.webhook()
        runtime = self.api.row(models.Function, self.function).runtime_id
        self.api.db.write(lambda tx: crud.update(
            tx, models.Runtime, runtime, {'status': 'error'}))
        self.fault(409, f'Runtime {runtime} is not available', 'POST', path)


class TestSync(DeliveryTest):
    def setUp(self):
        super().setUp()
        self.path = self.webhook(sync=True)

    def finish_with(self, status, output, reason=None, **members):
        """Let executions finish with a status and an output."""
        self.engine.answers['run'] = lambda message, _: lifecycle.finish(
            self.api.db, message.id, outcomes.Outcome(
                status, json.dumps({'output': output, **members}),
                reason=reason))

    def invoke_returning(self, output, **kwargs):
        """Return the answer of a function that returns the output."""
        self.finish_with(ExecutionStatus.SUCCESS, output, duration=0.1)
        return self.api.request('POST', self.path, **kwargs)

    def test_values_are_sent_as_json(self):
        for value in (None, 1, 1.5, 'text', [1], {}, {'a': 'ü'}, True,
                      {'status_code': 201, 'more': 1},
                      {'headers': {}, 'body': 'x'}):
            answer = self.invoke_returning(value)
            self.assertEqual((200, 'application/json', value), (
                answer.status_int, answer.content_type, answer.json))

    def test_bodies(self):
        text = 'text/plain; charset=utf-8'
        for value, fields, data, kind in (
                ('ü', {}, 'ü'.encode(), text), ('', {}, b'', text),
                (None, {}, b'', text), ([1], {}, b'[1]', 'application/json'),
                ({'a': 1}, {}, b'{"a": 1}', 'application/json'),
                (5, {}, b'5', 'application/json'),
                ('/w==', {'is_base64': True}, b'\xff',
                 'application/octet-stream'),
                ('<p>', {'headers': {'content-type': 'text/html'}}, b'<p>',
                 'text/html'),
                ('\ud800', {}, b'?', text)):
            answer = self.invoke_returning({'status_code': 200, 'body': value,
                                            **fields})
            self.assertEqual((200, data, kind), (
                answer.status_int, answer.body,
                answer.headers['Content-Type']))
            self.assertEqual(len(data), answer.content_length)

    def test_status_codes(self):
        for status in (200, 201, 204, 205, 301, 304, 400, 404, 418, 429, 500,
                       503, 599):
            answer = self.invoke_returning({'status_code': status,
                                            'body': 'x'})
            self.assertEqual(status, answer.status_int)
            self.assertEqual(b'' if status in (204, 205, 304) else b'x',
                             answer.body)

    def test_headers(self):
        answer = self.invoke_returning({'status_code': 302, 'headers': {
            'Location': 'https://example.com/', 'X-Many': ['a', 'b'],
            'X-Number': 5, 'X-Text': 'a, b\tü'}})
        self.assertEqual('https://example.com/', answer.headers['Location'])
        self.assertEqual(['a', 'b'], answer.headers.getall('X-Many'))
        self.assertEqual(('5', 'a, b\tü'), (answer.headers['X-Number'],
                                            answer.headers['X-Text']))

    def test_answer_names_the_execution(self):
        answer = self.invoke_returning(1)
        row = self.api.row(models.Execution, answer.headers[EXECUTION])
        self.assertEqual((True, 'success'), (row.sync, row.status))

    def test_html_is_sandboxed(self):
        answer = self.invoke_returning(
            {'status_code': 200, 'body': '<script>', 'headers': {
                'Content-Type': 'text/html', 'Content-Security-Policy': '',
                'X-Content-Type-Options': 'sniff'}})
        policy, = answer.headers.getall('Content-Security-Policy')
        self.assertTrue(policy.startswith('sandbox '))
        self.assertNotIn('allow-same-origin', policy)
        self.assertEqual(['nosniff'], answer.headers.getall(
            'X-Content-Type-Options'))

    def test_invalid_answers_return_502(self):
        for words, output in (
                ('status_code must be', {'status_code': 199}),
                ('status_code must be', {'status_code': 600}),
                ('status_code must be', {'status_code': '200'}),
                ('status_code must be', {'status_code': True}),
                ('status_code must be', {'status_code': None}),
                ('headers must be', {'headers': [['a', 'b']]}),
                ('invalid name', {'headers': {'a b': 'c'}}),
                ('invalid name', {'headers': {'a:': 'c'}}),
                ('invalid name', {'headers': {'': 'c'}}),
                ('invalid name', {'headers': {'a\r\nb': 'c'}}),
                ('invalid name', {'headers': {'ü': 'c'}}),
                ('must be text', {'headers': {'a': None}}),
                ('must be text', {'headers': {'a': {}}}),
                ('must be text', {'headers': {'a': True}}),
                ('must be text', {'headers': {'a': [['b']]}}),
                ('no header may have', {'headers': {'a': 'b\r\nc: d'}}),
                ('no header may have', {'headers': {'a': ['b', 'c\n']}}),
                ('no header may have', {'headers': {'a': '\0'}}),
                ('more than 64', {'headers': {'a': ['b'] * 65}}),
                ('more than 64', {'headers': {'a': 'b' * 16384}}),
                ('no header may have', {'headers': {'a': '😀'}}),
                ('not base64', {'body': 'x', 'is_base64': True}),
                ('not base64', {'body': 'ü', 'is_base64': True})):
            answer = self.invoke_returning({'status_code': 200, **output})
            self.decode(answer, 502)
            self.assertIn(words, answer.json['faultstring'])
            self.assertIn(answer.headers[EXECUTION],
                          answer.json['faultstring'])

    def test_reserved_headers_return_502(self):
        for name in ('Connection', 'transfer-encoding', 'Content-Length',
                     'Upgrade', 'TE', 'Trailer', 'Keep-Alive',
                     'Proxy-Authenticate', 'Set-Cookie', EXECUTION,
                     'Strict-Transport-Security'):
            answer = self.invoke_returning({'status_code': 200,
                                            'headers': {name: 'x'}})
            self.decode(answer, 502)
            self.assertIn(f'{name} is not for functions',
                          answer.json['faultstring'])

    def test_failed_functions_return_502(self):
        secret = 'an internal detail'
        for status in (ExecutionStatus.FAILED, ExecutionStatus.ERROR):
            self.finish_with(status, secret)
            answer = self.api.request('POST', self.path)
            self.decode(answer, 502)
            self.assertIn(answer.headers[EXECUTION],
                          answer.json['faultstring'])
            self.assertNotIn(secret, answer.text)

    def test_timeouts_return_504(self):
        self.finish_with(ExecutionStatus.FAILED, 'Function execution timeout.',
                         ExecutionReason.TIMEOUT)
        answer = self.api.request('POST', self.path)
        self.decode(answer, 504)
        self.assertIn('longer than the function may',
                      answer.json['faultstring'])

    def test_missing_engine_returns_503(self):
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        self.decode(self.api.request('POST', self.path), 503)

    def test_repeats_return_the_first_answer(self):
        """Check that repeats ignore later output of the function."""
        answers = [self.invoke_returning({'status_code': 201, 'body': text},
                                         Idempotency_Key='k') for text in 'ab']
        self.assertEqual([(201, b'a')] * 2, [
            (answer.status_int, answer.body) for answer in answers])
        self.assertEqual([None, 'true'], [
            answer.headers.get('Idempotent-Replayed') for answer in answers])
        self.assertEqual(1, self.engine.verbs().count('run'))


class TestRepeats(DeliveryTest):
    def test_idempotency_headers(self):
        path = self.webhook()
        for name in ('Idempotency_Key', 'Webhook_Id', 'X_GitHub_Delivery'):
            first, second = (self.api.request(
                'POST', path, b'x', **{name: 'k'}) for _ in range(2))
            self.assertEqual(first.json, second.json)
            self.assertEqual((202, 'true'), (
                second.status_int, second.headers['Idempotent-Replayed']))
        self.assertEqual(3, len(self.engine.calls))

    def test_other_request_with_a_used_key_is_refused(self):
        path = self.webhook(methods=['POST', 'PUT'])
        self.send(path, b'x', Idempotency_Key='k')
        for change in ({'body': b'y'}, {'method': 'PUT', 'body': b'x'}):
            self.fault(422, 'use a new key', change.get('method', 'POST'),
                       path, change['body'], Idempotency_Key='k')
        self.fault(422, 'use a new key', 'POST', f'{path}?a=1', b'x',
                   Idempotency_Key='k')
        self.assertEqual(3, self.count_rejections(path))
