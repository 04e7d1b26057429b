# SPDX-License-Identifier: Apache-2.0
"""The embedded web server."""

import logging
import re
import select
import uuid

from cheroot import errors
from cheroot import server as cheroot_server
from cheroot import wsgi
from oslo_log import log

from qinling.api import hooks
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds that an idle connection is kept: longer than common load
#: balancers keep theirs, so that they close first.
KEEP_ALIVE = 75
#: Idle connections that are kept; cheroot's own limit of 10 makes clients of
#: a busy cloud connect anew for nearly every request.
KEPT = 1000
#: Bytes of a body that are read to keep a connection when no one wants them.
LINGER = 64 * 1024
#: Bytes of a line between chunks.
LINE = 1024
_SIZE = re.compile(rb'([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n')


class _Chunks:
    """A body that comes in chunks, each of which may be as large as it
    likes: cheroot's own reader has a chunk in memory as a whole."""

    def __init__(self, stream):
        self._stream = stream
        self._left = 0
        self.ended = False

    def read(self, size):
        """At most so many bytes; none at the end."""
        if not self._left and not self.ended:
            self._begin()
        if self.ended:
            return b''
        data = self._stream.read(min(size, self._left))
        if not data:
            raise _badly_chunked()
        self._left -= len(data)
        if not self._left and self._stream.read(2) != b'\r\n':
            raise _badly_chunked()
        return data

    def _begin(self):
        found = _SIZE.fullmatch(self._stream.readline(LINE))
        if found is None:
            raise _badly_chunked()
        self._left = int(found[1], 16)
        if self._left:
            return
        for _ in range(LINE):
            if self._stream.readline(LINE) == b'\r\n':
                self.ended = True
                return
        raise _badly_chunked()


def _badly_chunked():
    return exception.Invalid('The chunks of the request body are not valid.')


class _Gateway(wsgi.Gateway_10):
    def __init__(self, req):
        if req.chunked_read:
            req.rfile = _Chunks(req.conn.rfile)
        super().__init__(req)


class _Request(cheroot_server.HTTPRequest):
    """A request whose errors, made by the server itself before the
    application sees anything, are JSON like all others.

    A connection ends when much is left of a body that was refused: to read
    it would take memory and time, and not to read it would make the rest of
    it the next request.
    """

    def send_headers(self):
        if self.chunked_read:
            self.close_connection |= not self.rfile.ended
        elif getattr(self.rfile, 'remaining', 0) > LINGER:
            self.close_connection = True
        super().send_headers()

    def simple_response(self, status, msg=''):
        status = str(status)
        body = hooks.fault(int(status[:3]), msg or status[4:])
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
    def stop(self):
        """Stop as cheroot does, but answer those who have connected: it
        would close the door with them before it, which a client cannot tell
        from a crash, while he may safely go elsewhere when he is refused.
        """
        if self.ready:
            self.keep_alive_conn_limit = 0
            self._connections.stop()
            while select.select([self.socket], [], [], 0)[0]:
                made = self._connections._from_server_socket(self.socket)
                if made is not None:
                    self.process_conn(made)
            self.socket.close()
            self.socket = None
        super().stop()


def _log(message='', level=logging.INFO, traceback=False):
    LOG.log(level, '%s', message, exc_info=traceback)


class Server:
    """Serves an application with threads.

    :param port: 0 takes a free one; see :attr:`url`.
    :param patience: seconds that :meth:`stop` waits for requests.
    """

    def __init__(self, app, host, port, threads, patience):
        self._server = _Server(
            (host, port), app, numthreads=threads, server_name='qinling',
            shutdown_timeout=patience, request_queue_size=128,
            timeout=KEEP_ALIVE)
        self._server.ConnectionClass = _Connection
        self._server.gateway = _Gateway
        self._server.error_log = _log
        self._server.keep_alive_conn_limit = KEPT
        self._server.prepare()

    @property
    def url(self):
        """Where it serves."""
        host, port = self._server.bind_addr[:2]
        if ':' in host:
            host = f'[{host}]'
        return f'http://{host}:{port}'

    def serve(self):
        """Serve until :meth:`stop` is called."""
        self._server.serve()

    def stop(self):
        """Take no more requests, and wait for those in progress."""
        self._server.stop()
