# SPDX-License-Identifier: Apache-2.0
"""Streamed answers of agents: lines of JSON from a worker that may lie."""

from collections.abc import Callable
from collections.abc import Iterator
import functools
import socket
import time
import typing

from qinling.engine.workers import agent_http

#: Member of a line with a part of the result; the last line has none.
PART = 'chunk'
#: Bytes of the size of an HTTP chunk, with extensions.
MAX_SIZE_BYTES = 256

#: Receiver of the parts.
AddPart = Callable[[typing.Any], None]


def read_answer(add: AddPart, connection: socket.socket, timeout: float,
                max_bytes: int) -> agent_http.Answer:
    """Return status and JSON of the last line of an answer.

    Agents of earlier releases, and relays, answer with a single object.

    :param add: receives each part before.
    :param timeout: seconds for the whole answer.
    :param max_bytes: bytes of a line, and of the parts in total.
    :raises OSError, ValueError, RecursionError: there is no valid answer.
    """
    reader = _Reader(connection, time.monotonic() + timeout)
    head = reader.read_until(b'\r\n\r\n', agent_http.MAX_HEAD_BYTES)
    if b'\ntransfer-encoding: chunked' not in head.lower():
        status, length = agent_http.parse_head(head.split(b'\r\n'))
        if not 0 <= length <= max_bytes:
            raise ValueError(f'the answer of the worker has {length} bytes')
        return status, _decode_object(reader.read(length))
    status, size = int(head.split(b' ', 2)[1]), 0
    answer = None
    for line in _read_lines(reader, max_bytes):
        if answer is not None:
            raise ValueError('the answer of the worker goes on after its end')
        value = _decode_object(line)
        if PART not in value:
            answer = value
            continue
        size += len(line)
        if size > max_bytes:
            raise ValueError('the worker sends too many parts')
        add(value[PART])
    if answer is None or reader.has_more:
        raise ValueError('the answer of the worker has no end')
    return status, answer


def create_reader(add: AddPart) -> Callable[..., agent_http.Answer]:
    """Return a reader of one answer; see :func:`read_answer`."""
    return functools.partial(read_answer, add)


def _read_lines(reader: '_Reader', max_bytes: int) -> Iterator[bytes]:
    """Yield the lines of a chunked body.

    Relays change the chunks.
    """
    data = bytearray()
    while True:
        size = int(reader.read_until(b'\r\n', MAX_SIZE_BYTES)
                   .partition(b';')[0], 16)
        if not 0 <= size <= max_bytes:
            raise ValueError(f'a chunk of the worker has {size} bytes')
        searched = len(data)
        data += reader.read(size)
        if reader.read(2) != b'\r\n':
            raise ValueError('a chunk of the worker has no end')
        if not size:
            if data:
                raise ValueError('the last line of the worker has no end')
            return
        *lines, rest = data[searched:].split(b'\n')
        if lines:
            lines[0] = data[:searched] + lines[0]
            yield from map(bytes, lines)
            data = bytearray(rest)
        if len(data) > max_bytes:
            raise ValueError('a line of the worker is too long')


def _decode_object(data: bytes) -> dict[str, typing.Any]:
    value = agent_http.DECODER.decode(data.decode())
    if not isinstance(value, dict):
        raise ValueError('the answer of the worker is no object')
    return value


class _Reader:
    """Buffered reader of a connection with a deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._data = bytearray()

    @property
    def has_more(self) -> bool:
        """Return whether bytes follow those already read."""
        return bool(self._data)

    def read_until(self, end: bytes, limit: int) -> bytes:
        """Return the bytes before an end."""
        while (index := self._data.find(end)) < 0:
            if len(self._data) > limit:
                raise ValueError('the answer of the worker has a long line')
            self._receive()
        data = bytes(self._data[:index])
        del self._data[:index + len(end)]
        return data

    def read(self, size: int) -> bytes:
        """Return a number of bytes."""
        while len(self._data) < size:
            self._receive()
        data = bytes(self._data[:size])
        del self._data[:size]
        return data

    def _receive(self) -> None:
        self._data += agent_http.read_more(
            self._connection, agent_http.HEAD_CHUNK_BYTES, self._deadline)
