# SPDX-License-Identifier: Apache-2.0
"""Talking to the agents of workers, over connections that are kept.

The client is a socket and a few lines, since a general HTTP client costs
ten times what the call itself does.  The peer is our own agent, see
:mod:`qinling.runtimes.agent` for the protocol.
"""

import contextlib
import json
import socket
import threading

#: A machine that vanishes says nothing: its connections end in this way
#: after about 25 seconds, however long the function may run.
TCP_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 25000),  # milliseconds
)


class NotSent(Exception):
    """The worker could not be reached; it has not begun anything."""


class Lost(Exception):
    """The worker got the request and went away, or does not answer."""


class Invoker:
    """Calls workers; may be used by many threads."""

    #: Seconds for a call that starts nothing.
    patience = 30

    def __init__(self):
        self._idle = {}
        self._busy = {}
        self._lock = threading.Lock()

    def load(self, worker, settings, *packages):
        """Give a worker its code.

        :param settings: dict, see the agent.
        :param packages: binary files with the bytes of ZIP archives.
        :returns: (HTTP status, answer dict).
        """
        sizes = [package.seek(0, 2) for package in packages]
        for package in packages:
            package.seek(0)
        line = json.dumps(dict(settings, sizes=sizes)).encode() + b'\n'
        connection = self._take(worker)
        connection.settimeout(self.patience)
        self._send(worker, connection, _head(
            worker, 'POST', '/load', len(line) + sum(sizes)) + line, packages)
        return self._answer(worker, connection)

    def execute(self, worker, order, timeout):
        """Run the worker's function once.

        :param order: dict, see the agent.
        :param timeout: seconds to wait for the answer.
        :returns: (HTTP status, answer dict).
        """
        return self._post(worker, '/execute', order, timeout)

    def cancel(self, worker, id):
        """End an execution that a worker runs.

        :returns: (HTTP status, answer dict); 404 when it does not run it.
        """
        return self._post(worker, '/cancel', {'execution_id': id},
                          self.patience)

    def _post(self, worker, path, value, timeout):
        body = json.dumps(value).encode()
        connection = self._take(worker)
        connection.settimeout(timeout)
        self._send(worker, connection, _head(
            worker, 'POST', path, len(body)) + body)
        return self._answer(worker, connection)

    def status(self, worker):
        """What a worker holds; returns (HTTP status, answer dict)."""
        connection = self._take(worker)
        connection.settimeout(self.patience)
        self._send(worker, connection, _head(worker, 'GET', '/status', 0))
        return self._answer(worker, connection)

    def forget(self, worker):
        """Close the idle connections to a worker that is to go."""
        with self._lock:
            connections = self._idle.pop(worker.name, ())
        for connection in connections:
            connection.close()

    def abort(self, worker):
        """Let those who wait for an answer of a dead worker know."""
        with self._lock:
            connections = list(self._busy.get(worker.name, ()))
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _take(self, worker):
        with self._lock:
            connections = self._idle.get(worker.name)
            if connections:
                return connections.pop()
        try:
            if worker.reach is not None:
                return worker.reach.connect(self.patience)
            return connect(worker.address, self.patience)
        except OSError as e:
            raise NotSent(str(e))

    def _send(self, worker, connection, data, packages=()):
        with self._lock:
            self._busy.setdefault(worker.name, set()).add(connection)
        try:
            connection.sendall(data)
            for package in packages:
                connection.sendfile(package)
        except OSError as e:
            self._close(worker, connection)
            raise NotSent(str(e))

    def _close(self, worker, connection):
        with self._lock:
            self._leave(worker, connection)
        connection.close()

    def _leave(self, worker, connection):
        busy = self._busy[worker.name]
        busy.discard(connection)
        if not busy:
            del self._busy[worker.name]

    def _answer(self, worker, connection):
        try:
            status, body = _read(connection)
        except (OSError, ValueError) as e:
            self._close(worker, connection)
            raise Lost(str(e) or type(e).__name__)
        with self._lock:
            self._leave(worker, connection)
            self._idle.setdefault(worker.name, []).append(connection)
        if worker.reach is not None:
            _check_relay(worker.reach.failure(body), body)
        return status, body


def connect(address, timeout):
    """A socket to an address as :class:`..orchestrators.base.Worker` has
    it."""
    kind, _, rest = address.partition(':')
    if kind == 'unix':
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(timeout)
        try:
            made.connect(rest)
        except OSError:
            made.close()
            raise
        return made
    host, _, port = rest.rpartition(':')
    made = socket.create_connection((host.strip('[]'), int(port)), timeout)
    for level, name, value in TCP_OPTIONS:
        made.setsockopt(level, name, value)
    return made


def _head(worker, method, path, length):
    prefix, more = '', ''
    if worker.reach is not None:
        prefix = worker.reach.prefix
        more = ''.join(f'{name}: {value}\r\n'
                       for name, value in worker.reach.headers().items())
    return (f'{method} {prefix}{path} HTTP/1.1\r\nHost: worker\r\n{more}'
            f'X-Qinling-Secret: {worker.secret}\r\n'
            f'Content-Length: {length}\r\n\r\n').encode()


def _check_relay(reached, answer):
    """Whether what lies between has answered in the agent's place."""
    if reached is None:
        return
    sentence = str(answer.get('message', answer))
    raise Lost(sentence) if reached else NotSent(sentence)


def _read(connection):
    """(status, decoded JSON body) of one answer."""
    data = b''
    while b'\r\n\r\n' not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ValueError('the worker closed the connection')
        data += piece
    head, _, body = data.partition(b'\r\n\r\n')
    status, length = _parse(head.split(b'\r\n'))
    pieces, missing = [body], length - len(body)
    while missing > 0:
        piece = connection.recv(min(missing, 1 << 20))
        if not piece:
            raise ValueError('the worker closed the connection')
        pieces.append(piece)
        missing -= len(piece)
    return status, json.loads(b''.join(pieces))


def _parse(lines):
    for line in lines[1:]:
        if line[:15].lower() == b'content-length:':
            return int(lines[0].split(b' ', 2)[1]), int(line[15:])
    raise ValueError('the answer of the worker has no length')
