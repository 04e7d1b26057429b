# SPDX-License-Identifier: Apache-2.0
"""A small web server beside a service: ``/metrics`` and ``/healthcheck``."""

import threading

from cheroot import wsgi
from oslo_log import log

from qinling.telemetry import health
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)


class Listener:
    """Serves while it is open; does nothing without a port.

    A port that is not to be had is logged: users are served all the same.

    :param port: ``None`` for none, 0 for a free one; see :attr:`port`.
    :param checks: see :class:`~qinling.telemetry.health.Health`.
    :param live: :class:`~qinling.telemetry.metrics.Live` figures.
    """

    def __init__(self, conf, port, checks, *live):
        self._server = self._thread = self.port = None
        if port is None:
            return
        apps = [('/metrics', metrics.application(*live)),
                (health.PATH, health.Health(conf, checks))]
        self._server = wsgi.Server(
            (conf.metrics.host, port), _Paths(apps), numthreads=2,
            server_name='qinling-metrics', shutdown_timeout=1)
        # Any of several processes may answer, since each knows the figures
        # of all of them.
        self._server.reuse_port = metrics.shared() and port != 0
        try:
            self._server.prepare()
        except OSError as e:
            self._server = None
            LOG.error('There are no metrics at %s port %s: %s',
                      conf.metrics.host, port, e)
            return
        self.port = self._server.bind_addr[1]
        self._thread = threading.Thread(
            target=self._server.serve, name='metrics', daemon=True)
        self._thread.start()
        LOG.info('Metrics at %s port %s.', conf.metrics.host, self.port)

    def close(self):
        """Stop serving."""
        if self._server is not None:
            self._server.stop()
            self._thread.join()


class _Paths:
    """One of several applications, by what the path begins with; cheroot's
    own dispatcher would cut that off."""

    def __init__(self, apps):
        self._apps = apps

    def __call__(self, environ, start_response):
        path = environ['PATH_INFO']
        for prefix, app in self._apps:
            if path == prefix or path.startswith(prefix + '/'):
                return app(environ, start_response)
        return health.say(start_response, '404 Not Found')
