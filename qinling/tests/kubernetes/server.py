# SPDX-License-Identifier: Apache-2.0
"""API server: HTTPS, persistent connections, a thread per connection."""

import contextlib
import http.server
import logging
import socket
import socketserver
import ssl
import struct
import threading
import time
import traceback
import urllib.parse

import orjson

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import routes
from qinling.tests.kubernetes import service as services

LOG = logging.getLogger(__name__)

JSON = 'application/json'
MAX_BODY = 3 << 20  # bytes
MOST_READ = 16 << 20
RESET = struct.pack('ii', 1, 0)


class ConnectionCut(Exception):
    """End of a connection without an answer."""


class Request:
    """Complete request."""

    def __init__(self, handler, body):
        self.method = handler.command
        split = urllib.parse.urlsplit(handler.path)
        self.path = urllib.parse.unquote(split.path)
        self.raw_query = split.query
        self.query = dict(urllib.parse.parse_qsl(
            split.query, keep_blank_values=True))
        self.headers = handler.headers
        self.body = body
        self.user = None

    @property
    def kind(self):
        return (self.headers.get('Content-Type') or JSON).partition(
            ';')[0].strip()

    def json(self, kind=JSON):
        """Return the object of the body.

        :raises ApiError: 400 or 415.
        """
        if self.kind != kind:
            raise errors.unsupported_media([JSON])
        value = services.decode(self.body)
        if kind == JSON and not isinstance(value, dict):
            raise errors.bad_request('the object provided is unrecognized')
        return value


