# SPDX-License-Identifier: Apache-2.0
"""HTTP client for the agents of workers, over persistent connections.

The client is a socket and a few lines, since a general HTTP client costs ten
times as much as the call.  :mod:`qinling.runtimes.agent` has the protocol.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import contextlib
import json
import socket
import threading
import time
import typing

from qinling.orchestrators import base

#: Options that end the connections to a vanished host after about 25
#: seconds, however long the function may run.
TCP_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 25000),  # milliseconds
)
#: Bytes of one read.
HEAD_CHUNK_BYTES, BODY_CHUNK_BYTES = 1 << 16, 1 << 20
#: Bytes of the head of an answer, and of the body of a short answer.
MAX_HEAD_BYTES, MAX_SHORT_BYTES = 1 << 14, 1 << 20

_Json = dict[str, typing.Any]
_Answer = tuple[int, _Json]


class NotSent(Exception):
    """The worker could not be reached, and has started nothing."""


class Lost(Exception):
    """The worker received the request, and died or does not answer."""


class Invoker:
    """Calls workers; safe for use by many threads."""

    #: Seconds for a call that starts no execution.
    call_timeout = 30

    def __init__(self) -> None:
        self._idle: dict[str, list[socket.socket]] = {}
        self._busy: dict[str, set[socket.socket]] = {}
        self._lock = threading.Lock()

    def load(self, worker: base.Worker, settings: _Json,
             *packages: typing.BinaryIO) -> _Answer:
        """Send code to a worker.

        :param settings: see the agent; ``import_timeout`` is also a time
            limit of the call.
        :param packages: files with ZIP archives.
        :returns: HTTP status and answer.
        """
        sizes = [package.seek(0, 2) for package in packages]
        for package in packages:
            package.seek(0)
        line = json.dumps(dict(settings, sizes=sizes)).encode() + b'\n'
        connection = self._connect(worker)
        connection.settimeout(max(self.call_timeout,
                                  settings.get('import_timeout', 0)))
        self._send(worker, connection, _head(
            worker, 'POST', '/load', len(line) + sum(sizes)) + line, packages)
        return self._receive(worker, connection)

    def execute(self, worker: base.Worker, request: _Json, timeout: float,
                max_bytes: int = MAX_SHORT_BYTES) -> _Answer:
        """Run the function of a worker once.

        :param request: see the agent.
        :param timeout: seconds to wait for the answer.
        :param max_bytes: bytes of the answer; a worker with a longer answer
            counts as lost.
        :returns: HTTP status and answer.
        """
        return self._post(worker, '/execute', request, timeout, max_bytes)

    def cancel(self, worker: base.Worker, id: str) -> _Answer:
        """Stop an execution on a worker.

        :returns: HTTP status and answer; 404 when the worker does not run
            the execution.
        """
        return self._post(worker, '/cancel', {'execution_id': id},
                          self.call_timeout)

    def _post(self, worker: base.Worker, path: str, value: _Json,
              timeout: float, max_bytes: int = MAX_SHORT_BYTES) -> _Answer:
        body = _ENCODER.encode(value).encode()
        connection = self._connect(worker)
        connection.settimeout(timeout)
        self._send(worker, connection, _head(
            worker, 'POST', path, len(body)) + body)
        return self._receive(worker, connection, max_bytes)

    def status(self, worker: base.Worker) -> _Answer:
        """Return HTTP status and state of a worker."""
        connection = self._connect(worker)
        connection.settimeout(self.call_timeout)
        self._send(worker, connection, _head(worker, 'GET', '/status', 0))
        return self._receive(worker, connection)

    def forget(self, worker: base.Worker) -> None:
        """Close the idle connections to a worker."""
        with self._lock:
            connections = self._idle.pop(worker.name, ())
        for connection in connections:
            connection.close()

    def abort(self, worker: base.Worker) -> None:
        """Wake the callers that wait for an answer of a dead worker."""
        with self._lock:
            connections = list(self._busy.get(worker.name, ()))
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _connect(self, worker: base.Worker) -> socket.socket:
        with self._lock:
            connections = self._idle.get(worker.name)
            if connections:
                return connections.pop()
        try:
            if worker.transport is not None:
                return worker.transport.connect(self.call_timeout)
            return connect(worker.address, self.call_timeout)
        except OSError as e:
            raise NotSent(str(e))

    def _send(self, worker: base.Worker, connection: socket.socket,
              data: bytes, packages: Iterable[typing.BinaryIO] = ()) -> None:
        with self._lock:
            self._busy.setdefault(worker.name, set()).add(connection)
        try:
            connection.sendall(data)
            for package in packages:
                connection.sendfile(package)
        except OSError as e:
            self._close(worker, connection)
            raise NotSent(str(e))

    def _close(self, worker: base.Worker, connection: socket.socket) -> None:
        with self._lock:
            self._remove_busy(worker, connection)
        connection.close()

    def _remove_busy(self, worker: base.Worker, connection: socket.socket
                     ) -> None:
        busy = self._busy[worker.name]
        busy.discard(connection)
        if not busy:
            del self._busy[worker.name]

    def _receive(self, worker: base.Worker, connection: socket.socket,
                 max_bytes: int = MAX_SHORT_BYTES) -> _Answer:
        try:
            status, body = _read(connection, max_bytes)
        except (OSError, ValueError, RecursionError) as e:
            self._close(worker, connection)
            raise Lost(str(e) or type(e).__name__)
        except BaseException:
            self._close(worker, connection)
            raise
        with self._lock:
            self._remove_busy(worker, connection)
            self._idle.setdefault(worker.name, []).append(connection)
        if worker.transport is not None:
            _check_relay(worker.transport.failure(body), body)
        return status, body


def connect(address: str, timeout: float) -> socket.socket:
    """Return a connected socket.

    :param address: see :class:`qinling.orchestrators.base.Worker`.
    """
    kind, _, location = address.partition(':')
    if kind == 'unix':
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(location)
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = location.rpartition(':')
    connection = socket.create_connection(
        (host.strip('[]'), int(port)), timeout)
    for level, name, value in TCP_OPTIONS:
        connection.setsockopt(level, name, value)
    return connection


def _head(worker: base.Worker, method: str, path: str, length: int) -> bytes:
    prefix, headers = '', ''
    if worker.transport is not None:
        prefix = worker.transport.prefix
        headers = ''.join(
            f'{name}: {value}\r\n'
            for name, value in worker.transport.headers().items())
    return (f'{method} {prefix}{path} HTTP/1.1\r\nHost: worker\r\n{headers}'
            f'X-Qinling-Secret: {worker.secret}\r\n'
            f'Content-Length: {length}\r\n\r\n').encode()


def _check_relay(was_reached: bool | None, answer: _Json) -> None:
    """Raise an error when a relay answered in place of the agent."""
    if was_reached is None:
        return
    sentence = str(answer.get('message', answer))
    raise Lost(sentence) if was_reached else NotSent(sentence)


def _read(connection: socket.socket, max_bytes: int) -> _Answer:
    """Return status and JSON body of one answer.

    A function may answer in place of its agent, so nothing is taken on trust:
    the timeout of the connection is the time for the whole answer.

    :raises OSError, ValueError, RecursionError: there is no valid answer.
    """
    deadline = time.monotonic() + (connection.gettimeout() or 0)
    data = connection.recv(HEAD_CHUNK_BYTES)
    while b'\r\n\r\n' not in data:
        if len(data) > MAX_HEAD_BYTES:
            raise ValueError('the answer of the worker has a long head')
        if not data:
            raise ValueError('the worker closed the connection')
        data += _read_more(connection, HEAD_CHUNK_BYTES, deadline)
    head, _, body = data.partition(b'\r\n\r\n')
    status, length = _parse_head(head.split(b'\r\n'))
    if not 0 <= length <= max_bytes:
        raise ValueError(f'the answer of the worker has {length} bytes')
    chunks, missing = [body], length - len(body)
    while missing > 0:
        chunks.append(_read_more(
            connection, min(missing, BODY_CHUNK_BYTES), deadline))
        missing -= len(chunks[-1])
    # The decoder alone takes fewer calls than its method for white space.
    text = b''.join(chunks).decode().strip()
    answer, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError('the answer of the worker is no JSON')
    if not isinstance(answer, dict):
        raise ValueError('the answer of the worker is no object')
    return status, answer


def _read_more(connection: socket.socket, size: int, deadline: float
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


_ENCODER = json.JSONEncoder()
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse_head(lines: Sequence[bytes]) -> tuple[int, int]:
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
