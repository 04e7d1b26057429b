# SPDX-License-Identifier: Apache-2.0
"""What a function gets of a delivery."""

import json

from oslotest import base

from qinling.core.trigger import payloads
from qinling.tests.unit.api import cases

JSON = 'application/json'


def delivery(body=b'', kind=None, query='', method='POST', **headers):
    """A delivery; headers with underscores for dashes."""
    found = {name.replace('_', '-'): value
             for name, value in headers.items()}
    if kind:
        found['content-type'] = kind
    return payloads.Delivery(method, found, query, lambda: body)


class TestMerged(base.BaseTestCase):
    def check(self, expected, *args, **kwargs):
        self.assertEqual(expected, payloads.merged(
            delivery(*args, **kwargs)))

    def test_nothing(self):
        self.check({})

    def test_query(self):
        self.check({'a': '1', 'b': '', 'c': 'ü x', 'd': ['1', '2']},
                   query='a=1&b=&c=%C3%BC+x&d=1&d=2')

    def test_json(self):
        text = json.dumps({'a': 1, 'b': [None, 1.5], 'c': {'d': True}})
        for kind in (JSON, 'application/json; charset=utf-8',
                     'APPLICATION/JSON', 'application/cloudevents+json'):
            self.check(json.loads(text), text.encode(), kind)

    def test_what_counts_as_empty(self):
        for body in (b'[1, 2]', b'"x"', b'5', b'null', b'{"a"', b'{a: 1}',
                     b'\xff', b'{"a": NaN}', b'[' * 100000,
                     b'{"a":' * 100000, b'{"a": 1} x', b''):
            self.check({}, body, JSON)
        for kind in ('text/plain', 'application/xml', 'text/xml', None, '',
                     'application/octet-stream', ';;;', 'image/png'):
            self.check({'q': '1'}, b'{"a": 1}', kind, query='q=1')

    def test_form(self):
        for kind in (cases.FORM, cases.FORM + '; charset=utf-8'):
            self.check({'a': '1', 'b': ['x', 'ü'], 'c': ''},
                       b'a=1&b=x&b=%C3%BC&c=', kind)
        self.check({'a': '\ufffd'}, b'a=\xff', cases.FORM)

    def test_multipart(self):
        body, kind = cases.multipart({'a': '1', 'b': 'ü'})
        self.check({'a': '1', 'b': 'ü'}, body, kind)

    def test_a_file(self):
        for data, shown, encoded in ((b'text', 'text', False),
                                     (b'\0\xff', 'AP8=', True)):
            body, kind = cases.multipart({'a': '1'}, data)
            self.check({'a': '1', 'package': {
                'filename': 'x.zip', 'body': shown, 'is_base64': encoded,
                'content_type': 'application/octet-stream'}}, body, kind)

    def test_a_large_file(self):
        data = b'x' * 3000000
        body, kind = cases.multipart({}, data)
        self.assertEqual(len(data), len(payloads.merged(delivery(
            body, kind))['package']['body']))

    def test_forms_that_are_none(self):
        body, kind = cases.multipart({'a': '1'}, b'x')
        for wrong, said in ((body[:-9], kind), (b'', kind), (b'xxx', kind),
                            (body, 'multipart/form-data'),
                            (body, 'multipart/form-data; boundary='),
                            (body, kind + 'x'),
                            (body.replace(b'form-data', b'x'), kind)):
            self.check({}, wrong, said)

    def test_too_many_parts(self):
        body, kind = cases.form_data(
            [(f'name="{n}"', b'') for n in range(payloads.MAX_PARTS + 1)])
        self.check({}, body, kind)

    def test_what_occurs_twice(self):
        self.check({'a': ['1', 2], 'b': ['1', '2', [3]]},
                   b'{"a": 2, "b": [3]}', JSON, query='a=1&b=1&b=2')
        self.check({'a': ['1', '2']}, b'a=2', cases.FORM, query='a=1')

    def test_the_member_id(self):
        self.check({}, b'{"id": 1}', JSON, query='id=2')

    def test_large_numbers(self):
        self.check({'a': 2 ** 80}, b'{"a": %d}' % 2 ** 80, JSON)


class TestRequest(base.BaseTestCase):
    def test_everything(self):
        self.assertEqual(
            {'method': 'PUT', 'query': {'a': ['1', ''], 'id': ['x']},
             'headers': {'content-type': 'text/plain', 'x-a': 'b'},
             'body': 'ü', 'is_base64': False},
            payloads.request(delivery(
                'ü'.encode(), 'text/plain', 'a=1&a=&id=x', 'PUT', x_a='b')))

    def test_bytes(self):
        found = payloads.request(delivery(b'\xff\0'))
        self.assertEqual(('/wA=', True), (found['body'], found['is_base64']))


class TestSenderId(base.BaseTestCase):
    def check(self, expected, form, *args, **kwargs):
        self.assertEqual(expected, payloads.sender_id(
            form, delivery(*args, **kwargs)))

    def test_none(self):
        for form in (None, 'github', 'stripe', 'slack', 'standard'):
            self.check((None, None), form)
            self.check((None, None), form, webhook_id='')

    def test_headers(self):
        for form in (None, 'github', 'stripe', 'slack', 'standard'):
            for name in ('idempotency-key', 'webhook-id',
                         'x-github-delivery'):
                self.check((name, 'x'), form, **{name: 'x'})

    def test_bodies(self):
        body = b'{"id": "evt_1", "event_id": "Ev1"}'
        self.check(('id', 'evt_1'), 'stripe', body)
        self.check(('event_id', 'Ev1'), 'slack', body)
        for form in (None, 'github', 'standard'):
            self.check((None, None), form, body)

    def test_senders_that_nobody_verifies(self):
        body = b'{"id": "evt_1", "event_id": "Ev1"}'
        self.check(('id', 'evt_1'), None, body, stripe_signature='x')
        self.check(('event_id', 'Ev1'), None, body, x_slack_signature='x')

    def test_bodies_without(self):
        for body in (b'', b'{"id": 5, "event_id": null}', b'[]', b'{"id": ""}',
                     b'{"id": ["x"]}', b'\xff'):
            for form in ('stripe', 'slack'):
                self.check((None, None), form, body)
                self.check(('idempotency-key', 'k'), form, body,
                           idempotency_key='k')

    def test_what_is_signed_goes_first(self):
        body = b'{"id": "evt_1", "event_id": "Ev1"}'
        headers = {'idempotency_key': 'k', 'webhook_id': 'm',
                   'x_github_delivery': 'g'}
        for form, expected in (
                ('standard', ('webhook-id', 'm')), ('stripe', ('id', 'evt_1')),
                ('slack', ('event_id', 'Ev1')),
                ('github', ('x-github-delivery', 'g')),
                (None, ('idempotency-key', 'k'))):
            self.check(expected, form, body, **headers)
