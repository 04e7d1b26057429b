# SPDX-License-Identifier: Apache-2.0
"""Embedded web server.

The module uses private names of cheroot.  ``requirements.txt`` pins cheroot,
and ``tests/unit/api/test_server.py`` fails when the names change.
"""

import logging
import re
import select
import typing
import uuid
from wsgiref import types as wsgi_types

from cheroot import errors
from cheroot import server as cheroot_server
from cheroot import wsgi
from oslo_log import log

from qinling.api import hooks
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds until an idle connection is closed: longer than the timeouts of
#: common load balancers, so that the load balancer closes first.
KEEP_ALIVE_SECONDS = 75
#: Idle connections; with the default of cheroot, 10, most clients of a busy
#: cloud would have to reconnect for each request.
MAX_IDLE_CONNECTIONS = 1000
#: Unread bytes of a body that are discarded to reuse the connection.
MAX_DRAIN_BYTES = 64 * 1024
#: Bytes of a line between chunks, and number of trailer lines.
MAX_LINE_BYTES = MAX_TRAILERS = 1024
LISTEN_BACKLOG = 128
_CHUNK_SIZE = re.compile(rb'([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n')


class _ChunkedBody:
    """Body in chunks of any size.

    The reader of cheroot would hold a whole chunk in memory.
    """

    def __init__(self, stream: typing.Any) -> None:
        self._stream = stream
        self._remaining = 0
        self.ended = False

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes, empty at the end.

        :raises Invalid: the chunks are malformed.
        """
        if not self._remaining and not self.ended:
            self._read_size()
        if self.ended:
            return b''
        data: bytes = self._stream.read(min(size, self._remaining))
        if not data:
            raise _malformed_chunks()
        self._remaining -= len(data)
        if not self._remaining and self._stream.read(2) != b'\r\n':
            raise _malformed_chunks()
        return data

    def _read_size(self) -> None:
        match = _CHUNK_SIZE.fullmatch(self._stream.readline(MAX_LINE_BYTES))
        if match is None:
            raise _malformed_chunks()
        self._remaining = int(match[1], 16)
        if self._remaining:
            return
        for _ in range(MAX_TRAILERS):
            if self._stream.readline(MAX_LINE_BYTES) == b'\r\n':
                self.ended = True
                return
        raise _malformed_chunks()


def _malformed_chunks() -> exception.Invalid:
    return exception.Invalid('The chunks of the request body are not valid.')


class _Gateway(wsgi.Gateway_10):
    def __init__(self, req: typing.Any) -> None:
        if req.chunked_read:
            req.rfile = _ChunkedBody(req.conn.rfile)
        super().__init__(req)


class _Request(cheroot_server.HTTPRequest):
    """Request with JSON answers also for errors of the server itself.

    The connection closes when a large part of a rejected body is unread:
    reading the rest would cost memory and time, and the unread rest would
    become the next request.
    """

    def send_headers(self) -> None:
        """Send the headers, and close the connection if necessary."""
        if self.chunked_read:
            self.close_connection |= not self.rfile.ended
        elif getattr(self.rfile, 'remaining', 0) > MAX_DRAIN_BYTES:
            self.close_connection = True
        super().send_headers()

    def simple_response(self, status: int | str, msg: str = '') -> None:
        """Send an error answer of the server."""
        status = str(status)
        body = hooks.encode_fault(int(status[:3]), msg or status[4:])
        head = [f'{self.server.protocol} {status}\r\n',
                f'Content-Length: {len(body)}\r\n',
                'Content-Type: application/json\r\n',
                f'X-Openstack-Request-Id: req-{uuid.uuid4()}\r\n',
                'Connection: close\r\n', '\r\n']
        self.close_connection = True
        try:
            self.conn.wfile.write(''.join(head).encode('latin-1') + body)
        except OSError as e:
            if e.args[0] not in errors.socket_errors_to_ignore:
                raise


class _Connection(cheroot_server.HTTPConnection):
    RequestHandlerClass = _Request


class _Server(wsgi.Server):
    #: Private attribute of cheroot.
    _connections: typing.Any

    def error_log(self, msg: str = '', level: int = logging.INFO,
                  traceback: bool = False) -> None:
        """Write a message of cheroot to the log of the service."""
        LOG.log(level, '%s', msg, exc_info=traceback)

    def stop(self) -> None:
        """Answer all connected clients, then stop.

        cheroot would close the socket with connections in the backlog.  A
        client cannot distinguish such a reset from a crash, but may safely
        retry a refused connection elsewhere.
        """
        if self.ready:
            self.keep_alive_conn_limit = 0
            self._connections.stop()
            while select.select([self.socket], [], [], 0)[0]:
                connection = self._connections._from_server_socket(
                    self.socket)
                if connection is not None:
                    self.process_conn(connection)
            self.socket.close()
            self.socket = None
        super().stop()


class Server:
    """Threaded web server for a WSGI application.

    :param port: 0 selects a free port; see :attr:`url`.
    :param stop_timeout: seconds that :meth:`stop` waits for requests.
    """

    def __init__(self, app: wsgi_types.WSGIApplication, host: str, port: int,
                 threads: int, stop_timeout: int) -> None:
        self._server = _Server(
            (host, port), app, numthreads=threads, server_name='qinling',
            shutdown_timeout=stop_timeout,
            request_queue_size=LISTEN_BACKLOG, timeout=KEEP_ALIVE_SECONDS)
        self._server.ConnectionClass = _Connection
        self._server.gateway = _Gateway
        self._server.keep_alive_conn_limit = MAX_IDLE_CONNECTIONS
        self._server.prepare()

    @property
    def url(self) -> str:
        """Return the URL of the server."""
        host, port = self._server.bind_addr[:2]
        if ':' in host:
            host = f'[{host}]'
        return f'http://{host}:{port}'

    def serve(self) -> None:
        """Serve until :meth:`stop` is called."""
        self._server.serve()

    def stop(self) -> None:
        """Accept no further requests, and wait for requests in progress."""
        self._server.stop()
