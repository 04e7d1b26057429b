# SPDX-License-Identifier: Apache-2.0
"""Tests of signatures: the service must accept what the client signs."""

from oslotest import base

from qinling.client import exceptions
from qinling.client import signatures
from qinling.core.trigger import signatures as service
from qinling import exception

BODY = b'{"name": "Ada"}'


class TestSign(base.BaseTestCase):

    def verify(self, form, secret, headers, body=BODY):
        service.verify(form, [secret], {
            name.lower(): value for name, value in headers.items()},
            body, 60)

    def test_forms(self):
        for form in service.FORMS:
            secret = service.new_secret(form)
            headers = signatures.sign(form, secret, BODY)
            self.verify(form, secret, headers)
            self.assertRaises(exception.SignatureRefused, self.verify, form,
                              secret, headers, b'another')
            self.assertRaises(
                exception.SignatureRefused, self.verify, form,
                service.new_secret(form), headers)

    def test_mistakes(self):
        for words in (('standard', 'no base64!'), ('morse', 'secret')):
            self.assertRaises(exceptions.ClientError, signatures.sign,
                              *words, BODY)
