# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 connections: parsing, limits and deadlines.

One thread at a time owns a connection.  No thread owns a connection with an
incomplete request, so slow clients cost only memory: at most
:data:`MAX_HEAD_BYTES` and a buffered body.
"""

import collections
import math
import select
import socket
import time
import typing

import httptools

from qinling.web import request as request_module

#: Bytes of one read.
READ_BYTES = 64 * 1024
#: Bytes of the request line and the headers.
MAX_HEAD_BYTES = 64 * 1024
#: Seconds from the first byte of a request to the end of the headers.
HEAD_SECONDS = 10
#: Seconds that a body or an answer may take beside its least rate, and the
#: rate in bytes per second.
TRANSFER_GRACE_SECONDS = 10
MIN_TRANSFER_RATE = 8 * 1024
#: Seconds until an idle connection is closed: longer than the timeouts of
#: common load balancers, so that the load balancer closes first.
KEEP_ALIVE_SECONDS = 75
#: Seconds from an answer to the next request of a prompt client.
PROMPT_SECONDS = 0.002
#: Seconds that a closing connection reads, so that the client can finish
#: sending and reads the answer: a reset would discard the answer.
LINGER_SECONDS = 5
CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'
#: Key of the WSGI environment: returns whether the client is connected.
IS_CONNECTED = 'qinling.is_connected'
_TOO_LARGE = '431 Request Header Fields Too Large'


def transfer_deadline(started_at: float, size: int) -> float:
    """Return the time at which a transfer counts as too slow.

    :param size: transferred bytes.
    """
    return started_at + TRANSFER_GRACE_SECONDS + size / MIN_TRANSFER_RATE


class Connection:
    """Connection to a client.

    :param sock: non-blocking socket.
    """

    def __init__(self, sock: socket.socket, address: typing.Any) -> None:
        self.sock = sock
        self.fileno = sock.fileno()
        self.address = address
        #: Requests in the order of their arrival; the last may be incomplete.
        self.requests: collections.deque[request_module.Request] = (
            collections.deque())
        self.error: request_module.HTTPError | None = None
        #: The client sends no further requests on the connection.
        self.is_last = False
        #: The rest of an answer that the client has not read.
        self.unsent: memoryview | None = None
        self.is_lingering = self._has_ended = False
        self.deadline = math.inf
        #: Whether the client sends the next request soon after an answer.
        self.is_prompt = True
        self._poll: select.poll | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._current = request_module.Request()
        self._head_size = 0

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._current = request_module.Request()
        self._head_size = 0
        self.requests.append(self._current)

    def on_url(self, url: bytes) -> None:
        """Store a piece of the target."""
        self._current.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header or count a trailer."""
        self._current.add_header(name, value or b'')
        if name.lower() == b'expect' and (
                value.strip().lower() == b'100-continue'):
            self._current.expects_continue = True

    def on_headers_complete(self) -> None:
        """Store the length of the body and the version."""
        current, parser = self._current, self._parser
        current.method = parser.get_method().decode('ascii')
        current.version = parser.get_http_version()
        current.keep_alive = parser.should_keep_alive()
        if current.version == '0.9':
            raise request_module.bad_request(
                'The request line names no version of HTTP.')
        if current.version not in request_module.VERSIONS:
            raise request_module.HTTPError(
                '505 HTTP Version Not Supported',
                'The server speaks HTTP/1.1.')
        for name, value in current.headers:
            if name.lower() == b'content-length':
                current.length = int(value)
            elif name.lower() == b'transfer-encoding':
                current.length = None
        if parser.should_upgrade():
            current.keep_alive = False
            if current.method == 'CONNECT':
                raise request_module.HTTPError(
                    '501 Not Implemented',
                    'The server is no proxy, and has no method CONNECT.')
            if current.length != 0:
                raise request_module.HTTPError(
                    '501 Not Implemented',
                    'The server speaks HTTP/1.1 only; send the request '
                    'without an Upgrade header.')
        current.has_head = True

    def on_body(self, data: bytes) -> None:
        """Store a piece of the body."""
        self._current.chunks.append(data)
        self._current.received += len(data)

    def on_message_complete(self) -> None:
        """End a request."""
        self._current.is_complete = True
        self.is_last |= not self._current.keep_alive

    # Operations of the owner.

    def feed(self, data: bytes) -> None:
        """Parse bytes of the client into :attr:`requests`.

        Store an error in :attr:`error`.
        """
        if self.is_last or self.is_lingering or self.error is not None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_last = True
        except httptools.HttpParserCallbackError as e:
            error = e.__context__
            if not isinstance(error, request_module.HTTPError):
                raise
            self.error = error
        except httptools.HttpParserInvalidMethodError:
            self.error = request_module.HTTPError(
                '400 Bad Request', 'The request has no known method.')
        except httptools.HttpParserError as e:
            self.error = request_module.bad_request(
                f'The request is not valid HTTP: {e}.')
        if self.error is None and self.requests and not (
                self._current.has_head):
            self._head_size += len(data)
            if self._head_size > MAX_HEAD_BYTES:
                self.error = request_module.HTTPError(
                    _TOO_LARGE, 'The request line and the headers have more '
                    f'than {MAX_HEAD_BYTES} bytes.')

    def end(self) -> None:
        """Note the end of the bytes of the client."""
        self._has_ended = self.is_last = True
        if self.requests and not self._current.is_complete and (
                self.error is None):
            self.error = request_module.bad_request(
                'The connection ended before the request was complete.')

    @property
    def can_answer(self) -> bool:
        """Return whether the client can receive a further answer."""
        return not self.is_lingering and self.unsent is None

    @property
    def is_finished(self) -> bool:
        """Return whether nothing remains to be sent or read."""
        if self.unsent is not None:
            return False
        return self._has_ended or (
            self.is_last and not self.requests and not self.is_lingering)

    @property
    def is_idle(self) -> bool:
        """Return whether the client may send the next request."""
        return (self.can_answer and not self.requests and not self.is_last
                and self.error is None)

    def has_data(self, milliseconds: int) -> bool:
        """Wait for bytes of the client; return whether there are any."""
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self.fileno, select.POLLIN)
        return bool(self._poll.poll(milliseconds))

    def update_deadline(self) -> None:
        """Set the time to close the connection."""
        now = time.monotonic()
        if self.is_lingering:
            return
        if self.unsent is not None:
            self.deadline = now + TRANSFER_GRACE_SECONDS
        elif not self.requests:
            self.deadline = now + KEEP_ALIVE_SECONDS
        elif not self._current.has_head:
            self.deadline = self._current.started_at + HEAD_SECONDS
        else:
            self.deadline = transfer_deadline(
                self._current.started_at, self._current.received)

    def update_prompt(self) -> None:
        """Notice a client that was silent for a short time only."""
        silent_since = self.deadline - KEEP_ALIVE_SECONDS
        self.is_prompt = time.monotonic() < silent_since + PROMPT_SECONDS

    def linger(self) -> None:
        """Send no further answer, and read until the client ends."""
        if self.unsent is None:
            self.is_lingering = True
            self.deadline = time.monotonic() + LINGER_SECONDS
            self.sock.shutdown(socket.SHUT_WR)

    def send(self, data: bytes) -> None:
        """Send bytes; keep the rest of a slow client in :attr:`unsent`."""
        self.unsent = memoryview(data)[self._try_send(data):] or None

    def send_unsent(self) -> bool:
        """Send more of the rest; return whether it is complete."""
        if self.unsent is not None:
            self.unsent = self.unsent[self._try_send(self.unsent):] or None
        return self.unsent is None

    def _try_send(self, data: bytes | memoryview) -> int:
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0

    def send_all(self, data: bytes, deadline: float) -> None:
        """Send bytes of a streamed answer.

        :raises OSError: the client reads too slowly or is gone.
        """
        view = memoryview(data)
        while view:
            view = view[self._try_send(view):]
            if view and not self.wait(select.POLLOUT, deadline):
                raise TimeoutError('the client reads too slowly')

    def wait(self, event: int, deadline: float) -> bool:
        """Wait for the socket; return ``False`` after the deadline."""
        poll = select.poll()
        poll.register(self.fileno, event)
        timeout = max(0, deadline - time.monotonic())
        return bool(poll.poll(timeout * 1000))

    def is_connected(self) -> bool:
        """Return whether the client has not ended the connection."""
        poll = select.poll()
        poll.register(self.fileno, select.POLLRDHUP)
        return not poll.poll(0)

    def receive(self) -> bytes | None:
        """Return bytes of the client, ``None`` when none has arrived.

        The result is empty when the client has ended the connection.
        """
        try:
            return self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b''
