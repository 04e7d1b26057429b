# SPDX-License-Identifier: Apache-2.0
"""Client of one engine over kept connections, without a message bus.

The engine is another process of the same machine.
"""

import collections
import json
import socket
import typing

from oslo_log import log

from qinling.core.execution import records
from qinling.core import targets
from qinling import exception
from qinling.rpc import forms
from qinling.rpc import lines
from qinling.rpc import verbs
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

#: Seconds of silence after which the client asks whether the engine lives.
SILENCE_SECONDS = 3


class EngineClient(verbs.Verbs):
    """Verbs of an engine over a Unix socket.

    One thread at a time uses a connection.

    :param path: of the socket of :class:`qinling.rpc.direct_server.Server`.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: collections.deque[socket.socket] = collections.deque()
        self._owner: str | None = None

    @property
    def owner(self) -> str | None:
        """Return the engine that runs the executions of this process."""
        if self._owner is None:
            self._idle.append(self._connect())
        return self._owner

    def connect(self) -> None:
        """Open the first connection.

        :raises Unavailable: the engine does not listen.
        """
        self._idle.append(self._connect())

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def run(self, message: records.ExecutionMessage,
            target: targets.Target) -> records.Ended | None:
        """Run an execution and wait for the end.

        :raises EngineLost: the engine ended after it got the execution.
        """
        return forms.decode_end(self._exchange(
            forms.encode_run(message, target), 'run'))

    def call(self, method: str, **arguments: typing.Any) -> typing.Any:
        """Return the answer of a method of the endpoint."""
        request = forms.encode_call(method, arguments)
        try:
            return json.loads(self._exchange(request, method))
        except exception.EngineLost:
            raise verbs.NotAnswered(reason='the engine does not answer.')

    def is_alive(self, owner: str) -> bool | None:
        """Return whether the engine answers."""
        try:
            return bool(self.call('is_alive', owner=owner))
        except exception.Unavailable:
            return False

    def _call(self, method: str, timeout: float, server: str | None = None,
              **arguments: typing.Any) -> typing.Any:
        # A silence raises an error, so the time limit is not needed.
        return self.call(method, **arguments)

    def _cast(self, method: str, fanout: bool = False,
              server: str | None = None, **arguments: typing.Any) -> None:
        # The verbs return at once.
        self.call(method, **arguments)

    def _gather(self, method: str, **arguments: typing.Any
                ) -> dict[str | None, typing.Any]:
        return {None: self.call(method, **arguments)}

    def _exchange(self, request: bytes, method: str) -> bytes:
        """Return the answer to a request.

        :raises QinlingError: the engine refused, as in its own process.
        :raises Unavailable: the engine does not listen.
        :raises EngineLost: the engine ended after it got the request.
        """
        connection = self._send(request)
        try:
            answer = self._receive(connection)
        except OSError as e:
            connection.close()
            # The next engine has another name.
            self._owner = None
            metrics.rpc_failures.labels(method).inc()
            LOG.warning('Lost the engine during "%s": %s', method, e)
            raise exception.EngineLost()
        self._idle.append(connection)
        if answer[:1] == forms.ERROR:
            raise forms.decode_error(answer[1:])
        return answer[1:]

    def _send(self, request: bytes) -> socket.socket:
        """Send a request; return the connection.

        :raises Unavailable: the engine does not listen.
        """
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break  # another thread was first
            try:
                connection.sendall(request)
            except OSError:
                # The engine was restarted meanwhile.
                connection.close()
                continue
            return connection
        connection = self._connect()
        try:
            connection.sendall(request)
        except OSError as e:
            connection.close()
            raise _unavailable(e)
        return connection

    def _connect(self) -> socket.socket:
        try:
            connection = lines.connect(self._path, SILENCE_SECONDS)
            owner = lines.receive(connection)
        except OSError as e:
            raise _unavailable(e)
        self._owner = owner.decode().rstrip() or None
        return connection

    def _receive(self, connection: socket.socket) -> bytes:
        """Return an answer, however long the engine works on it."""
        while True:
            try:
                answer = lines.receive(connection)
            except BlockingIOError:
                self._probe()
                continue
            if not answer:
                raise ConnectionError('the engine ended the connection')
            return answer

    def _probe(self) -> None:
        """Raise an error when the engine does not even accept."""
        try:
            self._connect().close()
        except verbs.NotAnswered as e:
            raise ConnectionError(str(e))


def _unavailable(error: OSError) -> verbs.NotAnswered:
    return verbs.NotAnswered(
        reason=f'the engine does not listen ({type(error).__name__}).')
