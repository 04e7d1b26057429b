# SPDX-License-Identifier: Apache-2.0
"""Short path of the busiest route around Pecan.

Pecan finds a route and builds an answer at 250 calls.  The creation of an
execution has a fixed path and a JSON answer, so the middleware calls the
handler of the route itself.  Checks, handler and errors are those of every
route.
"""

from collections.abc import Iterable
import http
import typing
from wsgiref import types as wsgi_types

import webob
import webob.headers

from qinling.api import hooks
from qinling.api import pecan_patches
from qinling.api import root as root_module
from qinling.core import idempotency

_ROUTES = (('POST', ('v1', 'executions')),)
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
        self._handlers = {
            (method, '/' + '/'.join(words)): root.find_handler(method, words)
            for method, words in _ROUTES}

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        handler = self._handlers.get(
            (environ['REQUEST_METHOD'], environ['PATH_INFO']))
        if handler is None:
            return self._app(environ, start_response)
        request, response = _Request(environ), _Response()
        try:
            self._hook.authorize(request, handler)
            body: typing.Any = handler(request, response)
        except Exception as e:
            body = hooks.create_response(e, environ)
        if body.__class__ is not bytes:
            answer: Iterable[bytes] = body(environ, start_response)
            return answer
        start_response(_STATUS_LINES[response.status_int], [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(body))), *response.headers.items()])
        return [body]
