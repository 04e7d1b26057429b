# SPDX-License-Identifier: Apache-2.0
"""The end of the web server."""

import select
import threading
import time

from qinling.tests import databases
from qinling.tests.unit.web import cases
from qinling.web import server as server_module


class TestStop(cases.ServerTest):
    def test_request_in_progress_is_answered(self):
        sock = self.connect(b'GET /block HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertTrue(self.app.is_blocked.wait(databases.PATIENCE))
        stop = threading.Thread(target=self.server.stop)
        stop.start()
        while not self.server._is_stopping:
            select.select([], [], [], 0.01)
        self.app.unblock.set()
        answer = self.read_all(sock)
        self.assertEqual([200], self.statuses(answer))
        self.assertIn('Connection: close', answer)
        stop.join(databases.PATIENCE)

    def test_connected_clients_are_answered(self):
        self.patch(server_module, LAME_DUCK_SECONDS=databases.PATIENCE)
        sock = self.connect()
        stop = threading.Thread(target=self.server.stop)
        stop.start()
        while not self.server._is_stopping:
            select.select([], [], [], 0.01)
        sock.sendall(cases.GET)
        self.assertEqual([200], self.statuses(self.read_all(sock)))
        stop.join(databases.PATIENCE)
        self.assertFalse(stop.is_alive())

    def test_idle_connections_are_closed(self):
        sockets = [self.connect() for _ in range(3)]
        self.server.stop()
        for sock in sockets:
            self.assertEqual('', self.read_all(sock))
        self.assertRaises(OSError, self.connect)

    def test_request_beyond_the_timeout_does_not_block(self):
        self.server._stop_timeout = 0
        self.connect(b'GET /block HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertTrue(self.app.is_blocked.wait(databases.PATIENCE))
        started_at = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - started_at, databases.PATIENCE)
