# SPDX-License-Identifier: Apache-2.0
"""Messages on stream sockets: a length of four bytes, then the message.

A connection carries one message at a time, back and forth.
"""

import socket
import struct

#: Bytes of the length.
HEAD_BYTES = 4
#: Bytes of one message: above the largest input and result.
MAX_MESSAGE_BYTES = 256 << 20
#: Bytes of the first read: almost every message.
READ_BYTES = 64 * 1024


def connect(path: str, silence: float) -> socket.socket:
    """Return a connection to a Unix socket.

    :param silence: seconds after which :func:`receive` raises
        ``BlockingIOError``.  The kernel counts them: a timeout of Python
        would cost another system call for each message.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO,
            struct.pack('ll', int(silence), int(silence % 1 * 1e6)))
    except OSError:
        connection.close()
        raise
    return connection


def send(connection: socket.socket, message: bytes) -> None:
    """Send a message."""
    connection.sendall(len(message).to_bytes(HEAD_BYTES) + message)


def receive(connection: socket.socket) -> bytes:
    """Return the next message, empty at the end of the connection.

    :raises BlockingIOError: the other side is silent.
    :raises OSError: the connection is broken, or ended within a message.
    """
    data = connection.recv(READ_BYTES)
    if not data:
        return b''
    end = HEAD_BYTES + int.from_bytes(data[:HEAD_BYTES])
    if len(data) < end or len(data) < HEAD_BYTES:
        data = _receive_rest(connection, data)
    return data[HEAD_BYTES:]


def _receive_rest(connection: socket.socket, data: bytes) -> bytes:
    """Return a whole message of which the beginning has arrived."""
    try:
        while len(data) < HEAD_BYTES:
            data += _receive_some(connection, HEAD_BYTES)
        size = int.from_bytes(data[:HEAD_BYTES])
        if size > MAX_MESSAGE_BYTES:
            raise ConnectionError(f'a message of {size} bytes is too long')
        chunks, missing = [data], HEAD_BYTES + size - len(data)
        while missing > 0:
            chunks.append(_receive_some(connection, missing))
            missing -= len(chunks[-1])
    except BlockingIOError:
        raise ConnectionError('the connection stopped within a message')
    return b''.join(chunks)


def _receive_some(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(min(size, 1 << 20))
    if not data:
        raise ConnectionError('the connection ended within a message')
    return data
