# SPDX-License-Identifier: Apache-2.0
"""Connections that one process accepts and other processes serve.

The accepting process keeps a few connections, and hands each further one to
the next process over a Unix socket.  Connections that a process has not taken
wait in its socket, also while the process is restarted.
"""

from collections.abc import Sequence
import contextlib
import itertools
import socket
import typing

#: Connections that the accepting process keeps: in use, and in all.
MAX_BUSY, MAX_KEPT = 1, 16
#: Seconds without a request after which a connection is not in use.
IDLE_SECONDS = 0.1
#: Address of a client that has ended the connection before it was served.
_GONE = ('0.0.0.0', 0)


def create_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a way for connections: to send, and to receive."""
    sender, receiver = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
    for end in (sender, receiver):
        end.setblocking(False)
    return sender, receiver


class Outbox:
    """Hands connections to other processes, in turns."""

    def __init__(self, senders: Sequence[socket.socket]) -> None:
        self._senders = itertools.cycle(senders)

    def hand_over(self, connection: socket.socket) -> bool:
        """Hand a connection to another process.

        :returns: ``False`` if this process has to serve the connection.
        """
        try:
            socket.send_fds(next(self._senders), [b'.'],
                            [connection.fileno()])
        except OSError:
            # The other process has not taken the last ones.
            return False
        connection.close()
        return True


class Inbox:
    """Takes the connections that another process accepted.

    Has the methods of a listening socket that a server uses.

    :param address: of the listening socket.
    """

    def __init__(self, receiver: socket.socket, address: typing.Any) -> None:
        self._receiver = receiver
        self._address = address

    def fileno(self) -> int:
        """Return the descriptor that is readable when a connection waits."""
        return self._receiver.fileno()

    def getsockname(self) -> typing.Any:
        """Return the address at which clients connect."""
        return self._address

    def accept(self) -> tuple[socket.socket, typing.Any]:
        """Return a connection and the address of the client.

        :raises BlockingIOError: no connection waits.
        """
        message, descriptors, _, _ = socket.recv_fds(self._receiver, 1, 1)
        if not message:
            raise BlockingIOError
        connection = socket.socket(fileno=descriptors[0])
        address = _GONE
        with contextlib.suppress(OSError):
            address = connection.getpeername()
        return connection, address

    def close(self) -> None:
        """Take no further connection."""
        self._receiver.close()
