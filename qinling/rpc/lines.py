# SPDX-License-Identifier: Apache-2.0
"""Messages on stream sockets: each is a line.

JSON has no line end within it.  A connection carries one message at a time,
back and forth, so a line end at the end of a read is the end of a message.
"""

import socket
import struct

END = b'\n'
#: Bytes of one message: above the largest input and result.
MAX_BYTES = 256 << 20
#: Bytes of the first read: almost every message; and of further reads.
READ_BYTES, CHUNK_BYTES = 64 * 1024, 1 << 20
_END = END[0]


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


def receive(connection: socket.socket) -> bytes:
    """Return the next message with its line end.

    :returns: nothing at the end of the connection.
    :raises BlockingIOError: the other side is silent.
    :raises OSError: the connection is broken, or ended within a message.
    """
    data = connection.recv(READ_BYTES)
    if not data or data[-1] == _END:
        return data
    chunks, size = [data], len(data)
    while chunks[-1][-1] != _END:
        if size > MAX_BYTES:
            raise ConnectionError('a message is too long')
        chunks.append(_receive_more(connection))
        size += len(chunks[-1])
    return b''.join(chunks)


def _receive_more(connection: socket.socket) -> bytes:
    try:
        data = connection.recv(CHUNK_BYTES)
    except BlockingIOError:
        raise ConnectionError('the connection stopped within a message')
    if not data:
        raise ConnectionError('the connection ended within a message')
    return data
