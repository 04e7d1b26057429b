# SPDX-License-Identifier: Apache-2.0
"""The web server: requests and answers."""

import contextlib
import re
import select
import threading

from qinling.tests import databases
from qinling.tests.unit.web import cases
from qinling.web import body_stream
from qinling.web import connection as connection_module
from qinling.web import request as request_module
from qinling.web import server as server_module


class TestSlowClients(cases.ServerTest):
    def test_silent_connections_occupy_no_thread(self):
        sockets = [self.connect() for _ in range(50)]
        sockets += [self.connect(b'GET / HTT') for _ in range(50)]
        sockets += [self.connect(
            cases.HEAD_BEFORE_BODY % 10 + b'\r\n12345') for _ in range(50)]
        self.assertEqual([200], self.statuses(self.exchange(cases.GET)))

    def test_slow_head_ends_with_408(self):
        self.patch(connection_module, HEAD_SECONDS=0)
        answer = self.read_all(self.connect(b'GET / HTTP/1.1\r\nHos'))
        self.assertEqual([408], self.statuses(answer))

    def test_slow_small_body_ends_with_408(self):
        self.patch(connection_module, TRANSFER_GRACE_SECONDS=0)
        answer = self.read_all(self.connect(
            cases.HEAD_BEFORE_BODY % 10 + b'\r\n12345'))
        self.assertEqual([408], self.statuses(answer))

    def test_slow_large_body_ends_with_408(self):
        self.patch(connection_module, TRANSFER_GRACE_SECONDS=0,
                   LINGER_SECONDS=0)
        answer = self.read_all(self.connect(
            cases.HEAD_BEFORE_BODY % cases.LARGE + b'\r\n12345'))
        self.assertEqual([408], self.statuses(answer))
        self.assertIn('too slowly', answer)

    def test_idle_connection_is_closed(self):
        self.patch(connection_module, KEEP_ALIVE_SECONDS=0)
        self.assertEqual('', self.read_all(self.connect()))

    def test_slow_reader_occupies_no_thread(self):
        sockets = [self.connect(b'GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
                   for _ in range(3 * self.THREADS)]
        self.assertEqual([200], self.statuses(self.exchange(cases.GET)))
        head = b''
        while b'\r\n\r\n' not in head:
            head += sockets[0].recv(1)
        size = 0
        while size < 64 * 1024 * 1024:
            size += len(sockets[0].recv(1 << 20))
        sockets[0].sendall(cases.GET)
        self.assertIn(b'200 OK', sockets[0].recv(65536))

    def test_connections_beyond_the_maximum_replace_the_oldest(self):
        self.server._poller.max_connections = 3
        sockets = [self.connect() for _ in range(4)]
        sockets[-1].sendall(cases.GET)
        self.assertIn(b'200 OK', sockets[-1].recv(65536))
        self.assertEqual('', self.read_all(sockets[0]))


class TestLargeBodies(cases.ServerTest):
    def test_body_is_streamed(self):
        body = bytes(range(256)) * 4096
        sock = self.connect(cases.HEAD_BEFORE_BODY % len(body) + b'\r\n')
        for start in range(0, len(body), 100000):
            sock.sendall(body[start:start + 100000])
        self.assertIn(b'200 OK', sock.recv(65536))
        self.assertEqual([body], self.app.bodies)
        sock.sendall(cases.GET)
        self.assertIn(b'200 OK', sock.recv(65536))

    def test_chunked_body_is_streamed(self):
        self.assertEqual([200, 200], self.statuses(self.exchange(
            b'POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked'
            b'\r\n\r\n'
            + b'%x\r\n%b\r\n' % (cases.LARGE, bytes(cases.LARGE)) * 3
            + b'0\r\n\r\n' + cases.GET)))
        self.assertEqual([bytes(cases.LARGE * 3)], self.app.bodies)

    def test_incomplete_body_is_rejected(self):
        answer = self.exchange(
            cases.HEAD_BEFORE_BODY % cases.LARGE + b'\r\n12345')
        self.assertEqual([400], self.statuses(answer))
        self.assertIn('ended before the request body', answer)
        self.assertEqual([], self.app.bodies)

    def test_malformed_chunk_is_rejected(self):
        answer = self.exchange(
            b'POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked'
            b'\r\n\r\n' + b'%x\r\n%b\r\nx' % (cases.LARGE, bytes(cases.LARGE)))
        self.assertEqual([400], self.statuses(answer))
        self.assertEqual([], self.app.bodies)

    def test_half_of_the_threads_read_bodies(self):
        slow = self.connect(cases.HEAD_BEFORE_BODY % cases.LARGE + b'\r\n'
                            + bytes(cases.LARGE - 1))
        while not isinstance(self.app.environ.get('wsgi.input'),
                             body_stream.BodyStream):
            select.select([], [], [], 0.01)
        answer = self.read_all(self.connect(
            cases.HEAD_BEFORE_BODY % cases.LARGE + b'\r\n'))
        self.assertEqual([503], self.statuses(answer))
        self.assertIn('Retry-After', answer)
        slow.sendall(b'x')
        self.assertIn(b'200 OK', slow.recv(65536))

    def test_client_receives_the_answer_before_the_end_of_the_body(self):
        sock = self.connect(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: '
                            b'%d\r\n\r\n' % cases.LARGE)
        answer = self.read_all(sock)
        self.assertEqual([200], self.statuses(answer))
        self.assertIn('Connection: close', answer)
        sock.sendall(bytes(cases.LARGE // 2))

    def test_client_that_waits_is_told_to_continue(self):
        for size in (10, cases.LARGE):
            sock = self.connect(cases.HEAD_BEFORE_BODY % size
                                + b'Expect: 100-continue\r\n\r\n')
            self.assertIn(b'100 Continue', sock.recv(65536))
            sock.sendall(bytes(size))
            self.assertIn(b'200 OK', sock.recv(65536))


class TestStaying(cases.ServerTest):
    """Threads that wait for the next request of their client."""

    def setUp(self):
        super().setUp()
        self.patch(server_module, STAY_MS=databases.PATIENCE * 1000)
        self.threads = []
        index = self.app.index

        def record_thread(environ, start_response):
            self.threads.append(threading.current_thread().name)
            return index(environ, start_response)
        self.app.index = record_thread

    def request(self, sock):
        sock.sendall(cases.GET)
        self.assertIn(b'200 OK', sock.recv(65536))

    def test_client_in_a_loop_keeps_its_thread(self):
        sock = self.connect()
        for _ in range(5):
            self.request(sock)
        self.assertEqual(1, len(set(self.threads)))
        sock.close()

    def test_threads_wait_for_prompt_clients_only(self):
        waits = []
        has_data = connection_module.Connection.has_data

        def wait(connection, _milliseconds):
            waits.append(connection.address)
            return has_data(connection, 0)
        self.patch(connection_module.Connection, has_data=wait)
        prompt, slow = self.connect(), self.connect()
        for sock, seconds in ((prompt, databases.PATIENCE), (slow, 0)):
            self.patch(connection_module, PROMPT_SECONDS=seconds)
            for _ in range(3):
                self.request(sock)
                databases.wait_until(
                    lambda: len(self.server._poller._waiting) == 2)
        self.assertEqual([prompt.getsockname()] * 3 + [slow.getsockname()],
                         waits)

    def test_half_of_the_threads_serve_all_others(self):
        sockets = [self.connect() for _ in range(4)]
        for _ in range(3):
            for sock in sockets:
                self.request(sock)
                # The client may be faster than the thread after the answer.
                databases.wait_until(lambda: self.server._staying)
        staying, *free = self.threads[:4]
        self.assertEqual({staying}, set(self.threads[::4]))
        self.assertNotIn(staying, free)
        self.assertEqual(1, len(set(free)))
        for sock in sockets:
            sock.close()


class TestStrictness(cases.ServerTest):
    def test_malformed_requests_are_rejected(self):
        post = b'POST / HTTP/1.1\r\nHost: x\r\n'
        chunked = b'Transfer-Encoding: chunked\r\n'
        for data in (
                b'GET / HTTP/1.1\r\n\r\n', b'GET / HTTP/1.1\nHost: x\n\n',
                b'GET /\r\n\r\n', b'BREW / HTTP/1.1\r\nHost: x\r\n\r\n',
                b'GET x HTTP/1.1\r\nHost: x\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: <x>\r\n\r\n',
                b'GET http:// HTTP/1.1\r\nHost: x\r\n\r\n',
                b'GET http://x:y/ HTTP/1.1\r\nHost: x\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n',
                b'GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n',
                post + b'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
                post + b'Content-Length: +0\r\n\r\n',
                post + b'Content-Length: 0x1\r\n\r\na',
                post + b'Content-Length: 1, 1\r\n\r\na',
                post + b'Content-Length: ' + b'9' * 30 + b'\r\n\r\na',
                post + b'Content-Length: 1\r\nContent-Length: 1\r\n\r\na',
                post + b'Content-Length: 5\r\n' + chunked + b'\r\n0\r\n\r\n',
                post + chunked + b'Content-Length: 5\r\n\r\n0\r\n\r\n',
                post + b'Transfer-Encoding: chunked, gzip\r\n\r\n',
                post + chunked + b'\r\n+1\r\na\r\n0\r\n\r\n',
                post + chunked + b'\r\n1\na\n0\n\n',
                b'POST / HTTP/1.0\r\n' + chunked + b'\r\n0\r\n\r\n'):
            answer = self.check_status(400, data)
            self.assertIn('faultstring', answer)

    def test_unsupported_features_are_rejected(self):
        post = b'POST / HTTP/1.1\r\nHost: x\r\n'
        self.check_status(505, b'GET / HTTP/2.0\r\nHost: x\r\n\r\n')
        answer = self.check_status(
            501, b'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertIn('no method CONNECT', answer)
        self.check_status(501, post + b'Connection: upgrade\r\nUpgrade: h2c'
                          b'\r\nContent-Length: 1\r\n\r\na')
        self.check_status(
            501, post + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n')

    def test_upgrade_without_body_is_ignored(self):
        self.check_status(200, b'GET / HTTP/1.1\r\nHost: x\r\nConnection: '
                          b'Upgrade\r\nUpgrade: h2c\r\n\r\n')

    def test_large_head_is_rejected(self):
        head = b'GET / HTTP/1.1\r\nHost: x\r\n'
        long_value = b'A: ' + b'a' * 3 * connection_module.MAX_HEAD_BYTES
        many = b''.join(b'A%d: b\r\n' % number for number in range(
            request_module.MAX_HEADERS + 1))
        for data in (head + long_value + b'\r\n\r\n', head + many + b'\r\n',
                     b'GET /' + b'a' * 3 * connection_module.MAX_HEAD_BYTES):
            sock = self.connect()
            with contextlib.suppress(OSError):
                sock.sendall(data)
            self.assertIn(b'431', sock.recv(65536))

    def test_endless_trailers_are_rejected(self):
        sock = self.connect(b'POST /body HTTP/1.1\r\nHost: x\r\n'
                            b'Transfer-Encoding: chunked\r\n\r\n0\r\n'
                            + b'A: b\r\n' * (request_module.MAX_HEADERS + 1))
        self.assertIn(b'431', sock.recv(65536))

    def test_header_with_underscore_does_not_replace_another(self):
        self.check_status(200, b'GET / HTTP/1.1\r\nHost: x\r\nX_Auth_Token: '
                          b'forged\r\nContent_Type: forged\r\n\r\n')
        self.assertNotIn('HTTP_X_AUTH_TOKEN', self.app.environ)
        self.assertNotIn('CONTENT_TYPE', self.app.environ)

    def test_error_ends_the_connection(self):
        self.check_status(400, b'GET / HTTP/1.1\r\n\r\n' + cases.GET)


class TestRequests(cases.ServerTest):
    def test_environment_describes_the_request(self):
        self.exchange(b'PUT /a%20b%2f?c=%20d HTTP/1.1\r\nHost: x:1\r\n'
                      b'Content-Type: t\r\nA: 1\r\nA: \xe9\r\nCookie: a\r\n'
                      b'Cookie: b\r\nContent-Length: 2\r\n\r\nok')
        environ = self.app.environ
        self.assertEqual(b'ok', environ['wsgi.input'].read())
        self.assertEqual(
            ('PUT', '/a b/', 'c=%20d', 'x:1', 't', '2', '1, \xe9', 'a; b',
             '127.0.0.1', str(self.server.port), 'HTTP/1.1', 'http'),
            tuple(environ[key] for key in (
                'REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'HTTP_HOST',
                'CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTP_A', 'HTTP_COOKIE',
                'REMOTE_ADDR', 'SERVER_PORT', 'SERVER_PROTOCOL',
                'wsgi.url_scheme')))
        self.assertEqual(['1', '\xe9'], [
            value for name, value in environ[request_module.HEADERS]
            if name == 'A'])

    def test_absolute_target_is_accepted(self):
        self.exchange(b'GET http://y/a?b HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertEqual(('/a', 'b'), (self.app.environ['PATH_INFO'],
                                       self.app.environ['QUERY_STRING']))

    def test_pipelined_requests_are_answered_in_order(self):
        answer = self.exchange(b''.join(
            b'GET /p%d HTTP/1.1\r\nHost: x\r\n\r\n' % number
            for number in range(20)))
        self.assertEqual([f'/p{number}' for number in range(20)],
                         re.findall('/p[0-9]+', answer))

    def test_request_in_single_bytes_is_answered(self):
        sock = self.connect()
        for value in cases.HEAD_BEFORE_BODY % 2 + b'\r\nok':
            sock.sendall(bytes([value]))
        self.assertIn(b'200 OK', sock.recv(65536))
        self.assertEqual([b'ok'], self.app.bodies)

    def test_http_1_0_connection_closes_unless_kept(self):
        answer = self.read_all(self.connect(b'GET / HTTP/1.0\r\n\r\n'))
        self.assertEqual([200], self.statuses(answer))
        sock = self.connect(
            b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
        self.assertIn(b'Connection: keep-alive', sock.recv(65536))
        sock.sendall(cases.GET)
        self.assertIn(b'200 OK', sock.recv(65536))

    def test_client_closes_the_connection(self):
        answer = self.read_all(self.connect(
            b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
        self.assertIn('Connection: close', answer)


class TestResponses(cases.ServerTest):
    def test_body_of_unknown_length_is_sent_in_chunks(self):
        answer = self.exchange(
            b'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertTrue(answer.endswith(
            '\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'), answer)

    def test_http_1_0_client_receives_no_chunks(self):
        answer = self.read_all(self.connect(
            b'GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'))
        self.assertTrue(answer.endswith('\r\n\r\nonetwo'), answer)

    def test_answers_without_body(self):
        for data, header in (
                (b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n', 'Content-Length: 1'),
                (b'GET /empty HTTP/1.1\r\nHost: x\r\n\r\n', '204')):
            answer = self.exchange(data)
            self.assertTrue(answer.endswith('\r\n\r\n'), answer)
            self.assertIn(header, answer)
            self.assertIn('Date: ', answer)

    def test_failure_of_the_application_is_500(self):
        answer = self.check_status(
            500, b'GET /fail HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertNotIn('secret', answer)

    def test_header_with_line_end_is_not_sent(self):
        answer = self.exchange(b'GET /inject HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertNotIn('Set-Cookie', answer)
