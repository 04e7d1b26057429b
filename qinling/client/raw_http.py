# SPDX-License-Identifier: Apache-2.0
"""Requests with exactly the given bytes and headers, to any URL."""

from __future__ import annotations

from collections.abc import Iterable
import http.client
import typing
import urllib.parse

from qinling.client import exceptions

#: Headers of one connection, which another connection must not repeat.
HOP_HEADERS = frozenset((
    'connection', 'content-length', 'host', 'keep-alive', 'proxy-connection',
    'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'))
MAX_ANSWER_BYTES = 1 << 20
DEFAULT_TIMEOUT_SECONDS = 30


class Answer(typing.NamedTuple):
    """Status and body of an answer."""

    status: int
    body: bytes


def check_url(url: str) -> urllib.parse.SplitResult:
    """Return the parts of a URL.

    :raises ClientError: if the text is no URL of HTTP.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        is_valid = parts.scheme in ('http', 'https') and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_valid = False
    if not is_valid:
        raise exceptions.ClientError(
            f'{url} is not a URL; write http://HOST:PORT/PATH.')
    return parts


def send(method: str, url: str, headers: Iterable[tuple[str, str]],
         body: bytes, timeout: float = DEFAULT_TIMEOUT_SECONDS) -> Answer:
    """Send a request, and return the answer.

    :param headers: (name, value), also repeated names; those of one
        connection are left out.
    :raises ClientError: if there is no answer.
    """
    parts = check_url(url)
    kind = (http.client.HTTPSConnection if parts.scheme == 'https'
            else http.client.HTTPConnection)
    connection = kind(parts.hostname or '', parts.port, timeout=timeout)
    target = urllib.parse.urlunsplit(('', '', parts.path or '/', parts.query,
                                      ''))
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in HOP_HEADERS:
                connection.putheader(name, value.encode('latin-1', 'replace'))
        connection.putheader('Content-Length', str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        return Answer(response.status, response.read(MAX_ANSWER_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as e:
        raise exceptions.ClientError(f'No answer from {url}: {e}')
    finally:
        connection.close()
