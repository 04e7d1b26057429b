# SPDX-License-Identifier: Apache-2.0
"""Minimal HTTP/1.1 server with keep-alive and a thread per connection.

``http.server`` would double the start-up time and the memory of an idle
worker; the agent needs only a few routes, bodies with a Content-Length, and a
secret header.
"""

from __future__ import annotations

import _operator
import select
import socket
import struct
import threading
import time

TYPE_CHECKING = False
# The agent is no package.
if TYPE_CHECKING or __package__:
    from . import agent_outcome
else:
    import agent_outcome
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

    Handler = Callable[[bytes | bytearray], 'bytes | StreamedAnswer']

MAX_HEAD_BYTES = 8192  # of request line and headers
MAX_CONNECTIONS = 64
SEND_TIMEOUT_SECONDS = 10  # of a part of a streamed answer
SECRET_TIMEOUT_SECONDS = 30  # until a connection must send the secret
CHUNK_BYTES = 65536
DRAIN_SECONDS = 5  # in which a draining agent still answers idle clients

REASONS = {200: 'OK', 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found',
           409: 'Conflict', 411: 'Length Required', 413: 'Content Too Large',
           431: 'Request Header Fields Too Large',
           500: 'Internal Server Error', 501: 'Not Implemented',
           503: 'Service Unavailable'}

STREAM_HEAD = (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'
               b'Content-Type: application/x-ndjson\r\n\r\n')

# The implementation of hmac.compare_digest, without the OpenSSL of "hmac".
is_same_text = _operator._compare_digest  # type: ignore[attr-defined]


class RequestError(Exception):
    """Error answer: HTTP ``status`` and a sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class LineSender:
    """Sender of the lines of an answer; silent when the client has left."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.is_broken = False

    def send_line(self, line: bytes) -> None:
        """Send a line without a line feed."""
        self.send(b'%x\r\n%b\n\r\n' % (len(line) + 1, line))

    def send(self, data: bytes) -> None:
        """Send the head, a chunk or the end of the answer."""
        if not self.is_broken:
            try:
                self._connection.sendall(data)
            except OSError:
                self.is_broken = True


class StreamedAnswer:
    """Answer 200 of several lines.

    :param run: receives the sender of the lines, and returns the last line.
    """

    def __init__(self, run: Callable[[LineSender], bytes]) -> None:
        self.run = run


