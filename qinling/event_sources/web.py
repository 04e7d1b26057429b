# SPDX-License-Identifier: Apache-2.0
"""HTTP connection to an address that the guard allows."""

from collections.abc import Mapping
import dataclasses
import http.client
import socket
import ssl
import typing
from urllib import parse

from qinling.event_sources import addresses
from qinling.event_sources import base
from qinling import exception

PORTS = {'http': 80, 'https': 443}
#: Bytes of an answer.
MAX_BYTES = 16 << 20
#: Seconds for each read of an answer.
READ_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Answer:
    """Answer of a server."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """One kept-alive connection to a server; follows no redirects.

    :param url: begins the URL of all requests.
    """

    def __init__(self, url: str, guard: addresses.Guard) -> None:
        self._url = parse.urlsplit(url)
        self._guard = guard
        self._connection: http.client.HTTPConnection | None = None

    def _connect(self) -> http.client.HTTPConnection:
        url = self._url
        if url.scheme not in PORTS or not url.hostname:
            raise exception.TemporaryError(
                'The catalog has an endpoint that is no URL.')
        port = url.port or PORTS[url.scheme]
        address = self._guard.resolve(url.hostname, port)
        connection = http.client.HTTPConnection(address, port)
        plain = socket.create_connection(
            (address, port), base.CONNECT_SECONDS)
        try:
            plain.settimeout(READ_SECONDS)
            connection.sock = (ssl.create_default_context().wrap_socket(
                plain, server_hostname=url.hostname)
                if url.scheme == 'https' else plain)
        except BaseException:
            plain.close()
            raise
        return connection

    def send(self, method: str, path: str, body: bytes | None = None,
             token: str = '') -> Answer:
        """Return the answer to a request.

        :raises TemporaryError: there is no answer, or it is too large.
        """
        is_reused = self._connection is not None
        try:
            try:
                return self._send(method, path, body, token)
            except ConnectionError:
                # The server has closed the idle connection.
                if not is_reused:
                    raise
                self.close()
                return self._send(method, path, body, token)
        except (OSError, http.client.HTTPException, ValueError) as e:
            self.close()
            raise exception.TemporaryError(
                f'{self._url.hostname} cannot be reached: '
                f'{e or type(e).__name__}') from e

    def _send(self, method: str, path: str, body: bytes | None, token: str
              ) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        headers = {'Host': self._url.netloc, 'Accept': 'application/json'}
        if body is not None:
            headers['Content-Type'] = 'application/json'
        if token:
            headers['X-Auth-Token'] = token
        self._connection.request(
            method, self._url.path.rstrip('/') + path, body, headers)
        response = self._connection.getresponse()
        data = response.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError('the answer is too large')
        if response.will_close:
            self.close()
        return Answer(response.status, typing.cast(
            Mapping[str, str], response.headers), data)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
