# SPDX-License-Identifier: Apache-2.0
"""What is seen of every request from outside: its id, how long it took, what
was done with it, and whether the process is well."""

import re
import time
import uuid

from oslo_log import log

from qinling.api import hooks
from qinling.telemetry import health as health_module
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

#: Ids that another service may give to what a request is a part of.
_GLOBAL = re.compile(r'req-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}'
                     r'-[0-9A-Fa-f]{12}')
_TRACE = re.compile('[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}')
HEADER = 'X-Openstack-Request-Id'
ID, GLOBAL_ID = 'openstack.request_id', 'openstack.global_request_id'
TRACE = 'qinling.traceparent'


class Observer:
    """The outermost application.

    :param health: a :class:`qinling.telemetry.health.Health`.
    :param audit: a :class:`qinling.api.audit.Audit`, or ``None``.
    :param tracer: a :class:`qinling.telemetry.tracing.Tracer`, or ``None``.
    """

    def __init__(self, app, health, audit=None, tracer=None):
        self._app = app
        self._health = health
        self._audit = audit
        self._tracer = tracer
        self._durations = {}

    def __call__(self, environ, start_response):
        if environ.get('PATH_INFO', '').startswith(health_module.PATH):
            return self._health(environ, start_response)
        begin = time.perf_counter()
        seen = []
        id = identify(environ)

        def start(status, headers, exc_info=None):
            seen.append(status)
            return start_response(
                status, [*headers, (HEADER, id)], exc_info)
        if self._tracer is None:
            answer = self._answer(environ, start)
        else:
            with self._tracer.request(environ, TRACE) as span:
                answer = self._answer(environ, start)
                self._tracer.answered(
                    span, environ.get('qinling.route'), seen[0])
        self._note(environ, seen[0][:3], time.perf_counter() - begin)
        return answer

    def _answer(self, environ, start):
        """The last resort: what fails outside of Pecan's reach is JSON,
        too."""
        try:
            return self._app(environ, start)
        except Exception as e:
            return hooks.response(e)(environ, start)

    def _note(self, environ, status, duration):
        route = environ.get('qinling.route')
        key = environ['REQUEST_METHOD'], route and route.path, status
        bound = self._durations.get(key)
        if bound is None:
            # Any word may be a method where there is no route.
            method, path = key[:2] if route else ('', '')
            bound = metrics.requests.labels(method, path, status)
            if route:
                self._durations[key] = bound
        bound.observe(duration)
        LOG.debug('%s %s: %s after %.1f ms.', environ['REQUEST_METHOD'],
                  environ.get('PATH_INFO'), status, duration * 1000)
        if self._audit is not None and route is not None:
            self._audit.note(environ, route, int(status))


def identify(environ):
    """The id of a new request, which the environment keeps with those that
    came with it, if they are well formed."""
    id = environ[ID] = f'req-{uuid.uuid4()}'
    for header, pattern, key in (
            ('HTTP_X_OPENSTACK_REQUEST_ID', _GLOBAL, GLOBAL_ID),
            ('HTTP_TRACEPARENT', _TRACE, TRACE)):
        given = environ.get(header)
        environ[key] = given if given and pattern.fullmatch(given) else None
    return id
