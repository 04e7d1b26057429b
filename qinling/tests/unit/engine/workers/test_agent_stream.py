# SPDX-License-Identifier: Apache-2.0
"""Streamed answers of agents, and of peers that lie."""

import json

from qinling.engine.workers import invoker
from qinling.tests.unit.engine.workers import test_invoker

HEAD = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
END = b'0\r\n\r\n'
LAST = b'{"status": "success"}\n'


def chunk(data):
    return b'%x\r\n%b\r\n' % (len(data), data)


class TestStreams(test_invoker.InvokerTest):
    def setUp(self):
        super().setUp()
        self.parts = []

    def execute(self, *answers, max_bytes=1000, **kwargs):
        self.invoker = invoker.Invoker()
        worker = self.worker(*answers, **kwargs)
        return self.invoker.execute_streamed(
            worker, {'x': 1}, 5, max_bytes, self.parts.append)

    def check_lost(self, answer):
        self.assertRaises(invoker.Lost, self.execute, answer)

    def test_parts(self):
        answer = (HEAD + chunk(b'{"chunk": "a"}\n') + chunk(b'{"chunk": 1}\n')
                  + chunk(LAST) + END)
        worker = self.worker(answer, test_invoker.answer({'a': 1}))
        self.assertEqual(
            (200, {'status': 'success'}), self.invoker.execute_streamed(
                worker, {'x': 1}, 5, 1000, self.parts.append))
        self.assertEqual(['a', 1], self.parts)
        self.assertEqual({'x': 1, 'stream': True},
                         json.loads(self.peer.requests[0][1]))
        # The connection is used again.
        self.assertEqual((200, {'a': 1}), self.invoker.execute(worker, {}, 5))
        self.assertEqual(1, self.peer.connections)

    def test_chunks_of_a_relay(self):
        data = b'{"chunk": "a"}\n{"chunk": "b"}\n' + LAST
        for size in (1, 7, len(data)):
            self.parts = []
            self.execute(HEAD + b''.join(
                chunk(data[start:start + size])
                for start in range(0, len(data), size)) + END)
            self.assertEqual(['a', 'b'], self.parts)

    def test_single_object(self):
        self.assertEqual((503, {'error': 'busy'}), self.execute(
            test_invoker.answer({'error': 'busy'}, 503)))

    def test_lies(self):
        part = chunk(b'{"chunk": "a"}\n')
        for answer in (
                HEAD + part + END, HEAD + chunk(LAST) * 2 + END,
                HEAD + chunk(LAST) + part + END,
                HEAD + chunk(b'[]\n') + END, HEAD + chunk(b'{"a"\n') + END,
                HEAD + b'x\r\n', HEAD + b'-1\r\n', HEAD + b'ffffff\r\n',
                HEAD + b'1' * 300, HEAD + b'1\r\naxx',
                HEAD + chunk(LAST[:-1]) + END,
                HEAD + chunk(LAST) + END + b'more',
                HEAD + part * 100, HEAD + chunk(b'x' * 600) * 2,
                b'HTTP/1.1 200 OK\r\n\r\n', b'x' * 20000):
            self.check_lost(answer)

    def test_end_of_the_connection(self):
        self.assertRaises(
            invoker.Lost, self.execute,
            HEAD + chunk(b'{"chunk": "a"}\n'), closing=True)
        self.assertEqual(['a'], self.parts)
