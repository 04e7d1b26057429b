# SPDX-License-Identifier: Apache-2.0
"""Threaded web server.

All threads wait at one ``epoll``.  The kernel wakes one thread, which reads,
serves and answers a request and then gives the connection back.  A request
never changes the thread, and a silent connection occupies no thread.
"""

from collections.abc import Iterable
import contextlib
import socket
import threading
import time
import typing
from wsgiref import types as wsgi_types

from oslo_log import log

from qinling.web import body_stream
from qinling.web import connection as connection_module
from qinling.web import poller as poller_module
from qinling.web import request as request_module
from qinling.web import response as response_module
from qinling.web import sharing

LOG = log.getLogger(__name__)

#: Seconds between two checks of deadlines.
SWEEP_SECONDS = 1
#: Seconds that a stopping server keeps idle connections, for late requests.
LAME_DUCK_SECONDS = 0.3
#: Milliseconds that a thread waits for the next request of a prompt client,
#: and the share of such threads.  A change of the thread would cost more.
STAY_MS, STAY_SHARE = 1, 0.5
#: Bytes of a body that are discarded to reuse the connection.
MAX_DRAIN_BYTES = 64 * 1024
listen = poller_module.listen


class Server:
    """Web server.

    :param app: WSGI application.
    :param listener: see :func:`listen`.
    :param threads: number of requests served at the same time.
    :param stop_timeout: seconds that :meth:`stop` waits for requests.
    :param outbox: processes that serve further connections.
    """

    def __init__(self, app: wsgi_types.WSGIApplication,
                 listener: socket.socket | sharing.Inbox, threads: int,
                 stop_timeout: float, outbox: sharing.Outbox | None = None
                 ) -> None:
        self._app = app
        self._poller = poller_module.Poller(listener, outbox)
        host, self.port = self._poller.address
        self.url = f'http://{f"[{host}]" if ":" in host else host}:{self.port}'
        self._stop_timeout = stop_timeout
        self._environ = dict(SERVER_SOFTWARE='qinling', SERVER_NAME=host,
                             SERVER_PORT=str(self.port))
        #: Half of the threads may read bodies.
        self._body_readers = threading.BoundedSemaphore(max(1, threads // 2))
        self._staying: set[connection_module.Connection] = set()
        self._max_staying = int(threads * STAY_SHARE)
        self._is_stopping = False
        self._start_lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f'http-{number}',
                             daemon=True) for number in range(threads)]

    def serve(self) -> None:
        """Serve until :meth:`stop` is called."""
        with self._start_lock:
            if self._is_stopping:
                return
            for thread in self._threads:
                thread.start()
        while not self._stopped.wait(SWEEP_SECONDS):
            for connection in self._poller.take_expired(time.monotonic()):
                _expire(connection)
                self._poller.close(connection)

    def stop(self) -> None:
        """Answer all connected clients, then stop.

        Clients may safely retry a refused connection elsewhere, but not a
        connection after a reset.
        """
        with self._start_lock:
            if self._is_stopping:
                return
            self._is_stopping = True
        self._poller.stop_listening()
        deadline = time.monotonic() + self._stop_timeout
        if self._threads[0].ident is not None:
            self._wait_for_clients(deadline)
        self._stopped.set()
        self._poller.wake_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0, deadline - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._poller.close_all()

    def _wait_for_clients(self, deadline: float) -> None:
        """Wait until each connection has ended; close idle connections."""
        lame_duck = time.monotonic() + LAME_DUCK_SECONDS
        while (now := time.monotonic()) < deadline:
            if now >= lame_duck:
                self._poller.close_idle()
            if self._poller.is_empty(LAME_DUCK_SECONDS):
                return

    def _work(self) -> None:
        while (descriptor := self._poller.poll()) is not None:
            self._serve_event(descriptor)

    def _serve_event(self, descriptor: int) -> None:
        connection = self._poller.take(descriptor)
        if connection is None:
            return
        try:
            while self._advance(connection) and self._stay(connection):
                pass
            if connection.is_finished:
                self._poller.close(connection)
            else:
                self._poller.wait(connection)
        except OSError as e:
            LOG.debug('Closing a connection: %s', e)
            self._poller.close(connection)
        except Exception:
            LOG.exception('Closing a connection after an unexpected error.')
            self._poller.close(connection)

    def _advance(self, connection: connection_module.Connection) -> bool:
        """Read, and serve the complete requests.

        :returns: whether the client has an answer and may send a request.
        """
        if connection.unsent is None:
            self._receive(connection)
        elif not connection.send_unsent():
            return False
        has_answered = False
        while connection.can_answer and connection.requests and (
                connection.requests[0].is_ready):
            self._serve_request(connection, connection.requests.popleft())
            has_answered = True
        if connection.can_answer:
            if connection.error is not None:
                self._reject(connection, connection.error)
            elif connection.requests:
                _continue(connection)
        return has_answered and connection.is_idle

    def _stay(self, connection: connection_module.Connection) -> bool:
        """Wait briefly; return whether the client has sent more."""
        if (self._is_stopping or not connection.is_prompt
                or len(self._staying) >= self._max_staying):
            return False
        self._staying.add(connection)
        try:
            connection.is_prompt = connection.has_data(STAY_MS)
        finally:
            self._staying.discard(connection)
        return connection.is_prompt

    def _receive(self, connection: connection_module.Connection) -> None:
        if data := connection.receive():
            connection.feed(data)
        elif data is not None:
            connection.end()

    def _reject(self, connection: connection_module.Connection,
                error: request_module.HTTPError) -> None:
        connection.requests.clear()
        connection.is_last = True
        connection.send(response_module.encode_error(
            error.status, str(error)))
        connection.linger()

    def _serve_request(self, connection: connection_module.Connection,
                       request: request_module.Request) -> None:
        response = response_module.Response(
            request.version == '1.0', request.method == 'HEAD',
            request.keep_alive)
        try:
            environ = request.create_environ()
        except request_module.HTTPError as e:
            self._reject(connection, e)
            return
        environ.update(self._environ, REMOTE_ADDR=connection.address[0],
                       REMOTE_PORT=str(connection.address[1]))
        environ[connection_module.IS_CONNECTED] = connection.is_connected
        if request.is_complete:
            environ['wsgi.input'] = request.read_buffered()
            self._call(connection, environ, response)
        elif self._body_readers.acquire(blocking=False):
            try:
                environ['wsgi.input'] = body_stream.BodyStream(
                    connection, request)
                self._call(connection, environ, response, request)
            finally:
                self._body_readers.release()
        else:
            self._reject(connection, request_module.HTTPError(
                '503 Service Unavailable',
                'Too many clients send large bodies; try again later.'))

    def _call(self, connection: connection_module.Connection,
              environ: dict[str, typing.Any],
              response: response_module.Response,
              unread: request_module.Request | None = None) -> None:
        """Let the application answer, and send the answer.

        :param unread: the request, if the application reads the body.
        """
        try:
            chunks = self._app(environ, response.start)
        except Exception:
            LOG.exception('The application failed.')
            self._reject(connection, request_module.HTTPError(
                '500 Internal Server Error', 'Internal server error.'))
            return
        response.keep_alive &= not self._is_stopping and (
            unread is None or _drain(connection, unread))
        try:
            _send(connection, response, chunks)
        finally:
            close = getattr(chunks, 'close', None)
            if close is not None:
                close()
        if not response.keep_alive:
            connection.is_last = True
            connection.requests.clear()
        if unread is not None and not unread.is_complete:
            connection.linger()


