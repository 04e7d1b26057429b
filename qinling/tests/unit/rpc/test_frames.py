# SPDX-License-Identifier: Apache-2.0
"""Messages on stream sockets."""

import socket
import threading

from oslotest import base

from qinling.rpc import frames


class TestFrames(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.here, self.there = socket.socketpair()
        self.addCleanup(self.here.close)
        self.addCleanup(self.there.close)

    def test_messages_of_any_size_arrive(self):
        for size in (0, 1, frames.READ_BYTES - frames.HEAD_BYTES,
                     frames.READ_BYTES, 5_000_000):
            message = bytes(range(256)) * (size // 256 + 1)
            thread = threading.Thread(
                target=frames.send, args=(self.here, message[:size]))
            thread.start()
            self.assertEqual(message[:size], frames.receive(self.there))
            thread.join()

    def test_a_message_may_arrive_in_pieces(self):
        parts = [b'\0', b'\0\0', b'\6ab', b'cd', b'ef']

        def trickle():
            for part in parts:
                self.here.sendall(part)
        thread = threading.Thread(target=trickle)
        thread.start()
        self.assertEqual(b'abcdef', frames.receive(self.there))
        thread.join()

    def test_the_end_of_a_connection_is_empty(self):
        self.here.close()
        self.assertEqual(b'', frames.receive(self.there))

    def test_an_end_within_a_message_is_an_error(self):
        for part in (b'\0\0', b'\0\0\0\6abc'):
            here, there = socket.socketpair()
            self.addCleanup(there.close)
            here.sendall(part)
            here.close()
            self.assertRaises(ConnectionError, frames.receive, there)

    def test_silence_is_noticed_but_not_within_a_message(self):
        path = f'{self.create_tempfiles([("x", "")])[0]}.sock'
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        client = frames.connect(path, 0.05)
        self.addCleanup(client.close)
        server = listener.accept()[0]
        self.addCleanup(server.close)
        self.assertRaises(BlockingIOError, frames.receive, client)
        server.sendall(b'\0\0\0\6abc')
        self.assertRaises(ConnectionError, frames.receive, client)

    def test_too_long_messages_are_refused(self):
        self.here.sendall(b'\xff\xff\xff\xffabc')
        self.assertRaises(ConnectionError, frames.receive, self.there)
