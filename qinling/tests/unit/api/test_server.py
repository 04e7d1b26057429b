# SPDX-License-Identifier: Apache-2.0
"""The embedded web server, over a socket."""

import contextlib
import http.client
import json
import re
import socket
import threading
from unittest import mock

from cheroot import server as cheroot_server
from cheroot import wsgi
from oslotest import base

from qinling.api import server
from qinling.tests import databases
from qinling.tests.unit.api import cases

MOST = 4096


class TestServer(cases.ApiTest):
    GROUPS = {'api': {'max_body_size': MOST}}

    def setUp(self):
        super().setUp()
        self.server = server.Server(self.api.app, '127.0.0.1', 0, 4, 20)
        self.address = self.server.url.removeprefix('http://').split(':')
        self.thread = threading.Thread(target=self.server.serve, daemon=True)
        self.thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        self.server.stop()
        self.thread.join(databases.PATIENCE)
        self.assertFalse(self.thread.is_alive())

    def connect(self):
        connection = http.client.HTTPConnection(
            *self.address, timeout=databases.PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, method, path, body=None, **kwargs):
        """(status, decoded body) of a request on a connection."""
        connection.request(method, path, body, kwargs.pop(
            'headers', {'Content-Type': 'application/json'}), **kwargs)
        answer = connection.getresponse()
        self.assertEqual('application/json', answer.getheader(
            'Content-Type').partition(';')[0])
        return answer.status, json.loads(answer.read())

    def test_many_connections_are_kept(self):
        connections = [self.connect() for _ in range(24)]
        for _ in range(3):
            for connection in connections:
                connection.request('GET', '/v1')
            for connection in connections:
                answer = connection.getresponse()
                answer.read()
                self.assertFalse(answer.will_close)

    def raw(self, request):
        """The whole answer to bytes on a connection of their own."""
        with socket.create_connection(
                self.address, timeout=databases.PATIENCE) as connection:
            connection.sendall(request)
            with contextlib.suppress(OSError):
                # The server may have hung up first.
                connection.shutdown(socket.SHUT_WR)
            found = b''
            while data := connection.recv(65536):
                found += data
        return found.decode()

    def check_raw(self, status, request):
        """The request must fail with the status, as JSON."""
        head, _, body = self.raw(request).partition('\r\n\r\n')
        self.assertIn(str(status), head.split('\r\n')[0])
        self.assertIn('content-type: application/json', head.lower())
        self.assertRegex(head.lower(), 'x-openstack-request-id: req-')
        self.assertEqual({'faultcode', 'faultstring', 'debuginfo'},
                         set(json.JSONDecoder().raw_decode(body)[0]))

    def test_one_connection_for_many_requests(self):
        connection = self.connect()
        connection.connect()
        first = connection.sock
        for _ in range(3):
            self.assertEqual((200, {'runtimes': []}), self.ask(
                connection, 'GET', '/v1/runtimes'))
            status, _ = self.ask(connection, 'GET', '/v1/nothing')
            self.assertEqual(404, status)
        self.assertIs(first, connection.sock)

    def test_bodies_in_pieces(self):
        connection = self.connect()
        status, row = self.ask(
            connection, 'POST', '/v1/runtimes',
            iter([b'{"image"', b': "i"}']), encode_chunked=True)
        self.assertEqual((201, 'i'), (status, row['image']))

    def test_bodies_in_too_many_pieces(self):
        status, fault = self.ask(
            self.connect(), 'POST', '/v1/runtimes',
            iter([b' ' * 1024] * 5), encode_chunked=True)
        self.assertEqual(413, status)
        self.assertIn(f'at most {MOST} bytes', fault['faultstring'])

    def test_bodies_that_are_too_large(self):
        for size in (MOST + 1, 4 * MOST):
            status, fault = self.ask(
                self.connect(), 'POST', '/v1/runtimes', b' ' * size)
            self.assertEqual(413, status)
            self.assertIn(f'at most {MOST} bytes', fault['faultstring'])

    def test_what_nobody_reads_is_no_request(self):
        evil = b'DELETE /v1/runtimes HTTP/1.1\r\nHost: x\r\n\r\n'
        for method, path, status in (('POST', '/v1/nothing', 404),
                                     ('PATCH', '/v1/runtimes', 405)):
            found = self.raw(
                f'{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: '
                f'{len(evil)}\r\n\r\n'.encode() + evil
                + b'GET /v1 HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n')
            answers = re.findall(r'^HTTP/1.1 (\d+)', found, re.M)
            # The connection may end with the fault, or go on behind it.
            self.assertIn(answers, ([f'{status}'], [f'{status}', '200']))

    def chunked(self, path, chunks, method='POST'):
        """The whole answer to a body in chunks, and a request after it."""
        return self.raw(
            f'{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: '
            'application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
            .encode() + chunks + b'GET /v1 HTTP/1.1\r\nHost: y\r\n'
            b'Connection: close\r\n\r\n')

    def statuses(self, found):
        return re.findall(r'HTTP/1.1 (\d+)', found)

    def test_chunks(self):
        for chunks in (b'e\r\n{"image": "i"}\r\n0\r\n\r\n',
                       b'7;x=y\r\n{"image\r\n0007 \r\n": "i"}\r\n'
                       b'0\r\nTrailer: x\r\n\r\n'):
            self.assertEqual(['201', '200'], self.statuses(
                self.chunked('/v1/runtimes', chunks)))

    def test_chunks_that_are_none(self):
        for chunks in (b'x\r\n', b'\r\n', b'-1\r\n', b'2\r\n{}xx0\r\n\r\n',
                       b'2\n{}\r\n0\r\n\r\n', b'f' * 16 + b'\r\n{}\r\n',
                       b'2' + b' ' * 9000 + b'\r\n{}\r\n0\r\n\r\n',
                       b'0x2\r\n{}\r\n0\r\n\r\n'):
            found = self.chunked('/v1/runtimes', chunks)
            self.assertEqual(['400'], self.statuses(found), chunks[:20])

    def test_a_chunk_that_is_too_large(self):
        """It is refused long before it is there."""
        for size in (b'%x' % (MOST + 1), b'fffffffffffff'):
            found = self.chunked('/v1/runtimes', size + b'\r\n'
                                 + b' ' * (MOST + 1) + b'\r\n')
            self.assertEqual(['413'], self.statuses(found))

    def test_chunks_that_nobody_reads_are_no_request(self):
        evil = b'DELETE /v1/runtimes HTTP/1.1\r\nHost: x\r\n\r\n'
        chunks = b'%x\r\n%s\r\n0\r\n\r\n' % (len(evil), evil)
        for path, status in (('/v1/nothing', '404'), (
                f'/v1/webhooks/{cases.NONE}/invoke', '404')):
            found = self.chunked(path, chunks)
            self.assertEqual([status], self.statuses(found))
            self.assertIn('connection: close', found.lower())

    def test_much_that_nobody_reads(self):
        """The answer does not wait for it."""
        for length in (server.MAX_DRAIN_BYTES + 1, 10 ** 15):
            with socket.create_connection(
                    self.address, timeout=databases.PATIENCE) as connection:
                connection.sendall(
                    b'POST /v1/nothing HTTP/1.1\r\nHost: x\r\n'
                    b'Content-Length: %d\r\n\r\n' % length)
                found = b''
                while data := connection.recv(65536):
                    found += data
            self.assertEqual(['404'], self.statuses(found.decode()))

    def test_what_is_no_http(self):
        for request in (b'nonsense\r\n\r\n', b'GET\r\n\r\n',
                        b'GET / HTTP/9\r\n\r\n', b'GET /\r\n\r\n',
                        b'GET / HTTP/1.1\r\nno colon\r\n\r\n'):
            self.check_raw(400, request)
        self.check_raw(505, b'GET / HTTP/2.0\r\nHost: x\r\n\r\n')

    def test_lengths_that_are_none(self):
        for length in (b'x', b'-1', b'1.5'):
            self.check_raw(400, b'POST /v1/runtimes HTTP/1.1\r\nHost: x\r\n'
                           b'Content-Type: application/json\r\n'
                           b'Content-Length: ' + length + b'\r\n\r\n{}')

    def test_url(self):
        self.assertRegex(self.server.url, r'\Ahttp://127\.0\.0\.1:\d+\Z')

    def test_nobody_is_heard_after_the_end(self):
        self.server.stop()
        self.thread.join(databases.PATIENCE)
        self.assertRaises(OSError, self.ask, self.connect(), 'GET', '/')


