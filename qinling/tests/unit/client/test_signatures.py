# SPDX-License-Identifier: Apache-2.0
"""Tests of signatures: the service must accept what the client signs."""

import dataclasses
import urllib.parse

from oslotest import base

from qinling.client import exceptions
from qinling.client import signatures
from qinling.core.trigger import signatures as service
from qinling import exception

REQUEST = signatures.Request(
    b'{"name": "Ada", "value": [{"id": 1}]}', 'https://host/invoke?a=1')
FORM = signatures.Request(b'b=2&a=1&b=2&c=%C3%A9', REQUEST.url,
                          signatures.FORM)


class TestSign(base.BaseTestCase):

    def verify(self, form, secret, request):
        headers = {name.lower(): value
                   for name, value in request.headers.items()}
        headers['content-type'] = request.content_type
        service.verify(form, [secret], service.Message(
            headers, request.body, request.url), 60)

    def test_forms(self):
        self.assertEqual(set(service.FORMS), set(signatures.FORMS))
        for form in service.FORMS:
            secret = service.new_secret(form)
            request = signatures.sign(form, secret, REQUEST)
            self.verify(form, secret, request)
            self.assertRaises(
                exception.SignatureRefused, self.verify, form,
                service.new_secret(form), request)
            if form not in ('gitlab', 'mailgun', 'microsoft'):
                self.assertRaises(
                    exception.SignatureRefused, self.verify, form, secret,
                    dataclasses.replace(request, body=b'another'))

    def test_twilio(self):
        self.verify('twilio', 'secret', signatures.sign(
            'twilio', 'secret', FORM))
        request = signatures.sign('twilio', 'secret', REQUEST)
        query = urllib.parse.urlsplit(request.url).query
        self.assertTrue(query.startswith('a=1&bodySHA256='))

    def test_mistakes(self):
        for form, secret, body in (
                ('standard', 'no base64!', b''), ('morse', 'secret', b''),
                ('mailgun', 'secret', b'text'), ('mailgun', 'secret', b'[]'),
                ('microsoft', 'secret', b'{}'),
                ('microsoft', 'secret', b'{"value": [1]}')):
            self.assertRaises(
                exceptions.ClientError, signatures.sign, form, secret,
                signatures.Request(body))
