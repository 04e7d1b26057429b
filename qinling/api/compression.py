# SPDX-License-Identifier: Apache-2.0
"""Compression of long JSON answers for clients that accept gzip.

Lists and statistics shrink to a tenth.  Answers of functions are never
compressed: their length would say something about secrets next to input of
an attacker.
"""

from collections.abc import Iterable
import gzip
import typing
from wsgiref import types as wsgi_types

from webob import acceptparse

#: Shorter answers fit into few packets anyway.
MIN_BYTES = 4096
#: The fastest level; a higher level saves few bytes more.
LEVEL = 1
#: Start of the paths whose answers functions write.
WEBHOOKS = '/v1/webhooks/'
JSON = 'application/json'

Headers = list[tuple[str, str]]


class Compression:
    """WSGI application that compresses answers of another."""

    def __init__(self, app: wsgi_types.WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        if (environ['REQUEST_METHOD'] != 'GET'
                or not _accepts_gzip(environ)
                or environ['PATH_INFO'].startswith(WEBHOOKS)):
            return self._app(environ, start_response)
        delayed: list[tuple[str, Headers]] = []

        def start(status: str, headers: Headers,
                  exc_info: typing.Any = None) -> typing.Any:
            if exc_info is None and _is_long(status, headers):
                delayed.append((status, headers))
                return None
            return start_response(status, headers, exc_info)
        parts = self._app(environ, start)
        if not delayed:
            return parts
        status, headers = delayed[0]
        try:
            content = gzip.compress(b''.join(parts), LEVEL, mtime=0)
        finally:
            if hasattr(parts, 'close'):
                parts.close()
        start_response(status, [
            *(header for header in headers
              if header[0].lower() != 'content-length'),
            ('Content-Encoding', 'gzip'), ('Vary', 'Accept-Encoding'),
            ('Content-Length', str(len(content)))])
        return [content]


def _accepts_gzip(environ: wsgi_types.WSGIEnvironment) -> bool:
    header: str = environ.get('HTTP_ACCEPT_ENCODING', '')
    return 'gzip' in header and bool(
        acceptparse.create_accept_encoding_header(header).acceptable_offers(
            ['gzip']))


def _is_long(status: str, headers: Headers) -> bool:
    values = {name.lower(): value for name, value in headers}
    return (status.startswith('200')
            and values.get('content-type', '').startswith(JSON)
            and 'content-encoding' not in values
            and int(values.get('content-length', 0)) >= MIN_BYTES)
