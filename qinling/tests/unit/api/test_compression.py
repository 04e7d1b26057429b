# SPDX-License-Identifier: Apache-2.0
"""Compressed answers: long JSON lists only, and never those of functions."""

import gzip
import json

from oslotest import base
import webob

from qinling.api import compression
from qinling.db import models
from qinling.tests.unit.api import cases

LONG = json.dumps(['text'] * compression.MIN_BYTES).encode()


class TestCompression(base.BaseTestCase):
    def send(self, body=LONG, coding='gzip, deflate', path='/v1/functions',
             method='GET', **fields):
        """Return the answer about an application with one answer."""
        fields.setdefault('content_type', 'application/json')
        app = compression.Compression(webob.Response(body, **fields))
        return webob.Request.blank(path, method=method, headers={
            'Accept-Encoding': coding}).send(app)

    def test_long_answers(self):
        answer = self.send(etag='1')
        self.assertEqual('gzip', answer.headers['Content-Encoding'])
        self.assertEqual('Accept-Encoding', answer.headers['Vary'])
        self.assertEqual('"1"', answer.headers['ETag'])
        self.assertEqual(LONG, gzip.decompress(answer.body))
        self.assertEqual(len(answer.body), answer.content_length)
        self.assertLess(len(answer.body), len(LONG) / 10)

    def test_other_answers(self):
        for fields in (
                {'coding': ''}, {'coding': 'br'}, {'coding': 'gzip;q=0, *'},
                {'method': 'POST'}, {'status': 404},
                {'content_type': 'application/octet-stream'},
                {'content_type': 'text/event-stream'},
                {'content_encoding': 'br'},
                {'path': '/v1/webhooks/some-id/invoke'}):
            answer = self.send(**fields)
            self.assertNotEqual('gzip', answer.content_encoding, fields)
            self.assertEqual(fields.get('body', LONG), answer.body)

    def test_parts_are_closed(self):
        closed = []

        class Parts(list):
            def close(self):
                closed.append(True)

        answer = self.send(app_iter=Parts([LONG[:9], LONG[9:]]), body=None,
                           content_length=len(LONG))
        self.assertEqual(LONG, gzip.decompress(answer.body))
        self.assertEqual([True], closed)


class TestApplication(cases.ApiTest):
    def test_lists(self):
        for _ in range(20):
            self.api.insert(models.Function, description='text')
        plain = self.api.request('GET', '/v1/functions')
        packed = self.api.request('GET', '/v1/functions',
                                  Accept_Encoding='gzip')
        self.assertEqual('gzip', packed.headers['Content-Encoding'])
        self.assertEqual(plain.body, gzip.decompress(packed.body))
        self.assertLess(len(packed.body), len(plain.body) / 4)
