#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""The embedded web server: what it answers before the application can."""

import json
import socket
import threading
import time

from oslotest import base

from qinling.api import server

GOOD = b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'


def application(environ, start_response):
    """Answers with what it was sent."""
    body = environ['wsgi.input'].read()
    if environ['PATH_INFO'] == '/wait':
        environ['qinling.gate'].wait(10)
    start_response('200 OK', [('Content-Type', 'text/plain'),
                              ('Content-Length', str(len(body)))])
    return [body]


class TestServer(base.BaseTestCase):
    """A server on a free port."""

    def setUp(self):
        super().setUp()
        self.gate = threading.Event()
        self.server = server.Server(self.application, '127.0.0.1', 0, 2)
        self.thread = threading.Thread(target=self.server.serve)
        self.thread.start()
        self.addCleanup(self.thread.join, 10)
        self.addCleanup(self.server.stop)

    def application(self, environ, start_response):
        environ['qinling.gate'] = self.gate
        return application(environ, start_response)

    def connect(self):
        host, _, port = self.server.url.removeprefix(
            'http://').rpartition(':')
        made = socket.create_connection((host, int(port)), 10)
        self.addCleanup(made.close)
        return made, made.makefile('rb')

    def answer(self, lines):
        """(status, headers, body) of one answer."""
        status = int(lines.readline().split()[1])
        headers = {}
        while (line := lines.readline().strip()):
            name, _, value = line.decode().partition(':')
            headers[name.lower()] = value.strip()
        return status, headers, lines.read(
            int(headers.get('content-length', 0)))

    def test_connections_are_kept(self):
        made, lines = self.connect()
        for _ in range(3):
            made.sendall(GOOD)
            self.assertEqual(200, self.answer(lines)[0])

    def test_errors_of_its_own_are_json(self):
        for request, wanted in (
                (b'rubbish\r\n\r\n', 400),
                (b'GET / HTTP/9.9\r\nHost: x\r\n\r\n', 505),
                (b'GET / HTTP/1.1\r\nno colon\r\n\r\n', 400),
                (b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n',
                 400)):
            made, lines = self.connect()
            made.sendall(request)
            status, headers, body = self.answer(lines)
            self.assertEqual((wanted, 'application/json'),
                             (status, headers['content-type']), request)
            fault = json.loads(body)
            self.assertTrue(fault['faultstring'])
            self.assertEqual(['debuginfo', 'faultcode', 'faultstring'],
                             sorted(fault))

    def test_chunked_body(self):
        made, lines = self.connect()
        made.sendall(b'POST / HTTP/1.1\r\nHost: x\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\n'
                     b'3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')
        self.assertEqual((200, b'abcde'), self.answer(lines)[::2])

    def test_stop_lets_requests_end(self):
        made, lines = self.connect()
        made.sendall(b'GET /wait HTTP/1.1\r\nHost: x\r\n\r\n')
        # The request is with a thread once none is idle but the other.
        end = time.monotonic() + 10
        while self.server._server.requests.idle > 1:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        stopping = threading.Thread(target=self.server.stop)
        stopping.start()
        self.gate.set()
        self.assertEqual(200, self.answer(lines)[0])
        stopping.join(10)
        self.assertFalse(stopping.is_alive())

    def test_port_in_use(self):
        port = int(self.server.url.rpartition(':')[2])
        self.assertRaises(OSError, server.Server, application, '127.0.0.1',
                          port, 1)
