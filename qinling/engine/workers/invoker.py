# SPDX-License-Identifier: Apache-2.0
"""HTTP client for the agents of workers, over persistent connections.

The client is a socket and a few lines, since a general HTTP client costs ten
times as much as the call.  :mod:`qinling.runtimes.agent` has the protocol.
"""

from collections.abc import Callable
from collections.abc import Iterable
import contextlib
import json
import socket
import threading
import typing

from qinling.engine.workers import agent_http
from qinling.engine.workers import agent_stream
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
PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT
#: Bytes of the body of a short answer.
MAX_SHORT_BYTES = 1 << 20
#: Bytes of a log: the largest one with every character escaped.
MAX_LOG_BYTES = 8 << 20

_Json = dict[str, typing.Any]
_Answer = agent_http.Answer
_Reader = Callable[[socket.socket, float, int], _Answer]
_ENCODER = json.JSONEncoder()


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
        timeout = max(self.call_timeout, settings.get('import_timeout', 0))
        connection.settimeout(timeout)
        self._send(worker, connection, _head(
            worker, 'POST', '/load', len(line) + sum(sizes)) + line, packages)
        return self._receive(worker, connection, timeout)

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

    def execute_streamed(self, worker: base.Worker, request: _Json,
                         timeout: float, max_bytes: int,
                         add: agent_stream.AddPart) -> _Answer:
        """Run the function of a worker once; see :meth:`execute`.

        :param add: receives each part of the result as soon as the function
            has yielded the part.
        """
        connection = self._connect(worker)
        connection.settimeout(timeout)
        body = _ENCODER.encode({**request, 'stream': True}).encode()
        self._send(worker, connection, _head(
            worker, 'POST', '/execute', len(body)) + body)
        return self._receive(worker, connection, timeout, max_bytes,
                             agent_stream.create_reader(add))

    def cancel(self, worker: base.Worker, id: str) -> _Answer:
        """Stop an execution on a worker.

        :returns: HTTP status and answer; 404 when the worker does not run
            the execution.
        """
        return self._post(worker, '/cancel', {'execution_id': id},
                          self.call_timeout)

    def read_log(self, worker: base.Worker, id: str, offset: int
                 ) -> str | None:
        """Return the log of a running execution.

        :param offset: characters to leave out.
        :returns: ``None`` when the worker does not run the execution.
        """
        status, answer = self._post(
            worker, '/log', {'execution_id': id, 'offset': offset},
            self.call_timeout, MAX_LOG_BYTES)
        log = answer.get('log')
        return log if status == 200 and isinstance(log, str) else None

    def _post(self, worker: base.Worker, path: str, value: _Json,
              timeout: float, max_bytes: int = MAX_SHORT_BYTES) -> _Answer:
        body = _ENCODER.encode(value).encode()
        connection = self._connect(worker)
        if isinstance(connection, agent_http.Connection):
            connection.limit_silence(timeout)
        else:
            connection.settimeout(timeout)
        self._send(worker, connection, _head(
            worker, 'POST', path, len(body)) + body)
        return self._receive(worker, connection, timeout, max_bytes)

    def status(self, worker: base.Worker) -> _Answer:
        """Return HTTP status and state of a worker."""
        connection = self._connect(worker)
        connection.settimeout(self.call_timeout)
        self._send(worker, connection, _head(worker, 'GET', '/status', 0))
        return self._receive(worker, connection, self.call_timeout)

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
            while connections:
                connection = connections.pop()
                # A write to a closed Unix socket fails.
                if (worker.transport is not None
                        or worker.address.startswith('unix:')
                        or is_open(connection)):
                    return connection
                connection.close()
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
                 timeout: float, max_bytes: int = MAX_SHORT_BYTES,
                 read: _Reader = agent_http.read_answer) -> _Answer:
        try:
            status, body = read(connection, timeout, max_bytes)
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
        connection = agent_http.Connection(socket.AF_UNIX)
        connection.settimeout(timeout)
        try:
            connection.connect(location)
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = location.rpartition(':')
    with socket.create_connection((host.strip('[]'), int(port)), timeout
                                  ) as plain:
        connection = agent_http.Connection(fileno=plain.detach())
    for level, name, value in TCP_OPTIONS:
        connection.setsockopt(level, name, value)
    return connection


def is_open(connection: socket.socket) -> bool:
    """Return whether a worker has left an idle connection open.

    A request on a closed connection would count as lost with its worker.
    """
    if connection.gettimeout() is not None:
        # Python would wait for data before it calls recv(2).
        connection.settimeout(0)
    try:
        connection.recv(1, PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


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
