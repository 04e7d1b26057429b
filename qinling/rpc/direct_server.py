# SPDX-License-Identifier: Apache-2.0
"""Server of an engine for processes that keep connections to the engine.

Each connection has a thread, which runs what the client asks for; clients open
as many connections as they run executions at the same time.
"""

from collections.abc import Callable
import contextlib
import socket
import threading
import typing

from oslo_log import log

from qinling.core.execution import records
from qinling.core import targets
from qinling.rpc import forms
from qinling.rpc import lines

LOG = log.getLogger(__name__)

BACKLOG = 1024
#: Name of the threads.
THREAD = 'direct'


class Endpoint(typing.Protocol):
    """Receiver of the messages: the verbs of the engine, and this one."""

    def run_message(self, message: records.ExecutionMessage,
                    target: targets.Target) -> records.Ended | None:
        """Run a synchronous execution."""


class Server:
    """Server of one engine on a listening socket.

    :param owner: name of the engine, the first message on each connection.
    """

    def __init__(self, listener: socket.socket, endpoint: Endpoint,
                 owner: str) -> None:
        self._listener = listener
        self._endpoint = endpoint
        self._owner = owner
        self._connections: set[socket.socket] = set()
        self._ended = threading.Condition()
        self._thread = threading.Thread(
            target=self._accept, name=THREAD, daemon=True)

    def start(self) -> None:
        """Accept connections from now on."""
        self._thread.start()

    def wait_for_clients(self, timeout: float) -> None:
        """Wait until no client is connected."""
        with self._ended:
            self._ended.wait_for(lambda: not self._connections, timeout)

    def stop(self) -> None:
        """End all connections; no execution runs any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # stopped
            while True:
                connection, _ = self._listener.accept()
                self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,),
                                 name=THREAD, daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Answer the requests of a connection until its end."""
        try:
            connection.sendall(self._owner.encode() + lines.END)
            while request := lines.receive(connection):
                connection.sendall(self._answer(request))
        except OSError as e:
            LOG.debug('A connection from another process ended: %s', e)
        finally:
            with self._ended:
                self._connections.discard(connection)
                self._ended.notify_all()
            connection.close()

    def _answer(self, request: bytes) -> bytes:
        try:
            if request[:1] == forms.RUN:
                return forms.encode_end(self._endpoint.run_message(
                    *forms.decode_run(request, self._owner)))
            method, arguments = forms.decode_call(request)
            verb: Callable[..., typing.Any] = getattr(self._endpoint, method)
            return forms.encode_answer(verb({}, **arguments))
        except Exception as e:
            return forms.encode_error(e)
