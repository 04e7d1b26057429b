# SPDX-License-Identifier: Apache-2.0
"""Network stores for tests: one real Swift, and misbehaving peers."""

import contextlib
import http.server
import socket
import socketserver
import threading
import uuid

import fixtures as fixtures_library
import minio

from qinling import conf as qinling_conf
from qinling.tests.functional import base as functional
from qinling.tests.functional import keystone
from qinling.tests.functional import swift


class OneSwift:
    """Mixin for test cases with a shared Swift, with Keystone or with S3."""

    speaks_s3 = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keystone = None
        if not cls.speaks_s3:
            cls.keystone = cls._use(keystone.Keystone())
            service = cls.keystone.service
            cls.keystone.grant(
                service.project_id, service.user_id, 'member')
        cls.swift = cls._use(swift.Swift(cls.keystone))

    @classmethod
    def _use(cls, fixture):
        try:
            fixture.setUp()
        except fixtures_library.MultipleExceptions as e:
            raise e.args[0][1]
        cls.addClassCleanup(fixture.cleanUp)
        return fixture

    def load(self, **groups):
        """Return a configuration from a file with the groups."""
        path = self.useFixture(fixtures_library.TempDir()).join('conf')
        with open(path, 'w') as file:
            file.write(functional.ini(groups))
        return qinling_conf.load(['--config-file', path])

    def swift_conf(self, **options):
        """Return the configuration of a new container."""
        return self.load(keystone=self.keystone.service.options(),
                         swift=dict({'container': uuid.uuid4().hex},
                                    **options))

    def s3_conf(self, **options):
        """Return the configuration of a new bucket."""
        return self.load(s3=dict({
            'endpoint_url': self.swift.url,
            'access_key': swift.ACCESS_KEY, 'secret_key': swift.SECRET_KEY,
            'bucket': uuid.uuid4().hex}, **options))


def s3_client(conf):
    """Return a client of the server in a configuration."""
    return minio.Minio(
        conf.s3.endpoint_url.removeprefix('http://'), secure=False,
        access_key=swift.ACCESS_KEY, secret_key=swift.SECRET_KEY)


@contextlib.contextmanager
def status_server(status):
    """Yield the URL of a server with one status for every request."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get('Content-Length') or 0))
            self.send_response(status)
            self.send_header('Content-Length', '0')
            self.end_headers()
        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

        def log_message(self, *_args):
            pass
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                         Handler) as server:
        with running_server(server) as url:
            yield url


@contextlib.contextmanager
def cutting_relay(url, sent_limit=None, received_limit=None):
    """Yield the URL of a relay that cuts connections.

    :param sent: number of bytes to the server at ``url`` before the cut.
    :param received: number of bytes from the server before the cut.
    """
    host, _, port = url.removeprefix('http://').partition(':')

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection((host, int(port))) as upstream:
                back = threading.Thread(
                    target=pump, args=(upstream, self.request, received_limit))
                back.start()
                pump(self.request, upstream, sent_limit)
                back.join()

    class Relay(socketserver.ThreadingTCPServer):
        daemon_threads = True
    with Relay(('127.0.0.1', 0), Handler) as server:
        with running_server(server) as relay:
            yield relay


def pump(source, sink, limit):
    """Pass bytes on until either end closes, or up to ``limit``; then cut
    both.
    """
    passed = 0
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            passed += len(data)
            if limit is not None and passed > limit:
                break
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def running_server(server):
    """Yield the URL of a running server of the standard library."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield 'http://127.0.0.1:%d' % server.server_address[1]
    finally:
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def silent_server():
    """Yield the URL of a server that accepts connections and never answers."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield 'http://127.0.0.1:%d' % server.getsockname()[1]


@contextlib.contextmanager
def closed_port():
    """Yield the URL of a port without a listener."""
    with socket.socket() as reserved:
        reserved.bind(('127.0.0.1', 0))
        yield 'http://127.0.0.1:%d' % reserved.getsockname()[1]
