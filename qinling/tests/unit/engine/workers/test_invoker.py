# SPDX-License-Identifier: Apache-2.0
"""The client of agents, against a peer that misbehaves on demand."""

import io
import json
import socket
import threading

import fixtures
from oslotest import base

from qinling.engine.workers import invoker
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.runtimes import agents


class Peer(fixtures.Fixture):
    """Answers each request with the next of its answers.

    An answer is bytes, or ``None`` to close without one.  ``closing`` ends
    the connection behind each answer.
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
                while self.answers and self._one(connection, lines):
                    pass

    def _one(self, connection, lines):
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


class TestInvoker(base.BaseTestCase):
    """One invoker and one peer."""

    def setUp(self):
        super().setUp()
        self.invoker = invoker.Invoker()

    def worker(self, *answers, **kwargs):
        self.peer = self.useFixture(Peer(*answers, **kwargs))
        return orchestrators.Worker('w', 'r', self.peer.address, 'hush')

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

    def test_answer_in_pieces(self):
        whole = answer({'long': 'x' * 300000})
        worker = self.worker(whole)
        _, found = self.invoker.execute(worker, {}, 60)
        self.assertEqual(300000, len(found['long']))

    def test_nobody_listens(self):
        worker = orchestrators.Worker('w', 'r', 'unix:/nowhere/s', 'x')
        self.assertRaises(invoker.NotSent, self.invoker.execute, worker, {},
                          5)

    def test_gone_before_the_request(self):
        worker = self.worker(answer({}), closing=True)
        self.invoker.execute(worker, {}, 60)
        error = self.assertRaises(
            (invoker.NotSent, invoker.Lost), self.invoker.execute, worker,
            {'x': 'y' * 1000000}, 5)
        self.assertIsInstance(error, invoker.NotSent)

    def test_gone_with_the_request(self):
        worker = self.worker(None)
        self.assertRaises(invoker.Lost, self.invoker.execute, worker, {}, 60)

    def test_gone_in_the_answer(self):
        for broken in (b'HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{',
                       b'HTTP/1.1 200', b'rubbish\r\n\r\n'):
            worker = self.worker(broken, closing=True)
            self.assertRaises(invoker.Lost, self.invoker.execute, worker,
                              {}, 60)

    def test_no_answer_in_time(self):
        worker = self.worker(b'')
        self.assertRaises(invoker.Lost, self.invoker.execute, worker, {},
                          0.05)

    def test_a_forgotten_worker_gets_a_new_connection(self):
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

    def test_those_who_wait_for_a_dead_worker_are_told(self):
        worker = self.worker(b'')
        found = []
        thread = threading.Thread(target=lambda: found.append(
            self.assertRaises(invoker.Lost, self.invoker.execute, worker,
                              {}, 60)))
        thread.start()
        self.assertTrue(agents.wait_until(lambda: self.peer.requests))
        self.invoker.abort(worker)
        thread.join(agents.PATIENCE)
        self.assertEqual(1, len(found))
        self.invoker.abort(worker)

    def test_a_machine_that_vanishes_is_noticed(self):
        self.worker(tcp=True)
        with invoker.connect(self.peer.address, 5) as made:
            for level, name, value in invoker.TCP_OPTIONS:
                self.assertEqual(value, made.getsockopt(level, name))


class Relay(orchestrators.Transport):
    """A way through something that may answer in the agent's place."""

    prefix = '/proxy'

    def __init__(self, address):
        self.address = address

    def connect(self, timeout):
        return invoker.connect(self.address, timeout)

    def headers(self):
        return {'authorization': 'Bearer token'}

    def failure(self, answer):
        return answer.get('reached')


class TestReach(base.BaseTestCase):
    """An agent that is reached through a relay."""

    def call(self, reply):
        peer = self.useFixture(Peer(answer(reply, 503)))
        worker = orchestrators.Worker('w', 'r', '', 'hush',
                                      transport=Relay(peer.address))
        try:
            return invoker.Invoker().execute(worker, {}, 60)
        finally:
            self.head = peer.requests[0][0]

    def test_agents_answer(self):
        self.assertEqual((503, {'error': 'full'}),
                         self.call({'error': 'full'}))
        self.assertEqual(b'POST /proxy/execute HTTP/1.1\r\n', self.head[0])
        self.assertIn(b'authorization: Bearer token\r\n', self.head)
        self.assertIn(b'X-Qinling-Secret: hush\r\n', self.head)

    def test_agent_was_not_reached(self):
        error = self.assertRaises(invoker.NotSent, self.call, {
            'reached': False, 'message': 'connection refused'})
        self.assertEqual('connection refused', str(error))

    def test_agent_may_have_begun(self):
        self.assertRaises(invoker.Lost, self.call, {
            'reached': True, 'message': 'EOF'})
