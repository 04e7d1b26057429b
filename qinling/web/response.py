# SPDX-License-Identifier: Apache-2.0
"""Answers: heads, errors of the server, and the coding of bodies."""

from collections.abc import Iterable
import email.utils
import json
import time
import typing
import uuid

from qinling import printable

_Headers = list[tuple[str, str]]
#: Characters of the sentence in an error answer, and in the answer 404, which
#: repeats the path.
MAX_LENGTH = 600
MAX_LENGTH_NOT_FOUND = 200
#: Statuses without a body.
_EMPTY = ('204', '304')


def encode_fault(code: int, sentence: str) -> bytes:
    """Return the JSON body of an error answer."""
    return json.dumps({
        'faultcode': 'Client' if code < 500 else 'Server',
        'faultstring': clean_sentence(code, sentence),
        'debuginfo': None}).encode()


def clean_sentence(code: int, sentence: str) -> str:
    """Return the sentence of an error, shortened and escaped.

    The sentence may contain text from outside.
    """
    limit = MAX_LENGTH_NOT_FOUND if code == 404 else MAX_LENGTH
    sentence = printable.shorten(sentence, limit)
    return printable.shorten(printable.escape(sentence), limit)


class _Clock:
    """The Date header, formatted once per second."""

    second = 0
    text = ''

    def format(self) -> str:
        """Return the current time as HTTP writes it."""
        now = int(time.time())
        if now != self.second:
            self.text = email.utils.formatdate(now, usegmt=True)
            self.second = now
        return self.text


_CLOCK = _Clock()


class Response:
    """Answer to one request.

    :param is_http_1_0: the client cannot read chunks.
    :param is_head: the client expects no body.
    :param keep_alive: the connection remains open.
    """

    def __init__(self, is_http_1_0: bool, is_head: bool, keep_alive: bool
                 ) -> None:
        self._is_http_1_0 = is_http_1_0
        self._is_head = is_head
        self.keep_alive = keep_alive
        self.is_chunked = False
        self._status = ''
        self._headers: _Headers = []
        self.is_started = False

    def start(self, status: str, headers: _Headers,
              exc_info: typing.Any = None) -> typing.Callable[[bytes], None]:
        """Set status and headers: ``start_response`` of WSGI."""
        if exc_info is not None and self.is_started:
            raise exc_info[1].with_traceback(exc_info[2])
        self._status, self._headers = status, headers
        return _refuse_write

    @property
    def has_body(self) -> bool:
        """Return whether bytes may follow the head."""
        return not self._is_head and self._status[:3] not in _EMPTY

    def encode_head(self, length: int | None) -> bytes:
        """Return the bytes of the head.

        :param length: bytes of the body if known.
        :raises ValueError: a header contains a line end.
        """
        self.is_started = True
        names = {name.lower() for name, _ in self._headers}
        headers = list(self._headers)
        if 'date' not in names:
            headers.append(('Date', _CLOCK.format()))
        if 'content-length' not in names and self._status[:3] not in _EMPTY:
            headers += self._delimit(length)
        if not self.keep_alive:
            headers.append(('Connection', 'close'))
        elif self._is_http_1_0:
            headers.append(('Connection', 'keep-alive'))
        lines = [f'{name}: {value}' for name, value in headers]
        head = '\r\n'.join((f'HTTP/1.1 {self._status}', *lines, '', ''))
        if head.count('\n') != len(lines) + 2 or (
                head.count('\r') != len(lines) + 2):
            raise ValueError('A header contains a line end.')
        return head.encode('latin-1')

    def _delimit(self, length: int | None) -> _Headers:
        """Return the headers for the end of the body."""
        if length is not None:
            return [('Content-Length', str(length))]
        if self._is_head:
            return []
        if self._is_http_1_0:
            self.keep_alive = False
            return []
        self.is_chunked = True
        return [('Transfer-Encoding', 'chunked')]

    def encode_chunk(self, data: bytes) -> bytes:
        """Return a part of the body as sent."""
        if self.is_chunked:
            return b'%x\r\n%b\r\n' % (len(data), data)
        return data


def _refuse_write(_data: bytes) -> None:
    raise TypeError('The server has no write(); return the body.')


def encode_error(status: str, sentence: str) -> bytes:
    """Return the whole answer to a rejected request."""
    response = Response(False, False, False)
    body = encode_fault(int(status[:3]), sentence)
    headers = [('Content-Type', 'application/json'),
               ('X-Openstack-Request-Id', f'req-{uuid.uuid4()}')]
    if status.startswith('503'):
        headers.append(('Retry-After', '1'))
    response.start(status, headers)
    return response.encode_head(len(body)) + body


def known_body(chunks: Iterable[bytes]) -> bytes | None:
    """Return a body in memory, or ``None`` for a streamed body."""
    if isinstance(chunks, (list, tuple)):
        return chunks[0] if len(chunks) == 1 else b''.join(chunks)
    return None
