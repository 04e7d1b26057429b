# SPDX-License-Identifier: Apache-2.0
"""Sockets between processes: streams of what the other side wrote."""

import socket as real_socket
import types

from qinling.tests.simulation import threads

#: Seconds of silence that :func:`qinling.rpc.lines.limit_silence` sets.
SILENCE_SECONDS = 3


class Socket:
    """One end of a connection."""

    family = real_socket.AF_INET

    def __init__(self, process):
        self.process = process
        self.peer = None
        self.timeout = None
        self._chunks = []
        self._is_ended = self.is_closed = False
        #: Whether a write to a closed connection has succeeded.
        self._is_deaf = False
        self._reader = None

    def settimeout(self, timeout):
        """Set the longest silence."""
        self.timeout = timeout

    def setsockopt(self, level, option, value):
        """Set the longest silence, the only option that matters here."""
        if option == real_socket.SO_RCVTIMEO:
            self.timeout = SILENCE_SECONDS

    def sendall(self, data):
        """Write to the other end."""
        scheduler = threads.current()
        scheduler.pause('write')
        if self.is_closed or self.peer.is_closed or self._is_ended:
            self._write_to_nobody(scheduler)
            return
        delay = NETWORK.delay()
        if delay is None:
            self.shutdown(real_socket.SHUT_RDWR)
            raise ConnectionResetError('cut')
        self.peer.receive(bytes(data), delay)

    def _write_to_nobody(self, scheduler):
        """Write after the end of the other side: TCP learns of it late."""
        if self.is_closed or self._is_deaf or scheduler.random.random() < 0.5:
            raise BrokenPipeError('the other side is gone')
        self._is_deaf = True

    def receive(self, data, delay):
        """Take data from the other end after a time."""
        if delay:
            threads.current().spawn(NETWORK.process, 'late data',
                                    self._receive_late, data, delay)
        else:
            self._append(data)

    def _receive_late(self, data, delay):
        threads.current().sleep(delay)
        self._append(data)

    def _append(self, data):
        self._chunks.append(data)
        self._wake()

    def _wake(self):
        if self._reader is not None:
            threads.current().wake(self._reader)

    def recv(self, _size):
        """Return what the other end wrote, nothing after its end."""
        scheduler = threads.current()
        scheduler.pause('read')
        while not self._chunks:
            if self._is_ended or self.is_closed:
                return b''
            self._reader = scheduler.current
            if not scheduler.park(self.timeout):
                raise BlockingIOError('silence')
        return self._chunks.pop(0)

    def finish(self):
        """Meet the end of the other side."""
        self._is_ended = True
        self._wake()

    def shutdown(self, _how):
        """End both directions."""
        self.finish()
        if self.peer is not None:
            self.peer.finish()

    def close(self):
        """End the connection."""
        self.is_closed = True
        self.shutdown(real_socket.SHUT_RDWR)


class Listener(Socket):
    """Socket that accepts connections."""

    def __init__(self, process, port):
        super().__init__(process)
        self._waiting = []
        NETWORK.listeners[port] = self

    def accept(self):
        """Return the next connection."""
        while not self._waiting:
            if self._is_ended or self.is_closed:
                raise OSError('the listener is closed')
            self._reader = threads.current().current
            threads.current().park()
        return self._waiting.pop(0), None

    def offer(self, connection):
        """Let a connection wait for its acceptance."""
        self._waiting.append(connection)
        NETWORK.connections.append(connection)
        self._wake()

    @property
    def is_open(self):
        """Return whether the process listens."""
        return (self.process.is_alive
                and not (self._is_ended or self.is_closed))


class Network:
    """All listeners; ``delay`` returns the seconds of a message.

    ``None`` cuts the connection.
    """

    def __init__(self):
        self.reset(None)

    def reset(self, process, delay=lambda: 0):
        """Forget everything."""
        self.process = process
        self.listeners = {}
        self.connections = []
        self.delay = delay

    def connect(self, address, timeout=None):
        """Return a connection to a listener."""
        scheduler = threads.current()
        scheduler.pause('connect')
        listener = self.listeners.get(address[1])
        if listener is None or not listener.is_open:
            raise ConnectionRefusedError('nothing listens')
        near, far = (Socket(scheduler.current.process),
                     Socket(listener.process))
        near.peer, far.peer = far, near
        near.timeout = timeout
        self.connections.append(near)
        listener.offer(far)
        return near

    def end(self, process):
        """End the connections of a process."""
        for connection in self.connections:
            if connection.process is process:
                connection.close()
        self.connections = [connection for connection in self.connections
                            if not connection.is_closed]


NETWORK = Network()
socket = types.SimpleNamespace(**{
    **vars(real_socket),
    'create_connection': lambda *args: NETWORK.connect(*args)})


def shut_down(connection):
    """End a connection, in place of that of the direct server."""
    connection.shutdown(real_socket.SHUT_RDWR)
