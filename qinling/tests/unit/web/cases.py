# SPDX-License-Identifier: Apache-2.0
"""Web servers with a small application, for tests over real sockets."""

import contextlib
import re
import socket
import threading
from unittest import mock

from oslotest import base

from qinling.tests import databases
from qinling.web import server as server_module

GET = b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
HEAD_BEFORE_BODY = b'POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n'
LARGE = 200 * 1024


class Application:
    """WSGI application for the tests; the path selects the behaviour."""

    def __init__(self):
        self.environ = {}
        self.bodies = []
        self.is_blocked = threading.Event()
        self.unblock = threading.Event()

    def __call__(self, environ, start_response):
        self.environ = environ
        name = environ['PATH_INFO'].strip('/') or 'index'
        return getattr(self, name, self.index)(environ, start_response)

    def index(self, environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [environ['PATH_INFO'].encode('latin-1')]

    def body(self, environ, start_response):
        stream, chunks = environ['wsgi.input'], []
        try:
            while data := stream.read(10000):
                chunks.append(data)
        except Exception as e:
            start_response(f'{getattr(e, "http_code", 500)} Failed', [])
            return [str(e).encode()]
        self.bodies.append(b''.join(chunks))
        start_response('200 OK', [])
        return [b'%d' % len(self.bodies[-1])]

    def block(self, environ, start_response):
        self.is_blocked.set()
        self.unblock.wait(databases.PATIENCE)
        return self.index(environ, start_response)

    def stream(self, environ, start_response):
        start_response('200 OK', [])
        return iter([b'one', b'', b'two'])

    def large(self, environ, start_response):
        start_response('200 OK', [])
        return [bytes(64 * 1024 * 1024)]

    def fail(self, environ, start_response):
        raise ValueError('secret detail')

    def inject(self, environ, start_response):
        start_response('200 OK', [('X', 'a\r\nSet-Cookie: b')])
        return [b'']

    def empty(self, environ, start_response):
        start_response('204 No Content', [])
        return [b'']


class ServerTest(base.BaseTestCase):
    THREADS = 2

    def setUp(self):
        super().setUp()
        self.app = Application()
        self.server = server_module.Server(
            self.app, server_module.listen('127.0.0.1', 0), self.THREADS, 20)
        self.thread = threading.Thread(target=self.server.serve, daemon=True)
        self.thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        self.app.unblock.set()
        self.server.stop()
        self.thread.join(databases.PATIENCE)
        self.assertFalse(self.thread.is_alive())

    def patch(self, module, **constants):
        for name, value in constants.items():
            patcher = mock.patch.object(module, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)

    def connect(self, data=b''):
        sock = socket.create_connection(
            ('127.0.0.1', self.server.port), timeout=databases.PATIENCE)
        self.addCleanup(sock.close)
        sock.sendall(data)
        return sock

    def read_all(self, sock):
        """Return all bytes until the server closes the connection."""
        data = b''
        with contextlib.suppress(ConnectionResetError):
            while chunk := sock.recv(65536):
                data += chunk
        return data.decode('latin-1')

    def exchange(self, data):
        """Return the answers to bytes; the client sends nothing further."""
        sock = self.connect(data)
        sock.shutdown(socket.SHUT_WR)
        return self.read_all(sock)

    def statuses(self, answer):
        return [int(status) for status
                in re.findall(r'HTTP/1\.1 (\d{3})', answer)]

    def check_status(self, status, data):
        answer = self.exchange(data)
        self.assertEqual([status], self.statuses(answer), data[:60])
        return answer
