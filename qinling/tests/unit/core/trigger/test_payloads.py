# SPDX-License-Identifier: Apache-2.0
"""Payloads of deliveries."""

import json

from oslotest import base

from qinling.core.trigger import multipart_form
from qinling.core.trigger import payloads
from qinling.core.trigger import texts
from qinling import exception
from qinling.tests.unit.api import cases
from qinling import text_encodings

JSON = 'application/json'


def delivery(body=b'', kind=None, query='', method='POST', **headers):
    """Return a delivery; headers have underscores for dashes."""
    all_headers = {name.replace('_', '-'): value
                   for name, value in headers.items()}
    if kind:
        all_headers['content-type'] = kind
    return payloads.Delivery(method, all_headers, query, lambda: body)


class TestMerged(base.BaseTestCase):
    def check(self, expected, *args, **kwargs):
        self.assertEqual(expected, payloads.merged(
            delivery(*args, **kwargs)))

    def test_empty_delivery(self):
        self.check({})

    def test_query(self):
        self.check({'a': '1', 'b': '', 'c': 'ü x', 'd': ['1', '2']},
                   query='a=1&b=&c=%C3%BC+x&d=1&d=2')

    def test_json(self):
        text = json.dumps({'a': 1, 'b': [None, 1.5], 'c': {'d': True}})
        for kind in (JSON, 'application/json; charset=utf-8',
                     'APPLICATION/JSON', 'application/cloudevents+json'):
            self.check(json.loads(text), text.encode(), kind)

    def test_other_bodies_are_ignored(self):
        for body in (b'[1, 2]', b'"x"', b'5', b'null', b'{"a"', b'{a: 1}',
                     b'\xff', b'{"a": NaN}', b'{"a": 1} x', b''):
            self.check({}, body, JSON)
        for kind in ('text/plain', 'application/xml', 'text/xml', None, '',
                     'application/octet-stream', ';;;', 'image/png'):
            self.check({'q': '1'}, b'{"a": 1}', kind, query='q=1')

    def test_json_that_cannot_be_stored_is_refused(self):
        for body, words in (
                (b'[' * 100000, 'nested'), (b'{"a":' * 100000, 'nested'),
                (b'{"a": {"b": 1e400}}', 'The number 1e400 at a.b is beyond'),
                (b'{"a": 0.12345678901234567890, "b": -1e999}',
                 'The number -1e999 at b is beyond'),
                (b'{"a": ' + b'9' * 5000 + b'}', 'than 4300 digits')):
            error = self.assertRaises(
                exception.Invalid, payloads.merged, delivery(body, JSON))
            self.assertIn('The body cannot be stored. ', str(error))
            self.assertIn(words, str(error))
            self.assertEqual(body.decode(), payloads.request(
                delivery(body, JSON))['body'])

    def test_fractions_are_rounded(self):
        # The sender cannot write other numbers, such as nanoseconds.
        self.check({'a': 1732812345.1234567, 'b': 0.0},
                   b'{"a": 1732812345.123456789, "b": 1e-400}', JSON)

    def test_encoded_bodies_are_refused(self):
        for encoding in ('gzip', ' BR ', 'identity, gzip'):
            error = self.assertRaises(
                exception.Invalid, payloads.merged,
                delivery(b'{}', JSON, content_encoding=encoding))
            self.assertIn('Content-Encoding', str(error))
        self.check({'a': 1}, b'{"a": 1}', JSON, content_encoding='Identity')

    def test_form(self):
        for kind in (cases.FORM, cases.FORM + '; charset=utf-8'):
            self.check({'a': '1', 'b': ['x', 'ü'], 'c': ''},
                       b'a=1&b=x&b=%C3%BC&c=', kind)
        self.check({'a': 'Ren\xe9'}, b'a=Ren\xe9', cases.FORM)
        self.check({'a': '\u20ac'}, b'a=%80', cases.FORM
                   + '; charset=windows-1252')
        self.check({'a': '\u20ac'}, b'a=\xa4', cases.FORM
                   + '; charset=ISO-8859-15')
        self.check({'a': '\xe9'}, b'a=%C3%A9', cases.FORM
                   + '; charset=unknown')

    def test_charsets_of_forms_without_ascii(self):
        for charset in ('utf-16', 'utf-16-le', 'utf-16-be', 'utf-32', 'cp037',
                        'utf-7', 'utf-8-sig', 'iso-2022-jp', 'gb18030',
                        'koi8-r', 'cp864'):
            for text, expected in (
                    ('a=1&b=x+y', {'a': '1', 'b': 'x y'}),
                    ('a=%C3%A9', {'a': '\xe9'})):
                if '%' not in text or charset.startswith('utf'):
                    self.check(expected, text.encode(charset),
                               f'{cases.FORM}; charset={charset}')
        self.check({'a': '\u65e5'}, 'a=\u65e5'.encode('utf-16'),
                   f'{cases.FORM}; charset=utf-16')
        for name in text_encodings._NAMES:
            texts.parse_urlencoded(bytes(range(256)), f'a/b; charset={name}')

    def test_charset_of_json_is_honoured(self):
        for charset in ('iso-8859-1', 'utf-16', 'utf-8'):
            self.check({'a': '\xe9'}, '{"a": "\xe9"}'.encode(charset),
                       f'{JSON}; charset={charset}')
        self.check({'a': '\xe9'}, b'{"a": "\xe9"}', JSON)
        for charset in ('utf-16', 'utf-16-le', 'utf-16-be', 'utf-32'):
            self.check({'a': '\xe9'}, '{"a": "\xe9"}'.encode(charset), JSON)
        self.check({}, b'{\0"\0', JSON)
        self.check({'a': '\xe9'}, '{"a": "\xe9"}'.encode('utf-8-sig'), JSON)

    def test_number_of_fields_is_limited(self):
        self.assertRaises(exception.Invalid, self.check, {},
                          b'a&' * (texts.MAX_FIELDS + 1), cases.FORM)

    def test_careless_forms_are_read(self):
        kind = 'multipart/form-data; boundary=B'
        head = b'--B\nContent-Disposition: form-data; name="a"\n\n1\n'
        for body in (head + b'--B--\n', head,
                     head + b'--B\nContent-Disposition: form-data\n\n2\n'
                     b'--B--\n'):
            self.check({'a': '1'}, body, kind)
        self.check({'a': '\xe9'}, b'--B\r\nContent-Disposition: form-data; '
                   b'name="a"\r\nContent-Type: text/plain; charset='
                   b'iso-8859-1\r\n\r\n\xe9\r\n--B--\r\n', kind)

    def test_unsigned_query_is_ignored(self):
        delivery = payloads.Delivery(
            'POST', {'content-type': JSON}, 'a=forged', lambda: b'{"b": 1}',
            is_signed=True)
        self.assertEqual({'b': 1}, payloads.merged(delivery))

    def test_multipart(self):
        body, kind = cases.multipart({'a': '1', 'b': 'ü'})
        self.check({'a': '1', 'b': 'ü'}, body, kind)

    def test_files(self):
        for data, text, encoded in ((b'text', 'text', False),
                                    (b'\0\xff', 'AP8=', True)):
            body, kind = cases.multipart({'a': '1'}, data)
            self.check({'a': '1', 'package': {
                'filename': 'x.zip', 'body': text, 'is_base64': encoded,
                'content_type': 'application/octet-stream'}}, body, kind)

    def test_large_files(self):
        data = b'x' * 3000000
        body, kind = cases.multipart({}, data)
        self.assertEqual(len(data), len(payloads.merged(delivery(
            body, kind))['package']['body']))

    def test_invalid_forms_are_ignored(self):
        body, kind = cases.multipart({'a': '1'}, b'x')
        for wrong, content_type in (
                (body[:-9], kind), (b'', kind), (b'xxx', kind),
                (body, 'multipart/form-data'),
                (body, 'multipart/form-data; boundary='), (body, kind + 'x'),
                (body.replace(b'form-data', b'x'), kind)):
            self.check({}, wrong, content_type)

    def test_number_of_parts_is_limited(self):
        body, kind = cases.form_data(
            [(f'name="{n}"', b'')
             for n in range(multipart_form.MAX_PARTS + 1)])
        self.check({str(n): '' for n in range(multipart_form.MAX_PARTS)},
                   body, kind)

    def test_repeated_names_become_lists(self):
        self.check({'a': ['1', 2], 'b': ['1', '2', [3]]},
                   b'{"a": 2, "b": [3]}', JSON, query='a=1&b=1&b=2')
        self.check({'a': ['1', '2']}, b'a=2', cases.FORM, query='a=1')

    def test_id_is_dropped(self):
        self.check({}, b'{"id": 1}', JSON, query='id=2')

    def test_large_numbers(self):
        self.check({'a': 2 ** 80}, b'{"a": %d}' % 2 ** 80, JSON)


