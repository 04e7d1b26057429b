# SPDX-License-Identifier: Apache-2.0
"""Requests as the parser delivers them."""

import io
import string
import sys
import time
import typing
import urllib.parse

#: Bytes of a body that are read before a thread serves the request.
BUFFERED_BODY_BYTES = 64 * 1024
#: Number of headers, and of trailers.
MAX_HEADERS = 200
#: Versions of HTTP that the server speaks.
VERSIONS = ('1.1', '1.0')
#: Headers that a request may have only once.
SINGLE_HEADERS = frozenset((
    'HTTP_HOST', 'CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTP_AUTHORIZATION',
    'HTTP_X_AUTH_TOKEN', 'HTTP_IDEMPOTENCY_KEY'))
#: Characters of a host name, an address and a port.
_HOST_CHARACTERS = frozenset(
    string.ascii_letters + string.digits + "-._~!$&'()*+,;=%[]:")
#: Keys of headers that WSGI names without a prefix.
_UNPREFIXED = ('CONTENT_TYPE', 'CONTENT_LENGTH')
#: Key of the WSGI environment: (name, value) of each header as sent.
HEADERS = 'qinling.headers'


class HTTPError(Exception):
    """Rejected request.

    :param status: status line of the answer, for instance ``400 Bad
        Request``.
    :param sentence: what was wrong, and what to do.
    """

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def bad_request(sentence: str) -> HTTPError:
    """Return the error for a malformed request."""
    return HTTPError('400 Bad Request', sentence)


class Request:
    """One request; the parser of its connection fills the attributes.

    :ivar chunks: unread bytes of the body.
    :ivar received: bytes of the body so far.
    """

    __slots__ = ('method', 'target', 'version', 'headers', 'has_head',
                 'is_complete', 'chunks', 'received', 'length', 'keep_alive',
                 'expects_continue', 'started_at')

    def __init__(self) -> None:
        self.method = self.version = ''
        self.target = b''
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = self.is_complete = False
        self.chunks: list[bytes] = []
        self.received = 0
        #: Bytes of the body; ``None`` for a body in chunks.
        self.length: int | None = 0
        self.keep_alive = self.expects_continue = False
        self.started_at = time.monotonic()

    @property
    def is_ready(self) -> bool:
        """Return whether a thread should serve the request now.

        A large body is read by the application.
        """
        return self.is_complete or self.has_head and (
            self.received > BUFFERED_BODY_BYTES
            or self.length is not None
            and self.length > BUFFERED_BODY_BYTES)

    def add_header(self, name: bytes, value: bytes) -> None:
        """Add a header, or count a trailer.

        :raises HTTPError: there are too many.
        """
        self.headers.append((name, value))
        if len(self.headers) > MAX_HEADERS:
            raise HTTPError(
                '431 Request Header Fields Too Large',
                f'The request has more than {MAX_HEADERS} headers.')

    def read_buffered(self) -> io.BytesIO:
        """Return the body of a complete request."""
        chunks, self.chunks = self.chunks, []
        return io.BytesIO(chunks[0] if len(chunks) == 1 else b''.join(chunks))

    def create_environ(self) -> dict[str, typing.Any]:
        """Return the WSGI environment without the data of the server.

        :raises HTTPError: RFC 9112 forbids the request.
        """
        headers = [(name.decode('latin-1'), value.decode('latin-1'))
                   for name, value in self.headers]
        path, query = _split_target(self.method, self.target.decode('ascii'))
        environ: dict[str, typing.Any] = {
            'REQUEST_METHOD': self.method, 'SCRIPT_NAME': '',
            'PATH_INFO': path, 'QUERY_STRING': query,
            'SERVER_PROTOCOL': f'HTTP/{self.version}',
            'wsgi.version': (1, 0), 'wsgi.url_scheme': 'http',
            'wsgi.errors': sys.stderr, 'wsgi.multithread': True,
            'wsgi.multiprocess': False, 'wsgi.run_once': False,
            HEADERS: headers}
        for name, value in headers:
            _add_header(environ, name, value)
        self._check(environ)
        return environ

    def _check(self, environ: dict[str, typing.Any]) -> None:
        if self.version == '1.1' and 'HTTP_HOST' not in environ:
            raise bad_request('The request has no Host header.')
        if not _HOST_CHARACTERS.issuperset(environ.get('HTTP_HOST', '')):
            raise bad_request('The Host header is no host name.')
        coding = environ.get('HTTP_TRANSFER_ENCODING')
        if coding is None:
            return
        if self.version == '1.0':
            raise bad_request('HTTP/1.0 has no Transfer-Encoding.')
        if coding.strip().lower() != 'chunked':
            raise HTTPError(
                '501 Not Implemented',
                'The Transfer-Encoding is not supported; send the body '
                'unencoded or in chunks.')


def _add_header(environ: dict[str, typing.Any], name: str, value: str
                ) -> None:
    """Store a header under the key of WSGI.

    Names with underscores are left out: WSGI gives names with hyphens the
    same keys, so a client could forge the header of a proxy.
    """
    if '_' in name:
        return
    key = name.upper().replace('-', '_')
    if key not in _UNPREFIXED:
        key = f'HTTP_{key}'
    if key not in environ:
        environ[key] = value
    elif key in SINGLE_HEADERS:
        raise bad_request(f'The header {name} must not be repeated.')
    else:
        separator = '; ' if key == 'HTTP_COOKIE' else ', '
        environ[key] = f'{environ[key]}{separator}{value}'


def _split_target(method: str, target: str) -> tuple[str, str]:
    """Return path and query of a request target.

    :raises HTTPError: the target is no path.
    """
    if target[:1] != '/' and target != '*':
        try:
            parts = urllib.parse.urlsplit(target)
            has_host = bool(parts.hostname) and parts.port != 0
        except ValueError:
            raise bad_request('The target of the request is not a URL.')
        if method == 'CONNECT' or not parts.scheme or not has_host:
            raise bad_request('The target of the request is not a path.')
        target = (parts.path or '/') + (
            f'?{parts.query}' if parts.query else '')
    path, _, query = target.partition('?')
    if '%' in path:
        path = urllib.parse.unquote_to_bytes(path).decode('latin-1')
    return path, query
