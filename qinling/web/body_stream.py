# SPDX-License-Identifier: Apache-2.0
"""Bodies that the application reads while the client sends."""

import select
import time

from qinling import exception
from qinling.web import connection as connection_module
from qinling.web import request as request_module

_deadline = connection_module.transfer_deadline


class BodyStream:
    """Body for reading while the client sends."""

    def __init__(self, connection: connection_module.Connection,
                 request: request_module.Request) -> None:
        self._connection = connection
        self._request = request
        self._started_at = time.monotonic()
        self._rest = b''

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, empty at the end.

        :raises Invalid: the body is malformed or incomplete.
        :raises RequestTimeout: the client sends too slowly.
        """
        if size < 0:
            return b''.join(iter(
                lambda: self.read(connection_module.READ_BYTES), b''))
        if not size:
            return b''
        while not self._rest:
            if self._request.chunks:
                # Many small chunks cost as much as one large chunk.
                self._rest = b''.join(self._request.chunks)
                self._request.chunks.clear()
            elif self._request.is_complete:
                return b''
            else:
                self._receive()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _receive(self) -> None:
        connection, request = self._connection, self._request
        if request.expects_continue:
            request.expects_continue = False
            connection.send_all(connection_module.CONTINUE, time.monotonic()
                                + connection_module.TRANSFER_GRACE_SECONDS)
        data = connection.receive()
        while data is None:
            if not connection.wait(select.POLLIN, _deadline(
                    self._started_at, request.received)):
                raise exception.RequestTimeout()
            data = connection.receive()
        if not data:
            raise exception.Invalid(
                'The connection ended before the request body was complete.')
        connection.feed(data)
        if connection.error is not None and not request.is_complete:
            raise exception.Invalid(str(connection.error))
