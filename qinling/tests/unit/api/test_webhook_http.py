# SPDX-License-Identifier: Apache-2.0
"""``/v1/webhooks/{id}/invoke``: what senders see."""

import io
import json

from qinling.api import body
from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.core import secrets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.runtimes import agent_outcome
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus
from qinling.tests.unit.api import cases

ALL = '/v1/webhooks'
METHODS = ('POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
MOST = 2048
EXECUTION = 'X-Qinling-Execution-Id'


class DeliveryTest(cases.ApiTest):
    GROUPS = {'secrets': {'encryption_keys': [secrets.new_key()]},
              'webhooks': {'max_body_size': MOST, 'rate_limit': '50/hour'}}

    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def webhook(self, **values):
        """The path of a new webhook."""
        row = self.call('POST', ALL, {'function_id': self.function,
                                      **values}, 201)
        return f'{ALL}/{row["id"]}/invoke'

    def send(self, path, data=None, status=202, method='POST', **kwargs):
        """The row of the execution of a delivery that is accepted."""
        answer = self.api.request(method, path, data, **kwargs)
        self.assertEqual(status, answer.status_int, answer.text)
        return self.api.row(models.Execution, answer.headers[EXECUTION])

    def refused(self, path):
        """How many deliveries are counted as refused."""
        self.api.services.close()
        return self.call('GET', path.removesuffix('/invoke'))['refused']


class TestAsync(DeliveryTest):
    def test_the_answer(self):
        answer = self.api.request('POST', self.webhook())
        self.assertEqual(202, answer.status_int)
        self.assertEqual({'execution_id': answer.headers[EXECUTION]},
                         answer.json)
        self.assertEqual('application/json', answer.content_type)

    def test_any_method(self):
        path = self.webhook(payload='request')
        for method in METHODS:
            row = self.send(path, b'x', method=method)
            self.assertEqual(method, json.loads(row.input)['method'])

    def test_methods_that_run_nothing(self):
        path = self.webhook()
        answer = self.api.request('HEAD', path)
        self.assertEqual((200, b''), (answer.status_int, answer.body))
        for method in ('TRACE', 'X-ANY', 'CONNECT'):
            answer = self.api.request(method, path)
            self.assertEqual(405, answer.status_int)
            self.assertEqual(sorted((*METHODS, 'HEAD')),
                             sorted(answer.allow))
        self.assertEqual([], self.engine.calls)

    def test_whatever_is_accepted(self):
        path = self.webhook()
        for accept in ('text/html', '*/*', 'image/png', '', 'x'):
            self.send(path, Accept=accept)

    def test_whoever_asks(self):
        self.send(self.webhook(), X_Auth_Token='x', Authorization='x',
                  X_Roles='x', X_Project_Id='other')

    def test_slashes(self):
        self.send(self.webhook() + '/')

    def test_content_types(self):
        path = self.webhook()
        form, kind = cases.multipart({'a': '1'}, b'\xff\0')
        for data, sent, expected in (
                (b'{"a": 1}', 'application/json', {'a': 1}),
                (b'{"a": 1', 'application/json', {}),
                (b'[1]', 'application/json', {}), (b'a=1', cases.FORM,
                                                   {'a': '1'}),
                (b'a=1', 'text/plain', {}), (b'<a/>', 'text/xml', {}),
                (b'\xff', 'text/plain; charset=x', {}), (b'', '', {}),
                (b'x', 'nonsense', {})):
            row = self.send(path, data, kind=sent)
            self.assertEqual(expected, json.loads(row.input), sent)
        row = self.send(path, form, kind=kind)
        self.assertEqual(('1', 'x.zip'), (
            json.loads(row.input)['a'],
            json.loads(row.input)['package']['filename']))

    def test_the_query(self):
        row = self.send(self.webhook() + '?a=1&a=2&id=3&limit=x&%C3%BC=%00')
        self.assertEqual({'a': ['1', '2'], 'limit': 'x', 'ü': '\0'},
                         json.loads(row.input))
        self.fault(400, 'UTF-8', 'POST', self.webhook() + '?a=%FF')

    def test_positional(self):
        row = self.send(self.webhook() + '?__function_input=x')
        self.assertEqual('x', self.call(
            'GET', f'/v1/executions/{row.id}')['input'])

    def test_the_request(self):
        row = self.send(
            self.webhook(payload='request') + '?a=1', b'{"b": 2}',
            X_Any='thing', Authorization='Bearer x')
        found = json.loads(row.input)
        self.assertEqual(
            ('POST', {'a': ['1']}, '{"b": 2}', False),
            tuple(found[key] for key in ('method', 'query', 'body',
                                         'is_base64')))
        for name, value in (('x-any', 'thing'), ('host', 'localhost:80'),
                            ('authorization', 'Bearer x'),
                            ('content-type', 'application/json')):
            self.assertEqual(value, found['headers'][name])

    def test_hostile_headers(self):
        path = self.webhook(payload='request')
        for value in ('\xff', 'a' * 10000, '', '"', '{}', '%00'):
            self.send(path, X_Any=value, Content_Type=value)


class TestRefused(DeliveryTest):
    def test_bodies_that_are_too_large(self):
        path = self.webhook()
        self.send(path, b'x' * MOST, kind='text/plain')
        self.fault(413, f'at most {MOST} bytes', 'POST', path,
                   b'x' * (MOST + 1), kind='text/plain')
        self.assertEqual(1, self.refused(path))

    def test_they_are_not_read(self):
        path = self.webhook()
        for made in (cases.chunked, cases.sized):
            stream = io.BytesIO(b'x' * (MOST * 100))
            more = (MOST * 100,) if made is cases.sized else ()
            answer = made(path, 'POST', 'text/plain', stream,
                          *more).get_response(self.api.app)
            self.decode(answer, 413)
            self.assertLessEqual(stream.tell(), body.CHUNK_BYTES)

    def test_lengths_that_are_none(self):
        path = self.webhook()
        for length in ('x', '-1'):
            answer = cases.sized(path, 'POST', 'text/plain', b'x',
                                 length).get_response(self.api.app)
            self.decode(answer, 400)
        answer = cases.sized(path, 'POST', 'text/plain', b'x',
                             5).get_response(self.api.app)
        self.decode(answer, 400)
        self.assertEqual(3, self.refused(path))

    def test_the_rate(self):
        path = self.webhook()
        for _ in range(50):
            self.send(path)
        answer = self.api.request('POST', path)
        self.decode(answer, 429)
        wait = int(answer.headers['Retry-After'])
        self.assertGreater(wait, 0)
        self.assertIn(f'in {wait} seconds', answer.json['faultstring'])

    def test_signatures(self):
        path = self.webhook(signature='standard')
        for method in METHODS:
            self.fault(401, 'no signature of the form standard', method,
                       path, b'x')
        self.assertEqual(len(METHODS), self.refused(path))
        self.assertEqual(200, self.api.request('HEAD', path).status_int)

    def test_input_that_cannot_be_kept(self):
        path = self.webhook()
        self.fault(400, 'Unicode', 'POST', path,
                   b'{"__function_input": "\\udfff"}')

    def test_a_runtime_that_does_not_serve(self):
        path = self.webhook()
        runtime = self.api.row(models.Function, self.function).runtime_id
        self.api.db.write(lambda tx: crud.update(
            tx, models.Runtime, runtime, {'status': 'upgrading'}))
        self.fault(409, f'Runtime {runtime} is not available', 'POST', path)


class TestSync(DeliveryTest):
    def setUp(self):
        super().setUp()
        self.path = self.webhook(sync=True)

    def end(self, status, output, reason=None, **members):
        """Let executions end with a status and an output."""
        self.engine.answers['run'] = lambda message, _: lifecycle.finish(
            self.api.db, message.id, records.Outcome(
                status, json.dumps({'output': output, **members}),
                reason=reason))

    def ask(self, output, **kwargs):
        """The answer when the function returns something."""
        self.end(ExecutionStatus.SUCCESS, output, duration=0.1)
        return self.api.request('POST', self.path, **kwargs)

    def test_any_value_is_json(self):
        for value in (None, 1, 1.5, 'text', [1], {}, {'a': 'ü'}, True,
                      {'status_code': 201, 'more': 1},
                      {'headers': {}, 'body': 'x'}):
            answer = self.ask(value)
            self.assertEqual((200, 'application/json', value), (
                answer.status_int, answer.content_type, answer.json))

    def test_bodies(self):
        text = 'text/plain; charset=utf-8'
        for value, more, data, kind in (
                ('ü', {}, 'ü'.encode(), text), ('', {}, b'', text),
                (None, {}, b'', text), ([1], {}, b'[1]', 'application/json'),
                ({'a': 1}, {}, b'{"a": 1}', 'application/json'),
                (5, {}, b'5', 'application/json'),
                ('/w==', {'is_base64': True}, b'\xff',
                 'application/octet-stream'),
                ('<p>', {'headers': {'content-type': 'text/html'}}, b'<p>',
                 'text/html'),
                ('\ud800', {}, b'?', text)):
            answer = self.ask({'status_code': 200, 'body': value, **more})
            self.assertEqual((200, data, kind), (
                answer.status_int, answer.body,
                answer.headers['Content-Type']))
            self.assertEqual(len(data), answer.content_length)

    def test_status_codes(self):
        for status in (200, 201, 204, 205, 301, 304, 400, 404, 418, 429, 500,
                       503, 599):
            answer = self.ask({'status_code': status, 'body': 'x'})
            self.assertEqual(status, answer.status_int)
            self.assertEqual(b'' if status in (204, 205, 304) else b'x',
                             answer.body)

    def test_headers(self):
        answer = self.ask({'status_code': 302, 'headers': {
            'Location': 'https://example.com/', 'X-Many': ['a', 'b'],
            'X-Number': 5, 'X-Text': 'a, b\tü'}})
        self.assertEqual('https://example.com/', answer.headers['Location'])
        self.assertEqual(['a', 'b'], answer.headers.getall('X-Many'))
        self.assertEqual(('5', 'a, b\tü'), (answer.headers['X-Number'],
                                            answer.headers['X-Text']))

    def test_the_execution(self):
        answer = self.ask(1)
        row = self.api.row(models.Execution, answer.headers[EXECUTION])
        self.assertEqual((True, 'success'), (row.sync, row.status))

    def test_pages_are_strangers_to_the_service(self):
        answer = self.ask({'status_code': 200, 'body': '<script>', 'headers': {
            'Content-Type': 'text/html', 'Content-Security-Policy': '',
            'X-Content-Type-Options': 'sniff'}})
        policy, = answer.headers.getall('Content-Security-Policy')
        self.assertTrue(policy.startswith('sandbox '))
        self.assertNotIn('allow-same-origin', policy)
        self.assertEqual(['nosniff'], answer.headers.getall(
            'X-Content-Type-Options'))

    def test_what_is_no_answer(self):
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
                ('no header may have', {'headers': {'a': '😀'}}),
                ('not base64', {'body': 'x', 'is_base64': True}),
                ('not base64', {'body': 'ü', 'is_base64': True})):
            answer = self.ask({'status_code': 200, **output})
            self.decode(answer, 502)
            self.assertIn(words, answer.json['faultstring'])
            self.assertIn(answer.headers[EXECUTION],
                          answer.json['faultstring'])

    def test_headers_that_are_not_for_functions(self):
        for name in ('Connection', 'transfer-encoding', 'Content-Length',
                     'Upgrade', 'TE', 'Trailer', 'Keep-Alive',
                     'Proxy-Authenticate', 'Set-Cookie', EXECUTION,
                     'Strict-Transport-Security'):
            answer = self.ask({'status_code': 200, 'headers': {name: 'x'}})
            self.decode(answer, 502)
            self.assertIn(f'{name} is not for functions',
                          answer.json['faultstring'])

    def test_a_function_that_fails(self):
        secret = 'what a stranger need not know'
        for status in (ExecutionStatus.FAILED, ExecutionStatus.ERROR):
            self.end(status, secret)
            answer = self.api.request('POST', self.path)
            self.decode(answer, 502)
            self.assertIn(answer.headers[EXECUTION],
                          answer.json['faultstring'])
            self.assertNotIn(secret, answer.text)

    def test_a_function_that_takes_too_long(self):
        self.end(ExecutionStatus.FAILED, agent_outcome.TIMEOUT,
                 ExecutionReason.TIMEOUT)
        answer = self.api.request('POST', self.path)
        self.decode(answer, 504)
        self.assertIn('longer than the function may',
                      answer.json['faultstring'])

    def test_no_engine(self):
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        self.decode(self.api.request('POST', self.path), 503)

    def test_a_repeat(self):
        """The first answer, whatever the function would return now."""
        answers = [self.ask({'status_code': 201, 'body': text},
                            Idempotency_Key='k') for text in 'ab']
        self.assertEqual([(201, b'a')] * 2, [
            (each.status_int, each.body) for each in answers])
        self.assertEqual([None, 'true'], [
            each.headers.get('Idempotent-Replayed') for each in answers])
        self.assertEqual(1, self.engine.verbs().count('run'))


class TestRepeats(DeliveryTest):
    def test_deliveries(self):
        path = self.webhook()
        for name in ('Idempotency_Key', 'Webhook_Id', 'X_GitHub_Delivery'):
            first, second = (self.api.request(
                'POST', path, b'x', **{name: 'k'}) for _ in range(2))
            self.assertEqual(first.json, second.json)
            self.assertEqual((202, 'true'), (
                second.status_int, second.headers['Idempotent-Replayed']))
        self.assertEqual(3, len(self.engine.calls))

    def test_another_request(self):
        path = self.webhook()
        self.send(path, b'x', Idempotency_Key='k')
        for other in ({'body': b'y'}, {'method': 'PUT', 'body': b'x'}):
            self.fault(422, 'use a new key', other.get('method', 'POST'),
                       path, other['body'], Idempotency_Key='k')
        self.fault(422, 'use a new key', 'POST', f'{path}?a=1', b'x',
                   Idempotency_Key='k')
        self.assertEqual(3, self.refused(path))
