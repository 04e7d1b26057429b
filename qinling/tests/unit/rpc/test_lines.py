# SPDX-License-Identifier: Apache-2.0
"""Messages on stream sockets."""

import socket
import threading
from unittest import mock

from oslotest import base

from qinling.rpc import lines
from qinling.tests import databases


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
        client, server = self.here, self.there
        lines.limit_silence(client, 0.05)
        self.assertRaises(BlockingIOError, lines.receive, client)
        server.sendall(b'abc')
        self.assertRaises(ConnectionError, lines.receive, client)

    def test_too_long_messages_are_refused(self):
        with mock.patch.object(lines, 'MAX_BYTES', 6):
            self.here.sendall(b'abcdefg')
            self.assertRaises(ConnectionError, lines.receive, self.there)

    def test_a_mark_does_not_end_the_silence(self):
        lines.limit_silence(self.here, 0.05)
        lines.sleep_through_marks(self.here)
        self.there.sendall(b'a')
        # At the end of the silence, the mark is there.
        self.assertEqual(b'a', lines.receive(self.here, b'a'))
        self.assertRaises(BlockingIOError, lines.receive, self.here, b'a')
        self.there.sendall(b'b\n')
        self.assertEqual(b'b\n', lines.receive(self.here, b'a'))

    def test_a_mark_comes_with_its_message(self):
        lines.limit_silence(self.here, databases.PATIENCE)
        lines.sleep_through_marks(self.here)
        # The last read may have to return a single byte.
        for size in (1, lines.READ_BYTES - 2, lines.READ_BYTES - 1,
                     lines.READ_BYTES, 100_000):
            message = b'a' + b'b' * size + b'\n'
            thread = threading.Thread(
                target=lambda message=message: [
                    self.there.sendall(part) for part in (
                        message[:1], message[1:-1], message[-1:])])
            thread.start()
            self.assertEqual(message, lines.receive(self.here, b'a'))
            thread.join()
        self.there.sendall(b'a')
        self.there.sendall(b'b' * (lines.READ_BYTES - 1) + b'\n')
        self.assertEqual(lines.READ_BYTES + 1,
                         len(lines.receive(self.here, b'a')))

    def test_a_mark_survives_the_end_of_the_other_side(self):
        lines.sleep_through_marks(self.here)
        self.there.sendall(b'a')
        self.there.close()
        self.assertEqual(b'a', lines.receive(self.here, b'a'))
        self.assertEqual(b'', lines.receive(self.here, b'a'))
