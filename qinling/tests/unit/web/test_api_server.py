# SPDX-License-Identifier: Apache-2.0
"""The API behind the web server, over a socket."""

import contextlib
import http.client
import json
import re
import socket
import threading

from qinling.tests import databases
from qinling.tests.unit.api import cases
from qinling.web import server

MAX_BODY_BYTES = 4096


class TestApiServer(cases.ApiTest):
    GROUPS = {'api': {'max_body_size': MAX_BODY_BYTES}}

    def setUp(self):
        super().setUp()
        self.server = server.Server(
            self.api.app, server.listen('127.0.0.1', 0), 4, 20)
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

    def request(self, connection, method, path, body=None, **kwargs):
        """Return status and decoded body of a request on a connection."""
        connection.request(method, path, body, kwargs.pop(
            'headers', {'Content-Type': 'application/json'}), **kwargs)
        answer = connection.getresponse()
        self.assertEqual('application/json', answer.getheader(
            'Content-Type').partition(';')[0])
        return answer.status, json.loads(answer.read())

    def test_many_connections_stay_open(self):
        connections = [self.connect() for _ in range(24)]
        for _ in range(3):
            for connection in connections:
                connection.request('GET', '/v1')
            for connection in connections:
                answer = connection.getresponse()
                answer.read()
                self.assertFalse(answer.will_close)

    def send_raw(self, request):
        """Return the whole answer to bytes on a new connection."""
        with socket.create_connection(
                self.address, timeout=databases.PATIENCE) as connection:
            connection.sendall(request)
            with contextlib.suppress(OSError):
                # The server may have closed the connection first.
                connection.shutdown(socket.SHUT_WR)
            answer = b''
            while data := connection.recv(65536):
                answer += data
        return answer.decode()

    def check_raw(self, status, request):
        """Check that the request fails with the status, as JSON."""
        head, _, body = self.send_raw(request).partition('\r\n\r\n')
        self.assertIn(str(status), head.split('\r\n')[0])
        self.assertIn('content-type: application/json', head.lower())
        self.assertRegex(head.lower(), 'x-openstack-request-id: req-')
        self.assertEqual({'faultcode', 'faultstring', 'debuginfo'},
                         set(json.JSONDecoder().raw_decode(body)[0]))

    def test_connection_serves_many_requests(self):
        connection = self.connect()
        connection.connect()
        first = connection.sock
        for _ in range(3):
            self.assertEqual((200, {'runtimes': []}), self.request(
                connection, 'GET', '/v1/runtimes'))
            status, _ = self.request(connection, 'GET', '/v1/nothing')
            self.assertEqual(404, status)
        self.assertIs(first, connection.sock)

    def test_chunked_body_is_accepted(self):
        connection = self.connect()
        status, row = self.request(
            connection, 'POST', '/v1/runtimes',
            iter([b'{"image"', b': "i"}']), encode_chunked=True)
        self.assertEqual((201, 'i'), (status, row['image']))

    def test_chunked_body_above_limit_is_rejected(self):
        status, fault = self.request(
            self.connect(), 'POST', '/v1/runtimes',
            iter([b' ' * 1024] * 5), encode_chunked=True)
        self.assertEqual(413, status)
        self.assertIn(f'at most {MAX_BODY_BYTES} bytes', fault['faultstring'])

    def test_body_above_limit_is_rejected(self):
        for size in (MAX_BODY_BYTES + 1, 4 * MAX_BODY_BYTES):
            status, fault = self.request(
                self.connect(), 'POST', '/v1/runtimes', b' ' * size)
            self.assertEqual(413, status)
            self.assertIn(f'at most {MAX_BODY_BYTES} bytes',
                          fault['faultstring'])

    def test_unread_body_is_not_a_request(self):
        evil = b'DELETE /v1/runtimes HTTP/1.1\r\nHost: x\r\n\r\n'
        for method, path, status in (('POST', '/v1/nothing', 404),
                                     ('PATCH', '/v1/runtimes', 405)):
            answer = self.send_raw(
                f'{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: '
                f'{len(evil)}\r\n\r\n'.encode() + evil
                + b'GET /v1 HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n')
            self.assertEqual([f'{status}', '200'], self.statuses(answer))

    def send_chunks(self, path, chunks, method='POST'):
        """Return the whole answer to a chunked body and a second request."""
        return self.send_raw(
            f'{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: '
            'application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
            .encode() + chunks + b'GET /v1 HTTP/1.1\r\nHost: y\r\n'
            b'Connection: close\r\n\r\n')

    def statuses(self, answer):
        return re.findall(r'HTTP/1.1 (\d+)', answer)

    def test_chunks_with_extensions_and_trailers_are_accepted(self):
        for chunks in (b'e\r\n{"image": "i"}\r\n0\r\n\r\n',
                       b'7;x=y\r\n{"image\r\n0007\r\n": "i"}\r\n'
                       b'0\r\nTrailer: x\r\n\r\n'):
            self.assertEqual(['201', '200'], self.statuses(
                self.send_chunks('/v1/runtimes', chunks)))

    def test_malformed_chunks_are_rejected(self):
        for chunks in (b'x\r\n', b'\r\n', b'-1\r\n', b'2\r\n{}xx0\r\n\r\n',
                       b'2\n{}\r\n0\r\n\r\n', b'f' * 16 + b'\r\n{}\r\n',
                       b'2' + b' ' * 9000 + b'\r\n{}\r\n0\r\n\r\n',
                       b'0x2\r\n{}\r\n0\r\n\r\n'):
            answer = self.send_chunks('/v1/runtimes', chunks)
            self.assertEqual(['400'], self.statuses(answer), chunks[:20])

    def test_chunk_above_limit_is_rejected(self):
        answer = self.send_chunks(
            '/v1/runtimes', b'%x\r\n%b\r\n0\r\n\r\n' % (
                MAX_BODY_BYTES + 1, b' ' * (MAX_BODY_BYTES + 1)))
        self.assertEqual(['413', '200'], self.statuses(answer))

    def test_endless_chunk_is_rejected_before_the_end(self):
        with socket.create_connection(
                self.address, timeout=databases.PATIENCE) as connection:
            connection.sendall(
                b'POST /v1/runtimes HTTP/1.1\r\nHost: x\r\nContent-Type: '
                b'application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
                b'fffffffffffff\r\n' + b' ' * 2 * 64 * 1024)
            self.assertIn(b'413', connection.recv(65536))

    def test_unread_chunks_are_not_a_request(self):
        evil = b'DELETE /v1/runtimes HTTP/1.1\r\nHost: x\r\n\r\n'
        chunks = b'%x\r\n%s\r\n0\r\n\r\n' % (len(evil), evil)
        for path, status in (('/v1/nothing', '404'), (
                f'/v1/webhooks/{cases.UNKNOWN_ID}/invoke', '404')):
            self.assertEqual([status, '200'], self.statuses(
                self.send_chunks(path, chunks)))

    def test_rejection_does_not_wait_for_the_body(self):
        for length in (server.MAX_DRAIN_BYTES + 1, 10 ** 15):
            with socket.create_connection(
                    self.address, timeout=databases.PATIENCE) as connection:
                connection.sendall(
                    b'POST /v1/nothing HTTP/1.1\r\nHost: x\r\n'
                    b'Content-Length: %d\r\n\r\n' % length)
                answer = b''
                while data := connection.recv(65536):
                    answer += data
            self.assertEqual(['404'], self.statuses(answer.decode()))

    def test_malformed_requests_are_rejected(self):
        for request in (b'nonsense\r\n\r\n', b'GET\r\n\r\n',
                        b'GET / HTTP/9\r\n\r\n', b'GET /\r\n\r\n',
                        b'GET / HTTP/1.1\r\nno colon\r\n\r\n'):
            self.check_raw(400, request)
        self.check_raw(505, b'GET / HTTP/2.0\r\nHost: x\r\n\r\n')

    def test_malformed_lengths_are_rejected(self):
        for length in (b'x', b'-1', b'1.5'):
            self.check_raw(400, b'POST /v1/runtimes HTTP/1.1\r\nHost: x\r\n'
                           b'Content-Type: application/json\r\n'
                           b'Content-Length: ' + length + b'\r\n\r\n{}')

    def test_url_names_address_and_port(self):
        self.assertRegex(self.server.url, r'\Ahttp://127\.0\.0\.1:\d+\Z')

    def test_stopped_server_refuses_connections(self):
        self.server.stop()
        self.thread.join(databases.PATIENCE)
        self.assertRaises(OSError, self.request, self.connect(), 'GET', '/')
