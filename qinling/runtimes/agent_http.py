# SPDX-License-Identifier: Apache-2.0
"""A minimal HTTP/1.1 server: kept-alive connections, one thread for each.

``http.server`` and what it imports would double the start-up time and the
memory of an idle worker; the agent needs only a few routes, bodies with a
Content-Length, and one secret header.
"""

import _operator
import select
import socket
import struct
import threading

MAX_HEAD = 8192  # bytes of request line and headers
MAX_CONNECTIONS = 64
STRANGER_TIMEOUT = 30  # seconds until a connection must have shown the secret
CHUNK = 65536

REASONS = {200: 'OK', 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found',
           409: 'Conflict', 411: 'Length Required', 413: 'Content Too Large',
           431: 'Request Header Fields Too Large',
           500: 'Internal Server Error', 501: 'Not Implemented',
           503: 'Service Unavailable'}

# What hmac.compare_digest is, without the OpenSSL that "hmac" imports.
same_text = _operator._compare_digest


class Refused(Exception):
    """A request that is answered with ``status`` and an error sentence."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Server:
    """Serves ``routes`` to those who know the secret.

    :param listener: a listening socket.
    :param secret: what the header X-Qinling-Secret must be.
    :param routes: ``{(method, path): handler}`` with bytes as keys; a handler
        takes the body and returns the bytes of a 200 answer, or raises
        :class:`Refused`.
    :param render_error: makes the body of an error answer from a sentence.
    :param max_body: bytes that a body may have.
    """

    def __init__(self, listener, secret, routes, render_error, max_body):
        self.listener = listener
        self.secret = secret.encode()
        self.routes = routes
        self.render_error = render_error
        self.max_body = max_body
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def serve(self, lifeline=None):
        """Accept connections until anything happens on the file descriptor
        ``lifeline``: whoever holds its other end says nothing, and dies."""
        poller = select.poll()
        poller.register(self.listener, select.POLLIN)
        if lifeline is not None:
            poller.register(lifeline, select.POLLIN)
        while True:
            for number, _event in poller.poll():
                if number == lifeline:
                    return
                self._accept()

    def _accept(self):
        try:
            connection, _peer = self.listener.accept()
        except OSError:
            return  # the client has gone already
        if not self._free.acquire(blocking=False):
            connection.close()
            return
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            threading.Thread(target=self._converse, args=(connection,),
                             daemon=True).start()
        except RuntimeError:
            connection.close()  # there may be no more threads
            self._free.release()

    def _converse(self, connection):
        try:
            Conversation(self, connection).run()
        except OSError:
            pass  # the client has gone, or is silent without the secret
        finally:
            connection.close()
            self._free.release()


class Conversation:
    """The requests of one connection, one after the other."""

    def __init__(self, server, connection):
        self._server = server
        self._connection = connection
        self._buffer = b''
        self._trusted = False
        self._limit_silence(STRANGER_TIMEOUT)

    def run(self):
        try:
            while True:
                head = self._read_head()
                if head is None:
                    return
                if not self._answer(head):
                    return
        except Refused as error:
            # The body may be unread, so the connection cannot go on.
            self._reply(error.status, self._server.render_error(error.reason))

    def _answer(self, head):
        """Answer one request; tells whether another one may follow."""
        method, path, headers = parse_head(head)
        self._check_secret(headers.get(b'x-qinling-secret', b''))
        body = self._read_body(method, headers)
        handler = self._server.routes.get((method, path))
        try:
            if handler is None:
                raise Refused(404, 'There is no such call.')
            status, reply = 200, handler(body)
        except Refused as error:
            status, reply = (error.status,
                             self._server.render_error(error.reason))
        except Exception as error:
            status, reply = 500, self._server.render_error(
                'The agent failed: %r' % error)
        self._reply(status, reply)
        return headers.get(b'connection', b'').lower() != b'close'

    def _check_secret(self, secret):
        if not same_text(secret, self._server.secret):
            raise Refused(403, 'The secret is wrong.')
        if not self._trusted:
            self._trusted = True
            self._limit_silence(0)

    def _limit_silence(self, seconds):
        # Not settimeout(): that costs a poll for each read.
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                                    struct.pack('ll', seconds, 0))

    def _read_head(self):
        while True:
            end = self._buffer.find(b'\r\n\r\n')
            if 0 <= end <= MAX_HEAD:
                head = self._buffer[:end]
                self._buffer = self._buffer[end + 4:]
                return head
            if len(self._buffer) > MAX_HEAD:
                raise Refused(431, 'The header is longer than %d bytes.'
                              % MAX_HEAD)
            data = self._connection.recv(CHUNK)
            if not data:
                return None
            self._buffer += data

    def _read_body(self, method, headers):
        size = self._body_size(method, headers)
        if len(self._buffer) >= size:
            body, self._buffer = self._buffer[:size], self._buffer[size:]
            return body
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

    def _body_size(self, method, headers):
        if b'transfer-encoding' in headers:
            raise Refused(501, 'A body needs a Content-Length.')
        text = headers.get(b'content-length')
        if text is None:
            if method == b'GET':
                return 0
            raise Refused(411, 'A body needs a Content-Length.')
        if not text.isdigit() or len(text) > 18:
            raise Refused(400, 'The Content-Length is not a number.')
        if int(text) > self._server.max_body:
            raise Refused(413, 'The body is longer than %d bytes.'
                          % self._server.max_body)
        return int(text)

    def _reply(self, status, body):
        head = ('HTTP/1.1 %d %s\r\nContent-Length: %d\r\n'
                'Content-Type: application/json\r\n\r\n'
                % (status, REASONS[status], len(body)))
        self._connection.sendall(head.encode() + body)


def parse_head(head):
    """Split request line and headers: ``(method, path, {name: value})`` in
    bytes, names in lower case.

    :raises Refused: 400, it is no HTTP/1.1 request.
    """
    lines = head.split(b'\r\n')
    words = lines[0].split(b' ')
    if len(words) != 3 or words[2] != b'HTTP/1.1':
        raise Refused(400, 'This is not an HTTP/1.1 request.')
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b':')
        name = name.lower()
        if not colon or not name or name in headers:
            raise Refused(400, 'A header is malformed or given twice.')
        headers[name] = value.strip()
    return words[0], words[1], headers