class Handler(http.server.BaseHTTPRequestHandler):
    """Connection of a client."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1
    watching = False
    muted = False

    def setup(self):
        self.raw = self.request
        self.raw.settimeout(self.server.idle_timeout)
        self.request = self.server.context.wrap_socket(
            self.raw.dup(), server_side=True)
        # Later the connection may have broken, which would be told as if
        # there had been no handshake.
        self.certificate = self.request.getpeercert()
        self.server.connections.add(self)
        super().setup()

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        self.server.connections.discard(self)
        with contextlib.suppress(OSError):
            self.request.close()

    def shut(self):
        """End the connection, from any thread."""
        with contextlib.suppress(OSError):
            self.raw.shutdown(socket.SHUT_RDWR)

    def reset(self):
        """End the connection with a reset."""
        self.close_connection = True
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        # The descriptor is closed with the last of those who use it.
        for stream in (self.rfile, self.wfile, self.request, self.raw):
            with contextlib.suppress(OSError):
                stream.close()
        self.wfile = _NullWriter()

    def log_message(self, *_arguments):
        pass

    def handle_request(self):
        call = None
        try:
            request = Request(self, self._body())
            call, target = self._called(request)
            fault = self.server.faults.pop_fault(call)
            self._apply_fault(fault, False)
            status, answer = self._answer(request, call, target)
            self._apply_fault(fault, True)
            call.code = status
            self._send(status, answer, call=call)
        except errors.ApiError as error:
            if call is not None:
                call.code = error.code
            self._send(error.code, error.body(), error.headers)
        except ConnectionCut:
            self.reset()
        except OSError as error:
            LOG.debug('%s %s: %r', self.command, self.path, error)
            self.close_connection = True
        except Exception as error:
            LOG.exception('%s %s', self.command, self.path)
            self.server.troubles.append(traceback.format_exc())
            if self.watching:
                self.reset()
            else:
                self._send(500, errors.internal(repr(error)).body())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_request
    do_DELETE = do_OPTIONS = handle_request

    def _body(self):
        if self.headers.get('Transfer-Encoding'):
            self.close_connection = True
            raise errors.ApiError(411, 'BadRequest', 'Length Required')
        size = int(self.headers.get('Content-Length') or 0)
        if size > MAX_BODY:
            self.close_connection = True
            # A client that is still sending would miss the answer.
            self.rfile.read(min(size, MOST_READ))
            raise errors.ApiError(
                413, 'RequestEntityTooLarge', 'Request entity too large: '
                f'limit is {MAX_BODY}')
        return self.rfile.read(size)

    def _called(self, request):
        """Return the record of a request, and the target."""
        target, trouble = None, None
        try:
            target = routes.parse(request.path)
            verb = request.method.lower()
            if target:
                verb = routes.verb(request.method, target, request.query)
        except errors.ApiError as error:
            trouble, verb = error, request.method.lower()
        call = routes.Call(verb, '', '', '', '', request.path)
        if target:
            call = routes.Call(
                verb, target.resource.group, target.resource.plural,
                target.subresource, target.namespace, target.name)
        call.agent = self.headers.get('User-Agent', '')
        self.server.calls.append(call)
        if trouble:
            call.code = trouble.code
            raise trouble
        return call, target

    def _apply_fault(self, fault, after):
        if fault is None or fault.after != after:
            return
        if fault.action == 'delay':
            self.server.closing.wait(fault.seconds)
        elif fault.action == 'reset':
            raise ConnectionCut
        else:
            raise fault.error

    def _answer(self, request, call, target):
        subject = self.certificate and {
            name: value for part in self.certificate['subject']
            for name, value in part}
        service = self.server.service
        request.user = service.access.user(
            self.headers.get('Authorization'), subject)
        call.user = request.user.name
        if target is None:
            return 200, service.nonresource(request.path)
        routes.allowed(call.verb, target)
        service.access.check(request.user, call.verb, target)
        status, answer = service.answer(request, call.verb, target)
        return status, answer

    def _send(self, status, answer, headers=(), call=None):
        if isinstance(answer, (dict, services.Raw)):
            headers = dict(headers)
            if isinstance(answer, services.Raw):
                headers.update(answer.headers)
                body = answer.body
            else:
                headers['Content-Type'] = JSON
                body = orjson.dumps(answer)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(body)
            self.wfile.flush()
            if call is not None:
                call.sent_bytes += len(body)
        else:
            self._stream(answer, call)

    def _stream(self, events, call):
        """Send the events of a watch."""
        self.watching = True
        self.send_response(200)
        self.send_header('Content-Type', JSON)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        self.wfile.flush()
        for event in events:
            if event is None:
                self._check_alive()
            if event is None or self.muted:
                continue
            line = orjson.dumps(event) + b'\n'
            self.wfile.write(b'%x\r\n%s\r\n' % (len(line), line))
            self.wfile.flush()
            call.sent_bytes += len(line)
        self.wfile.write(b'0\r\n\r\n')
        self.wfile.flush()
        self.watching = False

    def _check_alive(self):
        """Raise an error for a connection closed by the client."""
        self.raw.setblocking(False)
        try:
            if self.raw.recv(1, socket.MSG_PEEK) == b'':
                raise ConnectionResetError
        except BlockingIOError:
            pass
        finally:
            self.raw.settimeout(self.server.idle_timeout)


class _NullWriter:
    closed = False

    def write(self, data):
        return len(data)

    def flush(self):
        pass

    def close(self):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Server at an address.

    :param place: (host, port).
    :param context: an :class:`ssl.SSLContext`.
    :param service: a :class:`.service.Service`.
    :param faults: a :class:`.faults.Faults`.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    idle_timeout = 300  # seconds

    def __init__(self, place, context, service, faults):
        self.context = context
        self.service = service
        self.faults = faults
        self.calls = []
        self.troubles = []
        self.connections = set()
        self.closing = threading.Event()
        super().__init__(place, Handler)

    def start(self):
        threading.Thread(target=self.serve_forever, args=(0.05,),
                         name='api-server', daemon=True).start()

    def stop(self):
        self.closing.set()
        self.shutdown()
        self.server_close()
        self.cut(lambda _connection: True)
        end = time.monotonic() + 5
        while self.connections and time.monotonic() < end:
            time.sleep(0.002)

    def cut(self, selects=lambda connection: connection.watching):
        """End the selected connections, by default the watches."""
        for connection in list(self.connections):
            if selects(connection):
                connection.shut()

    def mute(self):
        """Send nothing on the connections of the present watches."""
        for connection in list(self.connections):
            connection.muted = connection.watching

    def server_bind(self):
        # Without the look-up of a name, which may take long.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, *_arguments):
        """Ignore errors: connections end in all manners in tests."""


def context(authority, certificate):
    """Return the TLS context of the server; client certificates are optional.
    """
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(result)
    authority.configure_trust(result)
    result.verify_mode = ssl.CERT_OPTIONAL
    return result
