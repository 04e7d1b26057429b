# SPDX-License-Identifier: Apache-2.0
"""Whether a process is alive and ready, for load balancers and kubelets.

``/healthcheck`` and ``/healthcheck/ready`` run every check;
``/healthcheck/live`` runs none: it says that the process answers at all, so
that a process is not ended for a database that is away.  The answers are
those of oslo.middleware, whose own checks can be added in
``[healthcheck] backends``.
"""

import threading
import time
import types

from oslo_log import log
from oslo_middleware import healthcheck
from oslo_middleware.healthcheck import pluginbase

LOG = log.getLogger(__name__)

PATH = '/healthcheck'
LIVE, READY = PATH + '/live', PATH + '/ready'
#: Seconds for which what a check has found stays good, so that probes of
#: many load balancers are no load.
KEEP = 1
ALIVE = b'{"detailed": false, "reasons": ["process: OK"]}'


class Check:
    """One thing that must be there.

    :param name: what it is called in answers.
    :param action: function that raises when it is not there.
    """

    def __init__(self, name, action):
        self._name = name
        self._action = action
        self._lock = threading.Lock()
        self._result = None
        self._until = 0.0

    def healthcheck(self, _port):
        """The result as oslo.middleware wants it."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._result = self._look()
                self._until = time.monotonic() + KEEP
            return self._result

    def _look(self):
        try:
            self._action()
        except Exception as e:
            # What the error says may name hosts: that is for the log.
            LOG.warning('The %s is not ready: %s', self._name, e)
            return pluginbase.HealthcheckResult(
                available=False, reason=f'{self._name}: not reachable')
        return pluginbase.HealthcheckResult(
            available=True, reason=f'{self._name}: OK')


class _Ready(healthcheck.Healthcheck):
    def __init__(self, conf, checks):
        super().__init__(_nothing, conf)
        self._backends = [*self._backends, *(
            types.SimpleNamespace(obj=check) for check in checks)]


class Health:
    """A WSGI application that answers at :data:`PATH` and below.

    :param checks: what must be there for the process to be ready:
        name -> function that raises when it is not.
    """

    def __init__(self, conf, checks):
        self._ready = _Ready(conf, [
            Check(name, action) for name, action in checks.items()])

    def __call__(self, environ, start_response):
        path = environ.get('PATH_INFO', '').rstrip('/')
        if environ.get('REQUEST_METHOD') not in ('GET', 'HEAD'):
            return say(start_response, '405 Method Not Allowed',
                       ('Allow', 'GET, HEAD'))
        if path == LIVE:
            return say(start_response, '200 OK', body=ALIVE)
        if path not in (PATH, READY):
            return _nothing(environ, start_response)
        environ['HTTP_ACCEPT'] = 'application/json'
        return self._ready(environ, start_response)


def say(start_response, status, *headers, body=b'{}'):
    """A WSGI answer in JSON."""
    start_response(status, [('Content-Type', 'application/json'),
                            ('Content-Length', str(len(body))), *headers])
    return [body]


def _nothing(_environ, start_response):
    """Also for callers whom [healthcheck] lets know nothing."""
    return say(start_response, '404 Not Found')
