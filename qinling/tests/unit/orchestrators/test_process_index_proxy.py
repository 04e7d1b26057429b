# SPDX-License-Identifier: Apache-2.0
"""Tests of the proxy of installations."""

import os
import socket
import threading

import fixtures
from oslotest import base

from qinling.orchestrators.process import index_proxy
from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import worker
from qinling.tests.contracts import process_drivers
from qinling.tests import fixtures as qinling_fixtures

SECONDS = 30


class Upstream(fixtures.Fixture):
    """Server that records each request and answers ``hello``, then closes."""

    def _setUp(self):
        self.requests = []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        thread = threading.Thread(target=self._serve)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self._listener.close)
        self.addCleanup(self._listener.shutdown, socket.SHUT_RDWR)

    def _serve(self):
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(SECONDS)
                self.requests.append(client.recv(65536))
                client.sendall(b'hello')


class TestHosts(base.BaseTestCase):
    """Permitted addresses."""

    def hosts(self, **values):
        conf = self.useFixture(qinling_fixtures.Conf(build=values)).conf
        return index_proxy.list_hosts(conf.build)

    def test_defaults(self):
        self.assertEqual({('pypi.org', 443), ('files.pythonhosted.org', 443),
                          ('registry.npmjs.org', 443)}, self.hosts())

    def test_configured_hosts(self):
        self.assertEqual(
            {('index.example', 443), ('npm.example', 80), ('a.example', 8080),
             ('b.example', 443), ('c.example', 444), ('::1', 1)},
            self.hosts(index_url='https://me:secret@Index.example/simple',
                       npm_registry='http://npm.example',
                       pip_options=['--extra-index-url',
                                    'http://a.example:8080/simple',
                                    '--find-links=https://b.example/x',
                                    '--trusted-host=d.example'],
                       index_hosts=['c.example:444', '[::1]:1']))

    def test_invalid_addresses(self):
        for url in ('http://', 'simple', 'http://x:port/', 'http://x:99999'):
            self.assertRaises(ValueError, self.hosts, index_url=url)


class TestProxy(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.upstream = self.useFixture(Upstream())
        directory = worker.Directory(self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(directory.close)
        self.proxy = index_proxy.IndexProxy(
            [('127.0.0.1', self.upstream.port)], directory, SECONDS)
        self.addCleanup(self.proxy.close)
        self.proxy.start()
        self.proxy.start()

    def send(self, request):
        """Return the answer of the proxy to bytes."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SECONDS)
            client.connect(self.proxy.path)
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            answer = b''
            while data := client.recv(65536):
                answer += data
        return answer

    def test_tunnel(self):
        answer = self.send(b'CONNECT 127.0.0.1:%d HTTP/1.1\r\nA: b\r\n\r\nping'
                           % self.upstream.port)
        self.assertEqual(b'HTTP/1.1 200 Connection established\r\n\r\nhello',
                         answer)
        self.assertEqual([b'ping'], self.upstream.requests)

    def test_plain_request(self):
        answer = self.send(
            b'GET http://127.0.0.1:%d/a?b=c HTTP/1.1\r\nHost: x\r\n'
            b'Proxy-Authorization: y\r\nConnection: keep-alive\r\n\r\n'
            % self.upstream.port)
        self.assertEqual(b'hello', answer)
        self.assertEqual([b'GET /a?b=c HTTP/1.1\r\nConnection: close\r\n'
                          b'Host: x\r\n\r\n'], self.upstream.requests)

    def test_refused_requests(self):
        port = self.upstream.port
        for line, status in (
                (f'CONNECT localhost:{port} HTTP/1.1', 403),
                (f'CONNECT 127.0.0.1:{port + 1} HTTP/1.1', 403),
                (f'CONNECT 127.1:{port} HTTP/1.1', 403),
                ('CONNECT 127.0.0.1:22 HTTP/1.1', 403),
                ('CONNECT 169.254.169.254:80 HTTP/1.1', 403),
                (f'CONNECT x@127.0.0.1:{port + 1} HTTP/1.1', 403),
                (f'GET http://127.0.0.1:{port}@there/ HTTP/1.1', 403),
                ('GET http://there/ HTTP/1.1', 403),
                (f'POST http://127.0.0.1:{port}/ HTTP/1.1', 405),
                (f'GET ftp://127.0.0.1:{port}/ HTTP/1.1', 405),
                ('GET / HTTP/1.1', 405), ('CONNECT :1 HTTP/1.1', 400),
                ('CONNECT x:port HTTP/1.1', 400), ('', 400),
                ('GET  HTTP/1.1', 405), ('GET http://[x/ HTTP/1.1', 400),
                ('GET http://x/\0 HTTP/1.1', 400)):
            answer = self.send(line.encode() + b'\r\n\r\n').decode()
            self.assertTrue(answer.startswith(f'HTTP/1.1 {status} '),
                            (line, answer))
            self.assertEqual(1, answer.count('\r\n\r\n'), answer)
        self.assertEqual([], self.upstream.requests)

    def test_incomplete_requests(self):
        self.assertIn(b' 400 ', self.send(b'CONNECT x'))
        self.assertIn(b' 431 ', self.send(b'x' * 70000))

    def test_index_that_does_not_answer(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            address = listener.getsockname()
        self.proxy._hosts |= {address}
        self.assertIn(b' 502 cannot connect', self.send(
            b'CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n' % address[1]))

    def test_close(self):
        self.proxy.close()
        self.assertFalse(os.path.exists(self.proxy.path))
        self.proxy.start()
        self.assertFalse(os.path.exists(self.proxy.path))


class TestSpecification(base.BaseTestCase):
    """Sandbox of installations."""

    def test_only_the_proxy(self):
        for allow_network in (False, True):
            spec = sandbox_spec.create_spec(process_drivers.config(
                allow_network=allow_network), [])
            restricted = sandbox_spec.restrict_network(spec, '/there')
            self.assertFalse(restricted.network)
            self.assertIn(('/there', sandbox_spec.PROXY), restricted.binds)
            self.assertNotIn('/etc/resolv.conf', {
                path for _source, path in restricted.binds})
            self.assertIn('/etc/hosts', dict(restricted.files))

    def test_size(self):
        spec = sandbox_spec.create_spec(process_drivers.config(), [])
        sizes = dict(spec.tmpfs)
        for size, expected in ((1, sizes['/code']), (1 << 40, 1 << 40)):
            self.assertEqual(
                sizes | {'/code': expected},
                dict(sandbox_spec.set_code_size(spec, size).tmpfs))
