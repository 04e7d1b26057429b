# SPDX-License-Identifier: Apache-2.0
"""Client of agents, against a faulty peer."""

import io
import json
import socket
import struct
import threading

import fixtures
from oslotest import base

from qinling.engine.workers import agent_http
from qinling.engine.workers import invoker
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.runtimes import agents


class Peer(fixtures.Fixture):
    """Server with prepared answers.

    An answer is bytes, or ``None`` to close the connection. ``closing`` ends
    the connection after each answer.
    """

    def __init__(self, *answers, closing=False, tcp=False):
        super().__init__()
        self.answers = list(answers)
        self.closing = closing
        self.tcp = tcp
        self.requests = []
        self.connections = 0

    def _setUp(self):
        if self.tcp:
            self.listener = socket.create_server(('127.0.0.1', 0))
            port = self.listener.getsockname()[1]
            self.address = f'tcp:127.0.0.1:{port}'
        else:
            path = self.useFixture(fixtures.TempDir()).join('s')
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen()
            self.address = f'unix:{path}'
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        self.addCleanup(self.listener.close)
        self.addCleanup(self.listener.shutdown, socket.SHUT_RDWR)

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, connection.makefile('rb') as lines:
                while self.answers and self._answer_one(connection, lines):
                    pass

    def _answer_one(self, connection, lines):
        head = []
        while (line := lines.readline()) not in (b'\r\n', b''):
            head.append(line)
        if not head:
            return False
        length = next(int(line.split(b':')[1]) for line in head
                      if line.lower().startswith(b'content-length'))
        self.requests.append((head, lines.read(length)))
        answer = self.answers.pop(0)
        if answer is None:
            return False
        connection.sendall(answer)
        return not self.closing


def answer(value, status=200):
    body = json.dumps(value).encode()
    return (f'HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n'
            .encode() + body)


class InvokerTest(base.BaseTestCase):
    """One invoker and one peer."""

    def setUp(self):
        super().setUp()
        self.invoker = invoker.Invoker()

    def worker(self, *answers, **kwargs):
        self.peer = self.useFixture(Peer(*answers, **kwargs))
        return orchestrators.Worker('w', 'r', self.peer.address, 'hush')