class TestCheroot(base.BaseTestCase):
    """Parts of cheroot that the server uses or replaces.

    After an upgrade that breaks a test, see :mod:`qinling.api.server`.
    """

    def setUp(self):
        super().setUp()
        self.server = wsgi.Server(('127.0.0.1', 0), None)
        self.server.prepare()
        self.addCleanup(self.server.stop)

    def test_accepting_a_connection(self):
        """The private ``_from_server_socket`` accepts from the backlog."""
        client = socket.create_connection(
            self.server.bind_addr, timeout=databases.PATIENCE)
        self.addCleanup(client.close)
        connection = self.server._connections._from_server_socket(
            self.server.socket)
        self.addCleanup(connection.close)
        self.assertIsInstance(connection, self.server.ConnectionClass)
        self.assertEqual(client.getsockname()[:2], (
            connection.remote_addr, connection.remote_port))
        for name in ('process_conn', 'put_conn'):
            self.assertTrue(callable(getattr(self.server, name)), name)

    def test_stopping_to_accept(self):
        """``stop`` of the connections ends ``serve`` of the server."""
        thread = threading.Thread(target=self.server.serve)
        thread.start()
        self.server._connections.stop()
        self.server.stop()
        thread.join(databases.PATIENCE)
        self.assertFalse(thread.is_alive())
        # A server without a socket stops once more.
        self.assertIsNone(self.server.socket)

    def test_replaced_parts(self):
        for kind, names in (
                (wsgi.Server, ('error_log', 'stop')),
                (cheroot_server.HTTPRequest,
                 ('send_headers', 'simple_response')),
                (cheroot_server.HTTPConnection, ('RequestHandlerClass',))):
            for name in names:
                self.assertIn(name, dir(kind))
        for name in ('gateway', 'ConnectionClass', 'keep_alive_conn_limit',
                     'ready'):
            self.assertTrue(hasattr(self.server, name), name)
        request = cheroot_server.HTTPRequest(self.server, mock.Mock())
        for name in ('chunked_read', 'close_connection', 'conn', 'server'):
            self.assertTrue(hasattr(request, name), name)
