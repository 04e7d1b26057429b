# SPDX-License-Identifier: Apache-2.0
"""Base class and request builders of the API tests."""

import io
import json
import urllib.parse

from oslotest import base
import webob

from qinling.tests import fixtures

UNKNOWN_ID = '11111111-2222-4333-8444-555555555555'
BOUNDARY = 'a-boundary'
FORM = 'application/x-www-form-urlencoded'


class ApiTest(base.BaseTestCase):
    """Requests to a separate API for each test.

    Subclasses choose the database with ``BACKEND``, options with ``GROUPS``
    and the enforcement of policies with ``ENFORCING``.
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
        """Return the decoded body of an answer with the expected status."""
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
        """Check the form of an error answer."""
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
        """Return the sentence of a request that must fail with the words."""
        answer = self.call(method, path, body, status, **kwargs)
        self.assertIn(words, answer['faultstring'])
        return answer['faultstring']


def multipart(fields, package=None):
    """Return (body, content type) of a form as python-qinlingclient sends it.

    The package follows the fields.
    """
    parts = [(f'name="{name}"', str(value).encode())
             for name, value in fields.items()]
    if package is not None:
        parts.append(('name="package"; filename="x.zip"', package))
    return form_data(parts)


def form_data(parts):
    """Return (body, content type) of a form.

    :param parts: (parameters or all headers, bytes).
    """
    body = b''
    for head, data in parts:
        if not head.startswith('Content'):
            head = f'Content-Disposition: form-data; {head}'
        body += f'--{BOUNDARY}\r\n{head}\r\n\r\n'.encode() + data + b'\r\n'
    return (body + f'--{BOUNDARY}--\r\n'.encode(),
            f'multipart/form-data; boundary={BOUNDARY}')


def urlencoded(fields):
    """Return (body, content type) of a form without files."""
    return urllib.parse.urlencode(fields).encode(), FORM


def chunked_request(path, method, kind, stream):
    """Return a request without a Content-Length."""
    if isinstance(stream, bytes):
        stream = io.BytesIO(stream)
    request = webob.Request.blank(path, method=method)
    request.environ.update({
        'wsgi.input': stream, 'wsgi.input_terminated': True,
        'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_TYPE': kind})
    request.environ.pop('CONTENT_LENGTH', None)
    return request


def sized_request(path, method, kind, stream, length):
    """Return a request with a Content-Length, correct or wrong."""
    request = chunked_request(path, method, kind, stream)
    del request.environ['HTTP_TRANSFER_ENCODING']
    request.environ['CONTENT_LENGTH'] = str(length)
    return request


def path_of(route):
    """Return a path for a route, with values for the parameters."""
    path = route.route.path
    for word, value in (('id', UNKNOWN_ID), ('version', '1'),
                        ('name', 'some')):
        path = path.replace('{%s}' % word, value)
    return path


def encode_json(value):
    """Return a value as JSON bytes."""
    return json.dumps(value).encode()
