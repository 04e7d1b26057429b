# SPDX-License-Identifier: Apache-2.0
"""Breakable connections to a server."""

import contextlib
import socket
import threading

import fixtures

from qinling.tests import ports


class Relay(fixtures.Fixture):
    """Relay of connections to a port of this machine, listening at ``port``.
    """

    def __init__(self, target_port):
        super().__init__()
        self._target_port = target_port

    def _setUp(self):
        self._sockets = []
        self._flowing = threading.Event()
        self._flowing.set()
        self.addCleanup(self._flowing.set)
        self.port = ports.free()
        self.start()
        self.addCleanup(self.stop)

    def start(self):
        """Accept connections, again at the same port."""
        self._listener = socket.create_server(('127.0.0.1', self.port))
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def stop(self):
        """Break all connections, and refuse new connections."""
        # Only a shutdown wakes the thread that accepts; the connection that
        # it was making must break, too.
        self._close(self._listener)
        self._accepting.join()
        for sock in self._sockets:
            self._close(sock)
        self._sockets.clear()

    def _close(self, sock):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def pause(self):
        """Hold all connections, and accept more, but pass no data on."""
        self._flowing.clear()

    def resume(self):
        """Pass on the delayed data, and all later data."""
        self._flowing.set()

    def _accept(self, listener):
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            self._sockets.append(here)
            try:
                there = socket.create_connection(('127.0.0.1',
                                                  self._target_port))
            except OSError:
                # The client sees the closed connection and may try again.
                self._close(here)
                continue
            self._sockets.append(there)
            for pair in ((here, there), (there, here)):
                threading.Thread(
                    target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source, sink):
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
