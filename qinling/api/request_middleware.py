# SPDX-License-Identifier: Apache-2.0
"""Outermost WSGI middleware: request ids, metrics, traces, audit, health."""

from collections.abc import Iterable
import http
import re
import time
import typing
from wsgiref import types as wsgi_types

from oslo_log import log

from qinling.api import audit as audit_module
from qinling.api import hooks
from qinling.db import models
from qinling.telemetry import health as health_module
from qinling.telemetry import metrics
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)

_GLOBAL_ID = re.compile(r'req-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}'
                        r'-[0-9A-Fa-f]{12}')
_TRACEPARENT = re.compile(
    '[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}')
_PREFIX_LENGTH = len(health_module.PATH)
ID_HEADER = 'X-Openstack-Request-Id'
_LOWER_ID_HEADER = ID_HEADER.lower()
#: Statuses with a time series of their own.  Functions choose the statuses of
#: webhooks.
_STATUSES = frozenset(str(status.value) for status in http.HTTPStatus)
#: Keys of the WSGI environment.
ID, GLOBAL_ID = 'openstack.request_id', 'openstack.global_request_id'
TRACEPARENT = 'qinling.traceparent'
#: Status of the route, if the answer has another one.
STATUS = 'qinling.status'


class RequestMiddleware:
    """Outermost WSGI application."""

    def __init__(self, app: wsgi_types.WSGIApplication,
                 health: health_module.Health,
                 audit: audit_module.Audit | None = None,
                 tracer: tracing.Tracer | None = None) -> None:
        self._app = app
        self._health = health
        self._audit = audit
        self._tracer = tracer
        #: (method, route, status) -> child of the metric.
        self._durations: dict[tuple[str, str | None, str],
                              typing.Any] = {}

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        if environ['PATH_INFO'][:_PREFIX_LENGTH] == health_module.PATH:
            return self._health(environ, start_response)
        start_time = time.perf_counter()
        statuses = []
        id = assign_ids(environ)

        def start(status: str, headers: list[tuple[str, str]],
                  exc_info: typing.Any = None) -> typing.Any:
            statuses.append(status)
            headers = [header for header in headers
                       if header[0].lower() != _LOWER_ID_HEADER]
            return start_response(
                status, [*headers, (ID_HEADER, id)], exc_info)
        if self._tracer is None:
            answer = self._answer(environ, start)
        else:
            with self._tracer.trace_request(environ, TRACEPARENT) as span:
                answer = self._answer(environ, start)
                self._tracer.record_response(
                    span, environ.get('qinling.route'), statuses[0])
        self._record(environ, environ.get(STATUS) or statuses[0][:3],
                     time.perf_counter() - start_time)
        return answer

    def _answer(self, environ: wsgi_types.WSGIEnvironment,
                start: typing.Any) -> Iterable[bytes]:
        """Call the application; errors outside of Pecan are JSON, too."""
        try:
            return self._app(environ, start)
        except Exception as e:
            answer: Iterable[bytes] = hooks.create_response(e, environ)(
                environ, start)
            return answer

    def _record(self, environ: wsgi_types.WSGIEnvironment, status: str,
                duration: float) -> None:
        route = environ.get('qinling.route')
        label = status if status in _STATUSES else f'{status[0]}xx'
        key = (environ['REQUEST_METHOD'],
               route.path if route else None, label)
        child = self._durations.get(key)
        if child is None:
            # Clients choose the method of requests without a route.
            method, path = (key[0], route.path) if route else ('', '')
            child = metrics.requests.labels(method, path, label)
            if route:
                self._durations[key] = child
        child.observe(duration)
        LOG.debug('%s %s: %s after %.1f ms.', environ['REQUEST_METHOD'],
                  environ.get('PATH_INFO'), status, duration * 1000)
        if self._audit is not None and route is not None:
            self._audit.record_request(environ, route, int(status))


def assign_ids(environ: wsgi_types.WSGIEnvironment) -> str:
    """Return the id of a new request.

    Store the id and the well-formed ids of the sender in the environment.
    """
    id = environ[ID] = f'req-{models.new_id()}'
    for header, pattern, key in (
            ('HTTP_X_OPENSTACK_REQUEST_ID', _GLOBAL_ID, GLOBAL_ID),
            ('HTTP_TRACEPARENT', _TRACEPARENT, TRACEPARENT)):
        value = environ.get(header)
        environ[key] = value if value and pattern.fullmatch(value) else None
    return id