class Server:
    """Server of routes for clients with the secret.

    :param listener: listening socket.
    :param secret: value of the header X-Qinling-Secret.
    :param routes: ``{(method, path): handler}`` with bytes as keys; a handler
        takes the body and returns the body of a 200 answer, or a
        :class:`StreamedAnswer`, or raises :class:`RequestError`.
    :param max_body: maximum number of bytes of a body.
    """

    def __init__(self, listener: socket.socket, secret: str,
                 routes: Mapping[tuple[bytes, bytes], Handler],
                 max_body: int) -> None:
        self.listener = listener
        self.secret = secret.encode()
        self.routes = routes
        self.max_body = max_body
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        #: number of connections with the secret
        self._clients = 0
        self._changed = threading.Condition()

    def serve(self, lifeline: int | None = None) -> None:
        """Accept connections until an event on the lifeline.

        :param lifeline: file descriptor whose other end closes with the death
            of the service.
        """
        poller = select.poll()
        poller.register(self.listener, select.POLLIN)
        if lifeline is not None:
            poller.register(lifeline, select.POLLIN)
        while True:
            for number, _event in poller.poll():
                if number == lifeline:
                    return
                self._accept()

    def count_clients(self, change: int) -> None:
        """Count a client that proved itself, or that left."""
        with self._changed:
            self._clients += change
            self._changed.notify_all()

    def wait_for_clients(self, is_busy: Callable[[], bool]) -> None:
        """Wait until the clients have left.

        Clients keep connections.  An idle client only learns from an answer
        that the agent drains, so the agent stays for a while.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        with self._changed:
            while self._clients:
                if is_busy():
                    deadline = time.monotonic() + DRAIN_SECONDS
                if time.monotonic() >= deadline:
                    return
                self._changed.wait(1)

    def _accept(self) -> None:
        try:
            connection, _peer = self.listener.accept()
        except OSError:
            return  # the client has disconnected
        if not self._free.acquire(blocking=False):
            connection.close()
            return
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            threading.Thread(target=self._serve_connection,
                             args=(connection,), daemon=True).start()
        except RuntimeError:
            connection.close()  # no further thread can start
            self._free.release()

    def _serve_connection(self, connection: socket.socket) -> None:
        client = Connection(self, connection)
        try:
            client.run()
        except OSError:
            pass  # the client has disconnected, or sent no secret in time
        finally:
            connection.close()
            self._free.release()
            if client.is_trusted:
                self.count_clients(-1)


class Connection:
    """Requests of a connection."""

    def __init__(self, server: Server, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._buffer = b''
        self.is_trusted = False
        self._set_timeout(SECRET_TIMEOUT_SECONDS)

    def run(self) -> None:
        """Answer requests until the connection closes."""
        try:
            while True:
                head = self._read_head()
                if head is None:
                    return
                if not self._answer(head):
                    return
        except RequestError as error:
            # The body may be unread, so the connection cannot continue.
            self._reply(error.status, agent_outcome.render_error(error.reason))

    def _answer(self, head: bytes) -> bool:
        """Answer a request, and return whether the connection continues."""
        method, path, headers = parse_head(head)
        self._check_secret(headers.get(b'x-qinling-secret', b''))
        body = self._read_body(method, headers)
        handler = self._server.routes.get((method, path))
        try:
            if handler is None:
                raise RequestError(404, 'There is no such call.')
            answer = handler(body)
            if isinstance(answer, StreamedAnswer):
                self._stream(answer)
                return True
            status, reply = 200, answer
        except RequestError as error:
            status, reply = (error.status,
                             agent_outcome.render_error(error.reason))
        except Exception as error:
            status, reply = 500, agent_outcome.render_error(
                'The agent failed: %r' % error)
        self._reply(status, reply)
        return headers.get(b'connection', b'').lower() != b'close'

    def _stream(self, answer: StreamedAnswer) -> None:
        """Send a streamed answer; its execution outlives the client."""
        connection, lines = self._connection, LineSender(self._connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                              struct.pack('ll', SEND_TIMEOUT_SECONDS, 0))
        lines.send(STREAM_HEAD)
        try:
            # Between values of JSON, a line feed is white space.
            lines.send_line(answer.run(lines).replace(b'\n', b' '))
        except Exception as error:
            lines.send_line(agent_outcome.render_error(
                'The agent failed: %r' % error))
        lines.send(b'0\r\n\r\n')
        if lines.is_broken:
            raise ConnectionError('the client reads too slowly, or left')
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                              struct.pack('ll', 0, 0))

    def _check_secret(self, secret: bytes) -> None:
        if not is_same_text(secret, self._server.secret):
            raise RequestError(403, 'The secret is wrong.')
        if not self.is_trusted:
            self.is_trusted = True
            self._server.count_clients(1)
            self._set_timeout(0)

    def _set_timeout(self, seconds: int) -> None:
        # settimeout() would cost a poll per read.
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                                    struct.pack('ll', seconds, 0))

    def _read_head(self) -> bytes | None:
        """Return request line and headers, ``None`` at the end."""
        while True:
            end = self._buffer.find(b'\r\n\r\n')
            if 0 <= end <= MAX_HEAD_BYTES:
                head = self._buffer[:end]
                self._buffer = self._buffer[end + 4:]
                return head
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise RequestError(431, 'The header is longer than %d bytes.'
                                   % MAX_HEAD_BYTES)
            data = self._connection.recv(CHUNK_BYTES)
            if not data:
                return None
            self._buffer += data

    def _read_body(self, method: bytes, headers: Mapping[bytes, bytes]
                   ) -> bytes | bytearray:
        size = self._parse_body_size(method, headers)
        if len(self._buffer) >= size:
            start, self._buffer = self._buffer[:size], self._buffer[size:]
            return start
        if b'expect' in headers:
            self._connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        body = bytearray(size)
        present = len(self._buffer)
        body[:present] = self._buffer
        self._buffer = b''
        rest = memoryview(body)[present:]
        while rest:
            count = self._connection.recv_into(rest)
            if not count:
                raise ConnectionError('the client left in its body')
            rest = rest[count:]
        return body

    def _parse_body_size(self, method: bytes, headers: Mapping[bytes, bytes]
                         ) -> int:
        if b'transfer-encoding' in headers:
            raise RequestError(501, 'A body needs a Content-Length.')
        text = headers.get(b'content-length')
        if text is None:
            if method == b'GET':
                return 0
            raise RequestError(411, 'A body needs a Content-Length.')
        if not text.isdigit() or len(text) > 18:
            raise RequestError(400, 'The Content-Length is not a number.')
        if int(text) > self._server.max_body:
            raise RequestError(413, 'The body is longer than %d bytes.'
                               % self._server.max_body)
        return int(text)

    def _reply(self, status: int, body: bytes) -> None:
        head = ('HTTP/1.1 %d %s\r\nContent-Length: %d\r\n'
                'Content-Type: application/json\r\n\r\n'
                % (status, REASONS[status], len(body)))
        self._connection.sendall(head.encode() + body)


def parse_head(head: bytes) -> tuple[bytes, bytes, dict[bytes, bytes]]:
    """Parse request line and headers.

    :returns: ``(method, path, {name: value})`` with lower-case names.
    :raises RequestError: 400, not an HTTP/1.1 request.
    """
    lines = head.split(b'\r\n')
    words = lines[0].split(b' ')
    if len(words) != 3 or words[2] != b'HTTP/1.1':
        raise RequestError(400, 'This is not an HTTP/1.1 request.')
    headers: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b':')
        name = name.lower()
        if not colon or not name or name in headers:
            raise RequestError(400, 'A header is malformed or given twice.')
        headers[name] = value.strip()
    return words[0], words[1], headers
