# SPDX-License-Identifier: Apache-2.0
"""Server of an engine for processes that keep connections to the engine.

Each connection has a thread, which runs what the client asks for; clients open
as many connections as they run executions at the same time.
"""

from collections.abc import Callable
import contextlib
import dataclasses
import datetime
import socket
import ssl
import threading
import typing

from oslo_log import log

from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import models
from qinling.rpc import forms
from qinling.rpc import lines
from qinling.rpc import roads
from qinling.rpc import verbs

LOG = log.getLogger(__name__)

BACKLOG = 1024
#: Name of the threads.
THREAD = 'direct'
#: Clients that may prove themselves at the same time.
MAX_STRANGERS = 64
#: Age from which an execution may have been given up by its client.
MAX_AGE = datetime.timedelta(seconds=1)


class Endpoint(typing.Protocol):
    """Receiver of the messages: the verbs of the engine, and this one."""

    def run_message(self, message: records.ExecutionMessage,
                    target: targets.Target) -> outcomes.Ended | None:
        """Run a synchronous execution."""


class Server:
    """Server of one engine on a listening socket.

    :param owner: name of the engine, the first message on each connection.
    :param secret: that clients must know; ``None`` for a Unix socket.
    :param tls: configuration of TLS, ``None`` for plain connections.
    """

    def __init__(self, listener: socket.socket, endpoint: Endpoint,
                 owner: str, secret: str | None = None,
                 tls: ssl.SSLContext | None = None) -> None:
        self._listener = listener
        self._endpoint = endpoint
        self._owner = owner
        self._secret = secret
        self._tls = tls
        #: Connection -> whether a request is running.
        self._connections: dict[socket.socket, bool] = {}
        self._is_leaving = False
        self._ended = threading.Condition()
        self._strangers = threading.Semaphore(MAX_STRANGERS)
        self._thread = threading.Thread(
            target=self._accept, name=THREAD, daemon=True)

    def start(self) -> None:
        """Accept connections from now on."""
        self._thread.start()

    def wait_for_clients(self, timeout: float) -> None:
        """Wait until no client is connected."""
        with self._ended:
            self._ended.wait_for(lambda: not self._connections, timeout)

    def leave(self, timeout: float) -> None:
        """Accept no more requests, and wait for the end of the running ones.

        A request that arrives meanwhile meets the end of the connection
        without :data:`.forms.ACCEPTED`, so that the client asks elsewhere.
        """
        self._close_listener()
        with self._ended:
            self._is_leaving = True
            for connection, is_busy in self._connections.items():
                if not is_busy:
                    _shut_down(connection)
            self._ended.wait_for(lambda: not self._connections, timeout)

    def stop(self) -> None:
        """End all connections; no execution runs any more."""
        self._close_listener()
        for connection in list(self._connections):
            _shut_down(connection)

    def _close_listener(self) -> None:
        _shut_down(self._listener)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # stopped
            while True:
                connection, _ = self._listener.accept()
                if not self._strangers.acquire(blocking=False):
                    connection.close()
                    continue
                threading.Thread(target=self._serve, args=(connection,),
                                 name=THREAD, daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Answer the requests of a connection until its end."""
        try:
            connection = self._greet(connection)
            while request := self._next_request(connection):
                if request[:1] == forms.RUN:
                    connection.sendall(forms.ACCEPTED)
                connection.sendall(self._answer(request))
        except OSError as e:
            LOG.debug('A connection from another process ended: %s', e)
        finally:
            with self._ended:
                self._connections.pop(connection, None)
                self._ended.notify_all()
            connection.close()

    def _greet(self, connection: socket.socket) -> socket.socket:
        """Return a connection to a client that has proved itself."""
        try:
            connection.settimeout(roads.OPEN_SECONDS)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection,
                                                   server_side=True)
            if connection.family != socket.AF_UNIX:
                roads.set_up(connection)
            roads.greet(connection, self._owner, self._secret)
            connection.settimeout(None)
        except OSError as e:
            LOG.info('Refused a connection: %s', e)
            connection.close()
            raise
        finally:
            self._strangers.release()
        with self._ended:
            self._connections[connection] = False
        return connection

    def _next_request(self, connection: socket.socket) -> bytes:
        """Return the next request, nothing at the end."""
        self._connections[connection] = False
        request = b'' if self._is_leaving else lines.receive(connection)
        with self._ended:
            if self._is_leaving:
                return b''
            self._connections[connection] = bool(request)
        return request

    def _answer(self, request: bytes) -> bytes:
        try:
            if request[:1] == forms.RUN:
                message, target = forms.decode_run(request, self._owner)
                if message.unwritten is not None and abs(
                        models.now() - message.unwritten.row.created_at
                        ) > MAX_AGE:
                    message = dataclasses.replace(message, write_first=True)
                return forms.encode_end(
                    self._endpoint.run_message(message, target))
            method, arguments = forms.decode_call(request)
            verb: Callable[..., typing.Any] = getattr(self._endpoint, method)
            return forms.encode_answer(verb({}, **arguments))
        except verbs.NotAnswered as e:
            return forms.encode_error(e, forms.REFUSED)
        except Exception as e:
            return forms.encode_error(e)


def _shut_down(connection: socket.socket) -> None:
    # The method of TLS connections would end the encryption first.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
