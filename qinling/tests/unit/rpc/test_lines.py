# SPDX-License-Identifier: Apache-2.0
"""Messages on stream sockets."""

import socket
import threading
from unittest import mock

from oslotest import base

from qinling.rpc import lines


class TestLines(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.here, self.there = socket.socketpair()
        self.addCleanup(self.here.close)
        self.addCleanup(self.there.close)

    def test_messages_of_any_size_arrive(self):
        for size in (1, lines.READ_BYTES - 1, lines.READ_BYTES, 5_000_000):
            message = b'x' * size + lines.END
            thread = threading.Thread(
                target=self.here.sendall, args=(message,))
            thread.start()
            self.assertEqual(message, lines.receive(self.there))
            thread.join()

    def test_a_message_may_arrive_in_pieces(self):
        parts = [b'a', b'bc', b'de', b'f\n']

        def trickle():
            for part in parts:
                self.here.sendall(part)
        thread = threading.Thread(target=trickle)
        thread.start()
        self.assertEqual(b'abcdef\n', lines.receive(self.there))
        thread.join()

    def test_the_end_of_a_connection_is_empty(self):
        self.here.close()
        self.assertEqual(b'', lines.receive(self.there))

    def test_an_end_within_a_message_is_an_error(self):
        self.here.sendall(b'abc')
        self.here.close()
        self.assertRaises(ConnectionError, lines.receive, self.there)

    def test_silence_is_noticed_but_not_within_a_message(self):
        path = f'{self.create_tempfiles([("x", "")])[0]}.sock'
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        client = lines.connect(path, 0.05)
        self.addCleanup(client.close)
        server = listener.accept()[0]
        self.addCleanup(server.close)
        self.assertRaises(BlockingIOError, lines.receive, client)
        server.sendall(b'abc')
        self.assertRaises(ConnectionError, lines.receive, client)

    def test_too_long_messages_are_refused(self):
        with mock.patch.object(lines, 'MAX_BYTES', 6):
            self.here.sendall(b'abcdefg')
            self.assertRaises(ConnectionError, lines.receive, self.there)
