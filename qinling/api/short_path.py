# SPDX-License-Identifier: Apache-2.0
"""Short path of the busiest routes around Pecan.

Pecan finds a route and builds an answer at 250 calls.  So the middleware calls
the handlers of two routes itself: the creation of an execution has a fixed
path and a JSON answer, the delivery to a webhook one variable, and an answer
of its own.  Checks, handlers and errors are those of every route.
"""

from collections.abc import Iterable
import http
import re
import typing
from wsgiref import types as wsgi_types

import webob
import webob.headers

from qinling.api import hooks
from qinling.api import pecan_patches
from qinling.api import root as root_module
from qinling.core import idempotency

_EXECUTION = ('POST', '/v1/executions')
_DELIVERY = re.compile('/v1/webhooks/([0-9a-f-]{36})/invoke')
_STATUS_LINES = {status.value: f'{status.value} {status.phrase}'
                 for status in http.HTTPStatus}


class _Request:
    """The part of :class:`.pecan_patches.Request` that handlers use."""

    ctx: typing.Any
    idempotent: 'idempotency.IdempotentRequest | None' = None
    preference: str | None = None

    def __init__(self, environ: wsgi_types.WSGIEnvironment) -> None:
        self.environ = environ
        self.limits: typing.Any = None
        pecan_patches.keep_body(environ)
        self.method: str = environ['REQUEST_METHOD']
        self.path: str = environ['PATH_INFO']
        self.query_string: str = environ.get('QUERY_STRING', '')

    @property
    def headers(self) -> webob.headers.EnvironHeaders:
        """Return the headers."""
        return webob.headers.EnvironHeaders(self.environ)

    def arguments(self) -> list[tuple[str, str]]:
        """Return the (key, value) pairs of the query."""
        return pecan_patches.parse_arguments(self.query_string)


class _Response:
    """Status and headers that a handler sets."""

    def __init__(self) -> None:
        self.status_int = 200
        self.headers: dict[str, str] = {}


class ShortPath:
    """WSGI application in front of that of Pecan."""

    def __init__(self, app: wsgi_types.WSGIApplication,
                 root: root_module.Root, hook: hooks.ContextHook) -> None:
        self._app = app
        self._hook = hook
        self._create_execution = root.find_handler('POST', (
            'v1', 'executions'))
        self._deliver = root.find_handler('POST', (
            'v1', 'webhooks', None, 'invoke'))

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        method, path = environ['REQUEST_METHOD'], environ['PATH_INFO']
        if (method, path) == _EXECUTION:
            return self._call(environ, start_response, _Request(environ),
                              self._create_execution)
        if method == 'POST' and (match := _DELIVERY.fullmatch(path)):
            return self._call(environ, start_response,
                              pecan_patches.Request(environ), self._deliver,
                              match[1])
        return self._app(environ, start_response)

    def _call(self, environ: wsgi_types.WSGIEnvironment,
              start_response: wsgi_types.StartResponse, request: typing.Any,
              handler: typing.Any, *subject: str) -> Iterable[bytes]:
        """Return the answer of a handler."""
        response = _Response()
        try:
            self._hook.authorize(request, handler, *subject)
            body: typing.Any = handler(request, response, *subject)
        except Exception as e:
            body = hooks.create_response(e, environ)
        if body.__class__ is not bytes:
            answer: Iterable[bytes] = body(environ, start_response)
            return answer
        start_response(_STATUS_LINES[response.status_int], [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(body))), *response.headers.items()])
        return [body]
