# SPDX-License-Identifier: Apache-2.0
"""Tests of requests and errors."""

import requests

from oslotest import base

from qinling.client import exceptions
from qinling.client import keystone
from qinling.client import v1
from qinling.tests.unit.client import stub


class TestErrors(base.BaseTestCase):

    def request(self, *answers):
        """Return the error of a request."""
        client = stub.Server(*answers).client()
        return self.assertRaises(
            exceptions.ClientError, client.runtimes.get, 'id')

    def test_sentence_of_the_server(self):
        error = self.request(stub.answer(
            409, {'faultstring': 'Not now.', 'debuginfo': None}))
        self.assertEqual('Not now. (HTTP 409)', str(error))
        self.assertEqual((409, 'Not now.'), (error.status, error.sentence))

    def test_not_found(self):
        error = self.request(stub.answer(404, {'faultstring': 'Gone.'}))
        self.assertIsInstance(error, exceptions.NotFound)

    def test_answers_of_proxies(self):
        for body, reason, expected in (
                ('<html><b>Bad</b>\n gateway</html>', '', 'Bad gateway'),
                ('', 'Bad Gateway', 'Bad Gateway'),
                ('', '', 'Bad Gateway'),
                ('[1]', '', '[1]'),
                ('{"error": 1}', '', '{"error": 1}')):
            error = self.request(stub.answer(502, body, reason))
            self.assertEqual(f'{expected} (HTTP 502)', str(error))

    def test_no_answer(self):
        error = self.request(requests.ConnectionError('no route'))
        self.assertIsInstance(error, exceptions.Unreachable)
        self.assertIn('no route', str(error))

    def test_timeout(self):
        error = self.request(requests.Timeout())
        self.assertIsInstance(error, exceptions.Unreachable)

    def test_limits_of_time(self):
        for action, seconds in (
                (lambda client: client.runtimes.get('id'), 120),
                (lambda client: client.executions.create(sync=False), 120),
                (lambda client: client.executions.create(), 86520),
                (lambda client: client.executions.rerun('id'), 86520),
                (lambda client: list(client.executions.stream()), 86520),
                (lambda client: client.webhooks.invoke('id'), 86520)):
            server = stub.Server(requests.ConnectionError('refused'))
            self.assertRaises(
                exceptions.Unreachable, action, server.client())
            self.assertEqual((30, seconds), server.timeouts[0])

    def test_version_in_the_url(self):
        sender = keystone.Sender(None, f'{stub.URL}/v1')
        self.assertEqual(stub.URL, sender.adapter.endpoint_override)

    def test_limit_of_the_session(self):
        server = stub.Server(stub.answer(body={}))
        client = server.client()
        client.runtimes._transport._sender.adapter.session.timeout = 7.0
        client.runtimes.get('id')
        self.assertEqual([7.0], server.timeouts)

    def test_no_url(self):
        client = v1.Client('qinling.test')
        error = self.assertRaises(
            exceptions.ClientError, client.runtimes.get, 'id')
        self.assertIn('No scheme supplied', str(error))


class TestRequests(base.BaseTestCase):

    def test_pages_are_read_on_demand(self):
        server = stub.Server(
            stub.answer(body={'functions': [{'id': 1}, {'id': 2}], 'next': (
                'https://elsewhere/v1/functions?limit=2&marker=2'
                '&description=a%26b')}),
            stub.answer(body={'functions': [{'id': 3}]}))
        rows = server.client().functions.list(limit=2, marker=None)
        self.assertEqual([], server.paths)
        self.assertEqual(1, next(rows)['id'])
        self.assertEqual(['GET /v1/functions?limit=2'], server.paths)
        self.assertEqual([2, 3], [row['id'] for row in rows])
        self.assertEqual(
            'GET /v1/functions?limit=2&marker=2&description=a%26b',
            server.paths[1])
        self.assertTrue(server.requests[1].url.startswith(stub.URL))

    def test_names_in_paths_are_quoted(self):
        server = stub.Server(stub.answer(body={'name': 'a/b?'}))
        server.client().aliases.get('a/b?')
        self.assertEqual(['GET /v1/aliases/a%2Fb%3F'], server.paths)

    def test_etag(self):
        server = stub.Server(stub.answer(body={}, ETag='"3"'),
                             stub.answer(204))
        client = server.client()
        etag = client.aliases.get('prod').etag
        client.aliases.delete('prod', if_match=etag)
        self.assertEqual('"3"', server.requests[1].headers['If-Match'])
