# SPDX-License-Identifier: Apache-2.0
"""Health checks for load balancers and kubelets.

``/healthcheck`` and ``/healthcheck/ready`` run every check.
``/healthcheck/live`` runs no check and only proves that the process answers,
so an outage of the database does not restart the process.  The answers are
those of oslo.middleware, with the fields of an error; ``[healthcheck]
backends`` adds checks of oslo.middleware.

The module uses a private name of oslo.middleware, which ``requirements.txt``
pins; ``tests/unit/telemetry/test_health.py`` fails when the name changes.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from concurrent import futures
import dataclasses
import json
import threading
import time
import typing
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_log import log
from oslo_middleware import healthcheck
from oslo_middleware.healthcheck import pluginbase
import webob

from qinling.web import response as web_response

LOG = log.getLogger(__name__)

PATH = '/healthcheck'
LIVE, READY = PATH + '/live', PATH + '/ready'
#: Seconds for which the result of a check stays valid, so that probes of
#: many load balancers cause no load.
RESULT_TTL_SECONDS = 1
#: Seconds for one dependency, so that two that hang cost less than 2 s.
MAX_WAIT_SECONDS = 0.9
LIVE_BODY = b'{"detailed": false, "reasons": ["process: OK"]}'

#: Name of a dependency -> function that raises when the dependency is down.
Checks = Mapping[str, Callable[[], typing.Any]]


class Check:
    """Check of one dependency of the process.

    Each check runs in a thread of its own: a dependency that hangs delays
    neither the answer nor other checks.
    """

    def __init__(self, name: str, action: Callable[[], typing.Any]) -> None:
        self._name = name
        self._action = action
        self._lock = threading.Lock()
        self._result: futures.Future[pluginbase.HealthcheckResult] | None = (
            None)
        self._valid_until = 0.0

    def healthcheck(self, _port: int) -> pluginbase.HealthcheckResult:
        """Return the result; oslo.middleware calls the method."""
        try:
            return self._latest().result(MAX_WAIT_SECONDS)
        except TimeoutError:
            LOG.warning('Could not reach the %s: no answer within %s s',
                        self._name, MAX_WAIT_SECONDS)
            return self._unreachable()

    def _latest(self) -> 'futures.Future[pluginbase.HealthcheckResult]':
        """Return the result of the last run, or of the current one."""
        with self._lock:
            if self._result is None or (
                    self._result.done()
                    and time.monotonic() >= self._valid_until):
                self._result = futures.Future()
                threading.Thread(target=self._run, args=(self._result,),
                                 name='health', daemon=True).start()
            return self._result

    def _run(self, result: 'futures.Future[pluginbase.HealthcheckResult]'
             ) -> None:
        try:
            self._action()
        except Exception as e:
            # The error may name hosts, so only the log contains the error.
            LOG.warning('Could not reach the %s: %s', self._name, e)
            answer = self._unreachable()
        else:
            answer = pluginbase.HealthcheckResult(
                available=True, reason=f'{self._name}: OK')
        self._valid_until = time.monotonic() + RESULT_TTL_SECONDS
        result.set_result(answer)

    def _unreachable(self) -> pluginbase.HealthcheckResult:
        return pluginbase.HealthcheckResult(
            available=False, reason=f'{self._name}: not reachable')


@dataclasses.dataclass(frozen=True)
class _Backend:
    """Check in the form of a stevedore extension."""

    obj: Check


class _Ready(healthcheck.Healthcheck):
    """Application of oslo.middleware with further checks."""

    def __init__(self, conf: cfg.ConfigOpts, checks: Checks) -> None:
        super().__init__(send_not_found, conf)
        self._backends: typing.Any = [*self._backends, *(
            _Backend(Check(name, action))
            for name, action in checks.items())]


class Health:
    """WSGI application at :data:`PATH` and below.

    :param checks: dependencies of a ready process.
    """

    def __init__(self, conf: cfg.ConfigOpts, checks: Checks) -> None:
        self._ready = _Ready(conf, checks)

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '').rstrip('/')
        if environ.get('REQUEST_METHOD') not in ('GET', 'HEAD'):
            body = web_response.encode_fault(
                405, 'Only GET and HEAD are possible here.')
            return _send_json(start_response, '405 Method Not Allowed', body,
                              ('Allow', 'GET, HEAD'))
        if path == LIVE:
            return _send_json(start_response, '200 OK', LIVE_BODY)
        if path not in (PATH, READY):
            return send_not_found(environ, start_response)
        environ['HTTP_ACCEPT'] = 'application/json'
        response = webob.Request(environ).get_response(self._ready)
        if response.status_int == 503 and response.body:
            _add_fault(response)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer


def _add_fault(response: webob.Response) -> None:
    """Add the fields of an error to the answer of oslo.middleware."""
    reasons = ', '.join(response.json['reasons'])
    response.json = {**response.json, **json.loads(web_response.encode_fault(
        503, f'The process is not ready: {reasons}.'))}


def _send_json(start_response: wsgi_types.StartResponse, status: str,
               body: bytes, *headers: tuple[str, str]) -> Iterable[bytes]:
    start_response(status, [('Content-Type', 'application/json'),
                            ('Content-Length', str(len(body))), *headers])
    return [body]


def send_not_found(_environ: wsgi_types.WSGIEnvironment,
                   start_response: wsgi_types.StartResponse
                   ) -> Iterable[bytes]:
    """Send 404, also to callers outside of ``allowed_source_ranges``."""
    body = web_response.encode_fault(404, 'There is nothing at this path.')
    return _send_json(start_response, '404 Not Found', body)