class TestInvoker(InvokerTest):
    def test_execute(self):
        worker = self.worker(answer({'a': 1}), answer({'b': 2}, 503))
        self.assertEqual((200, {'a': 1}),
                         self.invoker.execute(worker, {'x': 'ü'}, 5))
        self.assertEqual((503, {'b': 2}),
                         self.invoker.execute(worker, {}, 60))
        self.assertEqual(1, self.peer.connections)
        head, body = self.peer.requests[0]
        self.assertEqual(b'POST /execute HTTP/1.1\r\n', head[0])
        self.assertIn(b'X-Qinling-Secret: hush\r\n', head)
        self.assertEqual({'x': 'ü'}, json.loads(body))

    def test_load_sends_settings_and_packages(self):
        worker = self.worker(answer({'state': 'loaded'}), tcp=True)
        package = io.BytesIO(b'PK' * 100000)
        package.fileno = None
        with fixtures.TempDir() as directory:
            with open(directory.join('p'), 'w+b') as file:
                file.write(package.getvalue())
                status, _ = self.invoker.load(
                    worker, {'slots': 3}, file, io.BytesIO(b'other'))
        self.assertEqual(200, status)
        line, _, rest = self.peer.requests[0][1].partition(b'\n')
        self.assertEqual({'slots': 3, 'sizes': [200000, 5]},
                         json.loads(line))
        self.assertEqual(package.getvalue() + b'other', rest)

    def test_long_answers(self):
        whole = answer({'long': 'x' * 300000})
        worker = self.worker(whole)
        _, result = self.invoker.execute(worker, {}, 60)
        self.assertEqual(300000, len(result['long']))

    def test_missing_agent_raises_not_sent(self):
        worker = orchestrators.Worker('w', 'r', 'unix:/nowhere/s', 'x')
        self.assertRaises(invoker.NotSent, self.invoker.execute, worker, {},
                          5)

    def test_connection_closed_before_the_request(self):
        worker = self.worker(answer({}), closing=True)
        self.invoker.execute(worker, {}, 60)
        error = self.assertRaises(
            (invoker.NotSent, invoker.Lost), self.invoker.execute, worker,
            {'x': 'y' * 1000000}, 5)
        self.assertIsInstance(error, invoker.NotSent)

    def test_open_connections_with_a_timeout_are_reused(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        for seconds in (None, 0, 0.001):
            ours.settimeout(seconds)
            self.assertTrue(invoker.is_open(ours))
        theirs.close()
        for seconds in (None, 0, 0.001):
            ours.settimeout(seconds)
            self.assertFalse(invoker.is_open(ours))

    def test_kept_connections_get_the_timeout_of_each_call(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        connection = agent_http.Connection(fileno=ours.detach())
        self.addCleanup(connection.close)

        def read_seconds():
            return struct.unpack('ll', connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))[0]
        for seconds in (60, 60, 5):
            connection.limit_silence(seconds)
            self.assertEqual((seconds, None),
                             (read_seconds(), connection.gettimeout()))
        connection.settimeout(30)
        connection.limit_silence(5)
        self.assertIsNone(connection.gettimeout())

    def test_run_after_a_load_uses_the_same_connection(self):
        worker = self.worker(answer({}), answer({}))
        self.invoker.call_timeout = 5
        self.invoker.load(worker, {}, io.BytesIO())
        self.invoker.execute(worker, {}, 60)
        self.assertEqual(1, self.peer.connections)

    def test_connection_closed_after_the_request(self):
        worker = self.worker(None)
        self.assertRaises(invoker.Lost, self.invoker.execute, worker, {}, 60)

    def test_connection_closed_during_the_answer(self):
        for broken in (b'HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{',
                       b'HTTP/1.1 200', b'rubbish\r\n\r\n'):
            worker = self.worker(broken, closing=True)
            self.assertRaises(invoker.Lost, self.invoker.execute, worker,
                              {}, 60)

    def test_timeout_raises_lost(self):
        worker = self.worker(b'')
        self.assertRaises(invoker.Lost, self.invoker.execute, worker, {},
                          0.05)

    def test_forget_closes_the_connection(self):
        worker = self.worker(answer({}), answer({}))
        self.invoker.execute(worker, {}, 60)
        self.invoker.forget(worker)
        self.invoker.execute(worker, {}, 60)
        self.assertEqual(2, self.peer.connections)

    def test_status(self):
        worker = self.worker(answer({'state': 'loaded'}))
        self.assertEqual((200, {'state': 'loaded'}),
                         self.invoker.status(worker))
        self.assertEqual(b'GET /status HTTP/1.1\r\n',
                         self.peer.requests[0][0][0])

    def test_abort_raises_lost_in_waiting_calls(self):
        worker = self.worker(b'')
        errors = []
        thread = threading.Thread(target=lambda: errors.append(
            self.assertRaises(invoker.Lost, self.invoker.execute, worker,
                              {}, 60)))
        thread.start()
        self.assertTrue(agents.wait_until(lambda: self.peer.requests))
        self.invoker.abort(worker)
        thread.join(agents.PATIENCE)
        self.assertEqual(1, len(errors))
        self.invoker.abort(worker)

    def test_connections_use_keepalive(self):
        self.worker(tcp=True)
        with invoker.connect(self.peer.address, 5) as connection:
            for level, name, value in invoker.TCP_OPTIONS:
                self.assertEqual(value, connection.getsockopt(level, name))


class Relay(orchestrators.Transport):
    """Transport through a proxy with answers in place of the agent."""

    prefix = '/proxy'

    def __init__(self, address):
        self.address = address

    def connect(self, timeout):
        return invoker.connect(self.address, timeout)

    def headers(self):
        return {'authorization': 'Bearer token'}

    def failure(self, answer):
        return answer.get('reached')


class TestTransport(base.BaseTestCase):
    """An agent behind a relay."""

    def call(self, reply):
        peer = self.useFixture(Peer(answer(reply, 503)))
        worker = orchestrators.Worker('w', 'r', '', 'hush',
                                      transport=Relay(peer.address))
        try:
            return invoker.Invoker().execute(worker, {}, 60)
        finally:
            self.head = peer.requests[0][0]

    def test_answer_of_the_agent(self):
        self.assertEqual((503, {'error': 'full'}),
                         self.call({'error': 'full'}))
        self.assertEqual(b'POST /proxy/execute HTTP/1.1\r\n', self.head[0])
        self.assertIn(b'authorization: Bearer token\r\n', self.head)
        self.assertIn(b'X-Qinling-Secret: hush\r\n', self.head)

    def test_unreached_agent_raises_not_sent(self):
        error = self.assertRaises(invoker.NotSent, self.call, {
            'reached': False, 'message': 'connection refused'})
        self.assertEqual('connection refused', str(error))

    def test_reached_agent_raises_lost(self):
        self.assertRaises(invoker.Lost, self.call, {
            'reached': True, 'message': 'EOF'})


class TestHostileAnswers(InvokerTest):
    """Answers of a function in the place of its agent."""

    def check_lost(self, *answers, max_bytes=1000, timeout=5):
        worker = self.worker(*answers)
        self.assertRaises(invoker.Lost, self.invoker.execute, worker, {},
                          timeout, max_bytes)
        self.assertEqual(({}, {}), (self.invoker._busy, self.invoker._idle))

    def test_long_bodies_are_refused_unread(self):
        self.check_lost(b'HTTP/1.1 200 X\r\nContent-Length: 3000000000\r\n'
                        b'\r\n')
        self.check_lost(answer('x' * 1000))

    def test_long_heads_are_refused(self):
        self.check_lost(b'HTTP/1.1 200 X\r\nA: ' + b'a' * 10 ** 6)

    def test_malformed_lengths_are_refused(self):
        for length in (b'-1', b'x', b'1e3', b'9' * 5000):
            self.check_lost(b'HTTP/1.1 200 X\r\nContent-Length: ' + length
                            + b'\r\n\r\n{}')

    def test_answers_other_than_objects_are_refused(self):
        for value in ([], 'x', None, 1):
            self.check_lost(answer(value))
        self.check_lost(answer({'duration': float('nan')}))

    def test_deep_answers_are_refused(self):
        body = b'[' * 100000 + b']' * 100000
        self.check_lost(b'HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n'
                        % len(body) + body, max_bytes=10 ** 6)

    def test_slow_answers_are_refused(self):
        self.check_lost(b'HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{',
                        timeout=0.1)

    def test_long_answers_within_the_limit_are_read(self):
        worker = self.worker(answer({'a': 'x' * 10 ** 6}))
        self.assertEqual(10 ** 6, len(self.invoker.execute(
            worker, {}, 5, 2 * 10 ** 6)[1]['a']))
