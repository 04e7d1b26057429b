# SPDX-License-Identifier: Apache-2.0
"""Sockets of the web server: accepting, and waiting for clients."""

from collections.abc import Iterator
import contextlib
import os
import resource
import select
import socket
import threading
import time

from oslo_log import log

from qinling.web import connection as connection_module
from qinling.web import sharing

LOG = log.getLogger(__name__)

LISTEN_BACKLOG = 1024
#: Connections accepted in one turn.
ACCEPT_BATCH = 64
#: File descriptors that remain for everything but connections.
RESERVED_DESCRIPTORS = 256
MAX_CONNECTIONS = 16384
#: Seconds from the success of a client's connect() to an entry in the backlog.
HANDSHAKE_SECONDS = 0.02
_READABLE = select.EPOLLIN | select.EPOLLONESHOT
_WRITABLE = select.EPOLLOUT | select.EPOLLONESHOT

_Connection = connection_module.Connection


class Poller:
    """Listening socket and connections of a server.

    A thread owns a connection from :meth:`take` to :meth:`wait` or
    :meth:`close`.

    :param listener: see :func:`listen`.
    :param outbox: serves the connections beyond the first.
    """

    def __init__(self, listener: socket.socket | sharing.Inbox,
                 outbox: sharing.Outbox | None = None) -> None:
        self._listener = listener
        self._outbox = outbox
        self._listener_descriptor = self._listener.fileno()
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._is_listening = True
        self._accept_lock = threading.Lock()
        #: Connections without an owner, by file descriptor.
        self._waiting: dict[int, _Connection] = {}
        self._connections: set[_Connection] = set()
        self.max_connections = _raise_descriptor_limit()
        self._closed = threading.Condition()
        self._wakeup = os.eventfd(0)
        self._epoll = select.epoll()
        self._epoll.register(self._listener_descriptor, _READABLE)
        self._epoll.register(self._wakeup, select.EPOLLIN)

    def poll(self) -> int | None:
        """Return the descriptor of a ready connection.

        :returns: ``None`` after :meth:`wake_all`.
        """
        while True:
            (descriptor, _), = self._epoll.poll(maxevents=1) or [(-1, 0)]
            if descriptor == self._wakeup:
                return None
            if descriptor == self._listener_descriptor and (
                    self._is_listening):
                self._accept(ACCEPT_BATCH)
            elif descriptor >= 0:
                return descriptor

    def take(self, descriptor: int) -> _Connection | None:
        """Own a waiting connection; ``None`` if another thread was first."""
        connection = self._waiting.pop(descriptor, None)
        if connection is not None and not connection.is_prompt:
            connection.update_prompt()
        return connection

    def wait(self, connection: _Connection) -> None:
        """Give up a connection until its socket is ready."""
        connection.update_deadline()
        self._waiting[connection.fileno] = connection
        self._epoll.modify(
            connection.fileno,
            _READABLE if connection.unsent is None else _WRITABLE)

    def close(self, connection: _Connection) -> None:
        """Close a connection."""
        self._connections.discard(connection)
        connection.sock.close()
        if not self._is_listening:
            with self._closed:
                self._closed.notify_all()

    def take_expired(self, now: float) -> Iterator[_Connection]:
        """Own the waiting connections with a deadline before ``now``."""
        for descriptor, connection in list(self._waiting.items()):
            if connection.deadline <= now and (
                    self.take(descriptor) is not None):
                yield connection

    # Stopping.

    def stop_listening(self) -> None:
        """Accept the clients in the backlog, and no further clients."""
        # The kernel may deliver the last packet of a handshake late.
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while poll.poll(HANDSHAKE_SECONDS * 1000):
            self._accept(LISTEN_BACKLOG)
        self._is_listening = False
        with self._accept_lock:
            self._listener.close()

    def close_idle(self) -> None:
        """Close the connections without a request."""
        for descriptor, connection in list(self._waiting.items()):
            if not connection.requests and connection.unsent is None and (
                    self.take(descriptor) is not None):
                self.close(connection)

    def is_empty(self, timeout: float) -> bool:
        """Return whether all connections are closed.

        :param timeout: seconds to wait for the next end of a connection.
        """
        with self._closed:
            if self._connections:
                self._closed.wait(timeout)
            return not self._connections

    def wake_all(self) -> None:
        """End all present and future calls of :meth:`poll`."""
        os.eventfd_write(self._wakeup, 1)

    def close_all(self) -> None:
        """Close everything; no thread may use the poller."""
        for connection in list(self._connections):
            self.close(connection)
        self._epoll.close()
        os.close(self._wakeup)

    # Accepting.

    def _accept(self, limit: int) -> None:
        # Under the lock, a stopping server sees each accepted connection.
        with self._accept_lock:
            if not self._is_listening:
                return
            with contextlib.suppress(BlockingIOError):
                for _ in range(limit):
                    self._accept_one()
            self._epoll.modify(self._listener_descriptor, _READABLE)

    def _accept_one(self) -> None:
        if len(self._connections) >= self.max_connections:
            self._close_oldest()
        try:
            sock, address = self._listener.accept()
        except BlockingIOError:
            raise
        except OSError as e:
            LOG.warning('Could not accept a connection: %s', e)
            self._close_oldest()
            return
        if self._outbox is not None and self._is_busy() and (
                self._outbox.hand_over(sock)):
            return
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # the client is gone
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock, address)
        connection.update_deadline()
        self._connections.add(connection)
        self._waiting[connection.fileno] = connection
        self._epoll.register(connection.fileno, _READABLE)

    def _is_busy(self) -> bool:
        """Return whether other processes should serve the next client."""
        count = len(self._connections)
        if count < sharing.MAX_BUSY or count >= sharing.MAX_KEPT:
            return count >= sharing.MAX_KEPT
        end = (time.monotonic() + connection_module.KEEP_ALIVE_SECONDS
               - sharing.IDLE_SECONDS)
        idle = sum(connection.deadline < end and not connection.requests
                   for connection in list(self._waiting.values()))
        return count - idle >= sharing.MAX_BUSY

    def _close_oldest(self) -> None:
        """Close the connection with the longest wait."""
        with contextlib.suppress(StopIteration, RuntimeError):
            connection = self.take(next(iter(self._waiting)))
            if connection is not None:
                self.close(connection)


def listen(host: str, port: int, reuse_port: bool = False) -> socket.socket:
    """Return a listening socket.

    :param port: 0 selects a free port.
    :param reuse_port: other processes may listen on the same port.
    :raises OSError: the address cannot be used.
    """
    family = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    listener = socket.create_server(
        (host, port), family=family, backlog=LISTEN_BACKLOG,
        reuse_port=reuse_port)
    listener.setblocking(False)
    return listener


def _raise_descriptor_limit() -> int:
    """Allow this process all file descriptors of its hard limit.

    :returns: the number of connections within the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(soft, min(hard, MAX_CONNECTIONS + RESERVED_DESCRIPTORS))
    if soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(64, min(MAX_CONNECTIONS, limit - RESERVED_DESCRIPTORS))
