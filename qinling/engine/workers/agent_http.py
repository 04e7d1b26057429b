# SPDX-License-Identifier: Apache-2.0
"""Answers of agents: HTTP from a worker that may lie."""

from collections.abc import Sequence
import json
import socket
import struct
import time
import typing

#: Bytes of one read.
HEAD_CHUNK_BYTES, BODY_CHUNK_BYTES = 1 << 16, 1 << 20
#: Bytes of the head of an answer.
MAX_HEAD_BYTES = 1 << 14
#: Seconds that a worker may take to read a request.
WRITE_TIMEOUT_SECONDS = 30

#: HTTP status and JSON object.
Answer = tuple[int, dict[str, typing.Any]]


def _timeval(seconds: float) -> bytes:
    return struct.pack('ll', int(seconds), int(seconds % 1 * 1e6))


class Connection(socket.socket):
    """Connection to an agent."""

    #: Seconds set by :meth:`limit_silence`, ``None`` after ``settimeout``.
    silence: float | None = None

    def limit_silence(self, seconds: float) -> None:
        """Let the kernel limit how long a read, or a write, waits.

        A timeout of Python would wait for the socket in calls of its own, and
        each of them would release the interpreter to another thread.
        """
        if seconds == self.silence:
            return
        self.settimeout(None)
        for option, limit in ((socket.SO_SNDTIMEO, WRITE_TIMEOUT_SECONDS),
                              (socket.SO_RCVTIMEO, seconds)):
            self.setsockopt(socket.SOL_SOCKET, option, _timeval(limit))
        self.silence = seconds

    def settimeout(self, value: float | None) -> None:
        """Set a timeout of Python."""
        self.silence = None
        super().settimeout(value)


def read_answer(connection: socket.socket, timeout: float, max_bytes: int
                ) -> Answer:
    """Return status and JSON body of one answer.

    A function may answer in place of its agent, so nothing is taken on trust.

    :param timeout: seconds for the whole answer.
    :raises OSError, ValueError, RecursionError: there is no valid answer.
    """
    deadline = time.monotonic() + timeout
    try:
        data = connection.recv(HEAD_CHUNK_BYTES)
    except BlockingIOError:
        raise TimeoutError('timed out')
    while b'\r\n\r\n' not in data:
        if len(data) > MAX_HEAD_BYTES:
            raise ValueError('the answer of the worker has a long head')
        if not data:
            raise ValueError('the worker closed the connection')
        data += read_more(connection, HEAD_CHUNK_BYTES, deadline)
    head, _, body = data.partition(b'\r\n\r\n')
    status, length = parse_head(head.split(b'\r\n'))
    if not 0 <= length <= max_bytes:
        raise ValueError(f'the answer of the worker has {length} bytes')
    chunks, missing = [body], length - len(body)
    while missing > 0:
        chunks.append(read_more(
            connection, min(missing, BODY_CHUNK_BYTES), deadline))
        missing -= len(chunks[-1])
    # The decoder alone takes fewer calls than its method for white space.
    text = b''.join(chunks).decode().strip()
    answer, end = DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError('the answer of the worker is no JSON')
    if not isinstance(answer, dict):
        raise ValueError('the answer of the worker is no object')
    return status, answer


def read_more(connection: socket.socket, size: int, deadline: float
              ) -> bytes:
    """Return at least one byte before the deadline."""
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError('the worker answers too slowly')
    connection.settimeout(remaining)
    chunk = connection.recv(size)
    if not chunk:
        raise ValueError('the worker closed the connection')
    return chunk


def _refuse_constant(name: str) -> typing.NoReturn:
    raise ValueError(f'the answer of the worker contains {name}')


DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_head(lines: Sequence[bytes]) -> tuple[int, int]:
    """Return status and body length.

    :raises ValueError: the head has no status or no length.
    """
    words = lines[0].split(b' ', 2)
    if len(words) < 2:
        raise ValueError('the answer of the worker has no status')
    for line in lines[1:]:
        if line[:15].lower() == b'content-length:':
            return int(words[1]), int(line[15:])
    raise ValueError('the answer of the worker has no length')