class TestRequest(base.BaseTestCase):
    def test_all_fields(self):
        self.assertEqual(
            {'method': 'PUT', 'query': {'a': ['1', ''], 'id': ['x']},
             'headers': {'content-type': 'text/plain', 'x-a': 'b'},
             'body': 'ü', 'is_base64': False},
            payloads.request(delivery(
                'ü'.encode(), 'text/plain', 'a=1&a=&id=x', 'PUT', x_a='b')))

    def test_bytes(self):
        payload = payloads.request(delivery(b'\xff\0'))
        self.assertEqual(('/wA=', True),
                         (payload['body'], payload['is_base64']))


class TestSenderId(base.BaseTestCase):
    def check(self, expected, form, *args, **kwargs):
        self.assertEqual(expected, payloads.sender_id(
            form, delivery(*args, **kwargs)))

    def test_no_id(self):
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

    def test_unverified_senders(self):
        body = b'{"id": "evt_1", "event_id": "Ev1"}'
        self.check(('id', 'evt_1'), None, body, stripe_signature='x')
        self.check(('event_id', 'Ev1'), None, body, x_slack_signature='x')

    def test_bodies_without_an_id(self):
        for body in (b'', b'{"id": 5, "event_id": null}', b'[]', b'{"id": ""}',
                     b'{"id": ["x"]}', b'\xff', b'{"id": 1e400}'):
            for form in ('stripe', 'slack'):
                self.check((None, None), form, body)
                self.check(('idempotency-key', 'k'), form, body,
                           idempotency_key='k')

    def test_signed_ids_take_precedence(self):
        body = b'{"id": "evt_1", "event_id": "Ev1"}'
        headers = {'idempotency_key': 'k', 'webhook_id': 'm',
                   'x_github_delivery': 'g'}
        for form, expected in (
                ('standard', ('webhook-id', 'm')), ('stripe', ('id', 'evt_1')),
                ('slack', ('event_id', 'Ev1')),
                ('github', ('x-github-delivery', 'g')),
                (None, ('idempotency-key', 'k'))):
            self.check(expected, form, body, **headers)
