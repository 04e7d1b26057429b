# SPDX-License-Identifier: Apache-2.0
"""Kept connections to one engine."""

import collections
import contextlib
import json
import socket
import threading
import typing

from oslo_log import log

from qinling.core import engine_client
from qinling.rpc import forms
from qinling.rpc import lines
from qinling.rpc import verbs
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

#: Seconds of silence after which the client asks whether the engine lives.
SILENCE_SECONDS = 3
#: Unanswered questions after which a started execution counts as lost.  One
#: may be an engine that is busy, or a machine that paused.
MAX_MISSES = 2


class Road(typing.Protocol):
    """Way to open connections; see :mod:`qinling.rpc.roads`."""

    def open(self) -> tuple[socket.socket, str]:
        """Return a connection, and the name of the engine."""


class Busy(verbs.NotAnswered):
    """The engine has as many executions as allowed."""


class Silent(verbs.NotAnswered):
    """The engine has not read the request, and may read it later."""


class Channel:
    """Requests to one engine, each on a connection of its own."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self._idle: collections.deque[socket.socket] = collections.deque()
        self._opened, self._lock = 0, threading.Lock()
        #: Name of the engine behind the last connection.
        self.owner: str | None = None

    @property
    def busy(self) -> int:
        """Return the number of requests without an answer."""
        return self._opened - len(self._idle)

    def connect(self) -> None:
        """Open a connection for the next request.

        :raises Unavailable: the engine does not listen.
        """
        self._idle.append(self._connect())

    def close(self) -> None:
        """Close the idle connections."""
        # Other threads may take connections meanwhile.
        with contextlib.suppress(IndexError):
            while True:
                self._close(self._idle.pop())

    def exchange(self, request: bytes, method: str) -> bytes:
        """Return the answer to a request.

        :param method: name of the request in metrics and logs.
        :raises QinlingError: the engine refused, as in its own process.
        :raises NotAnswered, Busy: nothing has started.
        :raises Silent: nothing has started yet.
        :raises EngineLost: the engine ended after it started.
        """
        while True:
            connection, is_new = self._send(request)
            try:
                answer = self._receive(connection)
            except (OSError, verbs.NotAnswered, engine_client.EngineLost
                    ) as e:
                self._close(connection)
                # The next engine has another name.
                self.owner = None
                if not isinstance(e, OSError):
                    self._report(method, e)
                    raise
                if is_new:
                    self._report(method, e)
                    raise _unavailable(e)
                continue  # the engine was restarted meanwhile
            self._idle.append(connection)
            break
        kind = answer[:1]
        if kind == forms.RESULT:
            return answer[1:]
        if kind == forms.REFUSED:
            raise Busy(str(forms.decode_error(answer[1:])))
        raise forms.decode_error(answer[1:])

    def call(self, method: str, **arguments: typing.Any) -> typing.Any:
        """Return the answer of a method of the endpoint.

        :raises NotAnswered: the engine does not answer.
        """
        request = forms.encode_call(method, arguments)
        try:
            return json.loads(self.exchange(request, method))
        except engine_client.EngineLost:
            raise verbs.NotAnswered(reason='the engine does not answer.')

    def _report(self, method: str, error: Exception) -> None:
        metrics.rpc_failures.labels(method).inc()
        LOG.warning('Lost the engine during "%s": %s', method, error)

    def _send(self, request: bytes) -> tuple[socket.socket, bool]:
        """Send a request; return the connection, and whether it is new.

        :raises NotAnswered: the engine does not listen.
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
                self._close(connection)
                continue
            return connection, False
        connection = self._connect()
        try:
            connection.sendall(request)
        except OSError as e:
            self._close(connection)
            raise _unavailable(e)
        return connection, True

    def _connect(self) -> socket.socket:
        try:
            connection, self.owner = self._road.open()
            lines.limit_silence(connection, SILENCE_SECONDS)
            lines.sleep_through_marks(connection)
        except OSError as e:
            raise _unavailable(e) from e
        with self._lock:
            self._opened += 1
        return connection

    def _close(self, connection: socket.socket) -> None:
        with self._lock:
            self._opened -= 1
        connection.close()

    def _receive(self, connection: socket.socket) -> bytes:
        """Return an answer, however long the engine works on it.

        :raises OSError: nothing has started.
        """
        is_started, misses = False, 0
        while True:
            try:
                answer = lines.receive(connection, forms.ACCEPTED)
                if answer[:1] == forms.ACCEPTED:
                    is_started, answer = True, answer[1:]
                    if not answer:
                        continue
                if not answer:
                    raise ConnectionError('the connection ended')
                return answer
            except lines.SILENT:
                misses = self._probe(is_started, misses)
            except OSError as e:
                if is_started or isinstance(e, lines.Incomplete):
                    raise engine_client.EngineLost(str(e))
                raise

    def _probe(self, is_started: bool, misses: int) -> int:
        """Return how often in succession the engine has not even greeted.

        :raises Silent: the engine has not started.
        :raises EngineLost: too often.
        """
        try:
            self._road.open()[0].close()
        except OSError as e:
            if not is_started:
                raise Silent(reason=f'the engine is silent ({e}).')
            if misses + 1 >= MAX_MISSES:
                raise engine_client.EngineLost(f'silence, then {e}')
            return misses + 1
        return 0


def _unavailable(error: OSError) -> verbs.NotAnswered:
    return verbs.NotAnswered(
        reason=f'the engine does not listen ({type(error).__name__}).')