def _expire(connection: connection_module.Connection) -> None:
    """Answer a client that is too slow."""
    if connection.requests and connection.unsent is None:
        with contextlib.suppress(OSError):  # the client is gone
            connection.send(response_module.encode_error(
                '408 Request Timeout',
                'The request was not complete in time.'))


def _continue(connection: connection_module.Connection) -> None:
    """Ask for the body of a client with ``Expect: 100-continue``."""
    request = connection.requests[0]
    if request.has_head and request.expects_continue:
        request.expects_continue = False
        connection.send(connection_module.CONTINUE)


def _drain(connection: connection_module.Connection,
           request: request_module.Request) -> bool:
    """Discard the small unread rest of a body.

    :returns: whether the connection can be reused.
    """
    size = 0
    while not request.is_complete and size <= MAX_DRAIN_BYTES:
        data = connection.receive()
        if not data or connection.error is not None:
            return False
        size += len(data)
        connection.feed(data)
    return request.is_complete


def _send(connection: connection_module.Connection,
          response: response_module.Response, chunks: Iterable[bytes]
          ) -> None:
    body = response_module.known_body(chunks)
    if body is not None or not response.has_body:
        head = response.encode_head(None if body is None else len(body))
        connection.send(head + body if body and response.has_body else head)
        return
    data, size = response.encode_head(None), 0
    waited_since = started_at = time.monotonic()
    for chunk in chunks:
        # The time of the application is not that of the client.
        started_at += time.monotonic() - waited_since
        if chunk or data:
            # An empty chunk sends the head.
            data += response.encode_chunk(chunk) if chunk else b''
            connection.send_all(data, connection_module.transfer_deadline(
                started_at, size))
            size += len(data)
            data = b''
        waited_since = time.monotonic()
    if response.is_chunked:
        data += b'0\r\n\r\n'
    if data:
        connection.send_all(data, connection_module.transfer_deadline(
            started_at, size))
