# SPDX-License-Identifier: Apache-2.0
"""Tests of requests without Keystone, to a real server."""

import http.server
import io
import logging
import socket
import threading
from unittest import mock

import fixtures
from oslotest import base

from qinling.client import direct
from qinling.client import exceptions
from qinling.client import http as http_module
from qinling.client import v1
from qinling.tests import ports


class Handler(http.server.BaseHTTPRequestHandler):
    """Handler that records requests and answers from a list."""

    def answer(self):
        """Record the request, and send the next answer."""
        size = int(self.headers.get('Content-Length', 0))
        self.server.requests.append(
            (self.command, self.path, self.headers, self.rfile.read(size)))
        status, headers, body = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header('Content-Length', len(body))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args):
        """Write no log."""


class TestSender(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self.server.requests, self.server.answers = [], []
        thread = threading.Thread(target=self.server.serve_forever,
                                  kwargs={'poll_interval': 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        self.client = v1.Client(f'{self.url}/')

    def expect(self, status=200, body=b'{}', **headers):
        """Prepare an answer."""
        self.server.answers.append((status, headers, body))

    def test_get(self):
        self.expect(ETag='"1"', body=b'{"id": "a"}')
        resource = self.client.runtimes.get('a')
        self.assertEqual(({'id': 'a'}, '"1"'), (resource, resource.etag))
        command, path, headers, _body = self.server.requests[0]
        self.assertEqual(('GET', '/v1/runtimes/a', 'qinling'),
                         (command, path, headers['User-Agent']))

    def test_bodies(self):
        parts = []
        for _ in range(3):
            self.expect()
        self.client.executions.create(input={'a': 'ä'})
        self.client.functions.update('f', name='a b')
        self.client.functions.create(
            {'source': 'package'}, b'bytes', name='x',
            progress=lambda *numbers: parts.append(numbers))
        json, form, multipart = self.server.requests
        self.assertEqual(b'{"input": {"a": "\\u00e4"}}', json[3])
        self.assertEqual(b'name=a+b', form[3])
        self.assertEqual('application/x-www-form-urlencoded',
                         form[2]['Content-Type'])
        self.assertIn(b'bytes', multipart[3])
        self.assertEqual(len(multipart[3]), parts[-1][1])

    def test_query(self):
        self.expect(body=b'{"executions": []}')
        self.assertEqual([], list(self.client.executions.list(
            description='has:a&b', all_projects=True)))
        self.assertEqual(
            '/v1/executions?description=has%3Aa%26b&all_projects=True',
            self.server.requests[0][1])

    def test_download(self):
        self.expect(body=b'x' * 100)
        self.assertEqual(b'x' * 100,
                         b''.join(self.client.functions.download('f')))

    def test_redirect(self):
        self.expect(302, Location=f'{self.url}/v1/runtimes/b')
        self.expect(body=b'{"id": "b"}')
        self.assertEqual({'id': 'b'}, self.client.runtimes.get('a'))

    def test_login(self):
        sender = direct.Sender(self.url, login=('ada', 'secret'))
        self.expect(body=b'{}')
        v1.Client(sender=sender).runtimes.get('a')
        self.assertEqual('Basic YWRhOnNlY3JldA==',
                         self.server.requests[0][2]['Authorization'])

    def test_login_in_the_url(self):
        url = self.url.replace('//', '//ada:a%40b@')
        self.expect(body=b'{}')
        v1.Client(url).runtimes.get('a')
        self.assertEqual('Basic YWRhOmFAYg==',
                         self.server.requests[0][2]['Authorization'])
        self.assertEqual(self.url, direct.Sender(url).endpoint)

    def test_errors(self):
        self.expect(409, b'{"faultstring": "Not now."}')
        error = self.assertRaises(exceptions.HttpError,
                                  self.client.runtimes.get, 'a')
        self.assertEqual('Not now. (HTTP 409)', str(error))
        self.expect(200, b'<html>')
        error = self.assertRaises(exceptions.ClientError,
                                  self.client.runtimes.get, 'a')
        self.assertIn('The answer is not JSON', str(error))

    def test_no_server(self):
        url = f'http://127.0.0.1:{ports.free()}'
        error = self.assertRaises(
            exceptions.Unreachable, v1.Client(url).runtimes.get, 'a')
        self.assertEqual(f'No answer from {url}/v1/runtimes/a: Connection '
                         'refused. Is the server running there?', str(error))
        error = self.assertRaises(exceptions.ClientError,
                                  v1.Client('a.test').runtimes.get, 'a')
        self.assertIn('No scheme supplied. Write http://a.test', str(error))
        self.assertRaises(exceptions.ClientError, v1.Client)

    def test_version_in_the_url(self):
        for url in (f'{self.url}/v1', f'{self.url}/v1/'):
            self.expect(body=b'{"id": "a"}')
            v1.Client(url).runtimes.get('a')
            self.assertEqual('/v1/runtimes/a', self.server.requests[-1][1])

    def test_other_services(self):
        for reply, words in (
                (b"-ERR unknown command\r\n", 'is not HTTP'),
                (b'', 'the connection was closed')):
            url = self.serve(reply)
            error = self.assertRaises(
                exceptions.Unreachable, v1.Client(url).runtimes.get, 'a')
            self.assertIn(words, str(error))
            self.assertNotIn('HTTPConnectionPool', str(error))
        for body in (b'<html>', b'[]', b'{}'):
            self.expect(body=body)
            self.assertRaises(exceptions.ForeignServer, self.client.ping)
        self.expect(404, b'<html>File not found</html>')
        error = self.assertRaises(
            exceptions.NotFound, self.client.runtimes.get, 'a')
        self.assertIn('the URL of a Qinling server?', str(error))

    def test_silent_server(self):
        client = v1.Client(self.serve(None))
        error = self.assertRaises(
            exceptions.Unreachable, client.ping, timeout=0.05)
        self.assertIn('/ in time.', str(error))
        with mock.patch.object(http_module, 'READ_SECONDS', 0.05):
            self.assertRaises(exceptions.Unreachable, client.runtimes.get, 'a')

    def test_silence_within_an_answer(self):
        client = v1.Client(self.serve(
            b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx', close=False))
        with mock.patch.object(http_module, 'READ_SECONDS', 0.05):
            chunks = client.functions.download('f')
            error = self.assertRaises(exceptions.Unreachable, list, chunks)
        self.assertIn('in time', str(error))

    def serve(self, reply, close=True):
        """Return the URL of a service with one reply, ``None`` for silence."""
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)

        def answer():
            connection, _address = listener.accept()
            self.addCleanup(connection.close)
            if reply is not None:
                connection.recv(1 << 16)
                connection.sendall(reply)
                if close:
                    connection.close()
        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        return f'http://127.0.0.1:{listener.getsockname()[1]}'

    def test_log(self):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        direct.LOG.addHandler(handler)
        self.addCleanup(direct.LOG.removeHandler, handler)
        direct.LOG.setLevel(logging.DEBUG)
        for _ in range(2):
            self.expect(body=b'{"answer": 1}')
        self.client.executions.create(input='seen')
        self.client.webhooks.create(secret='hidden')
        text = stream.getvalue()
        self.assertIn('curl -X POST', text)
        self.assertIn('seen', text)
        self.assertEqual(1, text.count('answer'))
        self.assertNotIn('hidden', text)


class TestCertificates(base.BaseTestCase):

    def test_certificates(self):
        self.useFixture(fixtures.EnvironmentVariable('REQUESTS_CA_BUNDLE'))
        self.assertEqual('ca.pem', direct.find_certificates('ca.pem'))
        self.assertIn('cacert.pem', direct.find_certificates(True))
        self.useFixture(fixtures.EnvironmentVariable(
            'REQUESTS_CA_BUNDLE', 'bundle.pem'))
        self.assertEqual('bundle.pem', direct.find_certificates(True))
