# SPDX-License-Identifier: Apache-2.0
"""What tests of the API are made of."""

import io
import json
import urllib.parse

from oslotest import base
import webob

from qinling.tests import fixtures

NONE = '11111111-2222-4333-8444-555555555555'
BOUNDARY = 'a-boundary'
FORM = 'application/x-www-form-urlencoded'


class ApiTest(base.BaseTestCase):
    """Requests to an API of its own.

    ``BACKEND`` is its database, ``GROUPS`` are its options; ``ENFORCING``
    says whether there are policies.
    """

    BACKEND = 'sqlite'
    GROUPS = {}
    ENFORCING = False

    def setUp(self):
        super().setUp()
        self.api = self.useFixture(fixtures.Api(
            self.BACKEND, self.ENFORCING, **self.GROUPS))
        self.engine = self.api.engine

    def call(self, method, path, body=None, status=200, **kwargs):
        """The decoded answer, which must have the status."""
        return self.decode(
            self.api.request(method, path, body, **kwargs), status)

    def decode(self, answer, status):
        self.assertEqual(status, answer.status_int, answer.text[:500])
        if status >= 400:
            self.check_fault(answer)
        if not answer.body:
            return None
        self.assertEqual('application/json', answer.content_type)
        return answer.json

    def check_fault(self, answer):
        """Whatever fails says so in the same way."""
        self.assertEqual('application/json', answer.content_type)
        self.assertEqual({'faultcode', 'faultstring', 'debuginfo'},
                         set(answer.json))
        code = 'Client' if answer.status_int < 500 else 'Server'
        self.assertEqual((code, None), (answer.json['faultcode'],
                                        answer.json['debuginfo']))
        self.assertGreater(len(answer.json['faultstring']), 5)
        self.assertNotIn('Traceback', answer.text)
        self.assertNotIn('SELECT', answer.text)

    def fault(self, status, words, method, path, body=None, **kwargs):
        """The sentence of a request that must fail, which has the words."""
        found = self.call(method, path, body, status, **kwargs)
        self.assertIn(words, found['faultstring'])
        return found['faultstring']


def multipart(fields, package=None):
    """(body, content type) of a form as python-qinlingclient sends it: its
    fields in their order, and the package after them."""
    parts = [(f'name="{name}"', str(value).encode())
             for name, value in fields.items()]
    if package is not None:
        parts.append(('name="package"; filename="x.zip"', package))
    return form_data(parts)


def form_data(parts):
    """The same of (parameters or whole headers, bytes)."""
    body = b''
    for head, data in parts:
        if not head.startswith('Content'):
            head = f'Content-Disposition: form-data; {head}'
        body += f'--{BOUNDARY}\r\n{head}\r\n\r\n'.encode() + data + b'\r\n'
    return (body + f'--{BOUNDARY}--\r\n'.encode(),
            f'multipart/form-data; boundary={BOUNDARY}')


def urlencoded(fields):
    """The same for a form without a file."""
    return urllib.parse.urlencode(fields).encode(), FORM


def chunked(path, method, kind, stream):
    """A request whose length nobody knows before."""
    if isinstance(stream, bytes):
        stream = io.BytesIO(stream)
    request = webob.Request.blank(path, method=method)
    request.environ.update({
        'wsgi.input': stream, 'wsgi.input_terminated': True,
        'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_TYPE': kind})
    request.environ.pop('CONTENT_LENGTH', None)
    return request


def sized(path, method, kind, stream, length):
    """A request that says how long it is, whether that is so or not."""
    request = chunked(path, method, kind, stream)
    del request.environ['HTTP_TRANSFER_ENCODING']
    request.environ['CONTENT_LENGTH'] = str(length)
    return request


def paths(route):
    """A path for a route, with words that could be."""
    path = route.route.path
    for word, value in (('id', NONE), ('version', '1'), ('name', 'some')):
        path = path.replace('{%s}' % word, value)
    return path


def as_json(value):
    """JSON bytes."""
    return json.dumps(value).encode()
