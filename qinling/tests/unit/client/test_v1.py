# SPDX-License-Identifier: Apache-2.0
"""Tests of the nouns of the Python client."""

import json
from unittest import mock

from oslotest import base

from qinling.client import exceptions
from qinling.client.v1 import base as nouns
from qinling.client.v1 import functions
from qinling.tests.unit.client import stub

ID = '11111111-2222-4333-8444-555555555555'


class TestNames(base.BaseTestCase):

    def rows(self, *rows):
        return stub.Server(stub.answer(body={'functions': list(rows)}))

    def test_id_is_not_resolved(self):
        server = stub.Server()
        self.assertEqual(ID, server.client().functions.find_id(ID))

    def test_name_is_resolved(self):
        server = self.rows({'id': 'a', 'name': None}, {'id': 'b', 'name': 'x'})
        self.assertEqual('b', server.client().functions.find_id('x'))

    def test_unknown_name(self):
        find_id = self.rows().client().functions.find_id
        error = self.assertRaises(exceptions.NotFound, find_id, 'x')
        self.assertEqual('Function not found [name=x] (HTTP 404)', str(error))

    def test_ambiguous_name(self):
        server = self.rows({'id': 'a', 'name': 'x'}, {'id': 'b', 'name': 'x'})
        error = self.assertRaises(exceptions.NotUnique,
                                  server.client().functions.find_id, 'x')
        self.assertIn('a, b', str(error))

    def test_webhook_is_found_by_description(self):
        server = stub.Server(stub.answer(body={
            'webhooks': [{'id': 'a', 'description': 'x'}]}))
        self.assertEqual('a', server.client().webhooks.find_id('x'))


class TestDocument(base.BaseTestCase):

    def test_openapi(self):
        server = stub.Server(stub.answer(body={'openapi': '3.1.0'}))
        self.assertEqual({'openapi': '3.1.0'}, server.client().openapi())
        request, = server.requests
        self.assertEqual('GET', request.method)
        self.assertTrue(request.url.endswith('/v1/openapi.json'))

    def test_weak_etag_identifies_no_state(self):
        for tag, etag in (('"1"', '"1"'), ('W/"1"', None)):
            server = stub.Server(stub.answer(
                body={'id': ID}, ETag=tag))
            self.assertEqual(etag, server.client().executions.get(ID).etag)


class TestForms(base.BaseTestCase):

    def test_package(self):
        server = stub.Server(stub.answer(201, {'id': ID}))
        progress = []
        server.client().functions.create(
            {'source': 'package'}, b'z' * 200000,
            lambda *numbers: progress.append(numbers), name='greeter', cpu=100,
            entry=None)
        request, = server.requests
        body = b''.join(request.body)
        self.assertEqual(str(len(body)), request.headers['Content-Length'])
        self.assertIn('multipart/form-data; boundary=',
                      request.headers['Content-Type'])
        self.assertIn(b'name="package"; filename="package.zip"', body)
        self.assertIn(b'z' * 200000, body)
        self.assertIn(b'{"source": "package"}', body)
        self.assertNotIn(b'entry', body)
        self.assertEqual((0, len(body)), progress[0])
        self.assertEqual((len(body), len(body)), progress[-1])

    def test_upload_is_repeatable(self):
        upload = functions.Upload(b'data', lambda position, total: None)
        self.assertEqual([b'data'], list(upload))
        self.assertEqual([b'data'], list(upload))

    def test_no_package(self):
        server = stub.Server(stub.answer(body={'id': ID}))
        server.client().functions.update(ID, timeout=3, name=None,
                                         async_policy={'retries': 1})
        self.assertEqual('timeout=3&async_policy=%7B%22retries%22%3A+1%7D',
                         server.requests[0].body)


class TestWaiting(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.sleep = self.useFixture(
            base.fixtures.MockPatchObject(nouns.time, 'sleep')).mock

    def executions(self, *statuses):
        return stub.Server(*(stub.answer(body={'status': status})
                             for status in statuses)).client().executions

    def test_until_the_end(self):
        executions = self.executions('running', 'running', 'failed')
        self.assertEqual('failed', executions.wait(ID)['status'])
        self.assertEqual(2, self.sleep.call_count)

    def test_timeout(self):
        executions = self.executions('running', 'running')
        with mock.patch.object(nouns.time, 'monotonic',
                               side_effect=(0, 1, 11)):
            error = self.assertRaises(exceptions.ClientError,
                                      executions.wait, ID, 10)
        self.assertIn('still running after 10 seconds', str(error))

    def test_pauses_grow(self):
        executions = self.executions(*['running'] * 20, 'success')
        executions.wait(ID)
        pauses = [call.args[0] for call in self.sleep.call_args_list]
        self.assertEqual(sorted(pauses), pauses)
        self.assertEqual(nouns.POLL_SECONDS, (pauses[0], pauses[-1]))


class TestWebhooks(base.BaseTestCase):

    def test_asynchronous_answer(self):
        server = stub.Server(stub.answer(202, {'execution_id': ID}))
        self.assertEqual(
            {'status_code': 202, 'execution_id': ID},
            server.client().webhooks.invoke('w', {'a': 1}))
        self.assertEqual({'a': 1}, json.loads(server.requests[0].body))

    def test_answer_of_the_function(self):
        server = stub.Server(stub.answer(
            201, 'gemäß', **{'X-Qinling-Execution-Id': ID}))
        self.assertEqual(
            {'status_code': 201, 'execution_id': ID, 'output': 'gemäß',
             'content': 'gemäß'.encode(), 'content_type': None},
            server.client().webhooks.invoke('w'))
