# SPDX-License-Identifier: Apache-2.0
"""Messages on stream sockets: each is a line.

JSON has no line end within it.  A connection carries one message at a time,
back and forth, so a line end at the end of a read is the end of a message.
"""

import socket
import ssl
import struct

END = b'\n'
#: Bytes of one message: above the largest input and result.
MAX_BYTES = 256 << 20
#: Bytes of the first read: almost every message; and of further reads.
READ_BYTES, CHUNK_BYTES = 64 * 1024, 1 << 20
_END = END[0]
#: Errors of a silence.
SILENT = BlockingIOError, TimeoutError


class Incomplete(ConnectionError):
    """The connection failed within a message."""


def limit_silence(connection: socket.socket, seconds: float) -> None:
    """Let :func:`receive` raise one of :data:`SILENT` after a silence."""
    if isinstance(connection, ssl.SSLSocket):
        # The library reads again when the kernel ends a call.
        connection.settimeout(seconds)
        return
    # A timeout of Python would cost another system call for each message.
    connection.settimeout(None)
    connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVTIMEO,
        struct.pack('ll', int(seconds), int(seconds % 1 * 1e6)))


def sleep_through_marks(connection: socket.socket) -> None:
    """Let :func:`receive` sleep until more than a mark has arrived."""
    _wake_at(connection, 2)


def _wake_at(connection: socket.socket, size: int) -> None:
    """Set the number of bytes that end the sleep of a reader."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)


def receive(connection: socket.socket, mark: bytes = b'') -> bytes:
    """Return the next message with its line end.

    :param mark: a byte that may come before a message.  It comes with the
        message, or alone if the message is late.
    :returns: nothing at the end of the connection.
    :raises BlockingIOError, TimeoutError: the other side is silent.
    :raises Incomplete: the connection ended within a message.
    :raises OSError: the connection is broken.
    """
    data = connection.recv(READ_BYTES)
    if not data or data[-1] == _END or data == mark:
        return data
    if not mark:
        return _receive_rest(connection, data)
    # The rest may be a single byte.
    _wake_at(connection, 1)
    try:
        return _receive_rest(connection, data)
    finally:
        _wake_at(connection, 2)


def _receive_rest(connection: socket.socket, data: bytes) -> bytes:
    """Return a message that begins with the data."""
    chunks, size = [data], len(data)
    while chunks[-1][-1] != _END:
        if size > MAX_BYTES:
            raise Incomplete('a message is too long')
        chunks.append(_receive_more(connection))
        size += len(chunks[-1])
    return b''.join(chunks)


def _receive_more(connection: socket.socket) -> bytes:
    try:
        data = connection.recv(CHUNK_BYTES)
    except OSError as e:
        raise Incomplete(f'the connection failed within a message: {e}')
    if not data:
        raise Incomplete('the connection ended within a message')
    return data
