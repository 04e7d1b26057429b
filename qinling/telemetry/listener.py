# SPDX-License-Identifier: Apache-2.0
"""Web server for operators: ``/metrics`` and ``/healthcheck``."""

from collections.abc import Iterable
from collections.abc import Sequence
import threading
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_log import log

from qinling.telemetry import health
from qinling.telemetry import metrics
from qinling.web import server as server_module

LOG = log.getLogger(__name__)

THREADS = 2
STOP_TIMEOUT_SECONDS = 1


class Listener:
    """Web server from construction until :meth:`close`.

    An unusable port is logged: the service for users continues.

    :param port: ``None`` for no server, 0 for a free port; see
        :attr:`port`.
    :param collectors: further metrics, computed at each request.
    """

    def __init__(self, conf: cfg.ConfigOpts, port: int | None,
                 checks: health.Checks, *collectors: metrics.GaugeCollector
                 ) -> None:
        self._server: server_module.Server | None = None
        self.port: int | None = None
        if port is None:
            return
        apps: list[tuple[str, wsgi_types.WSGIApplication]] = [
            ('/metrics', metrics.create_app(*collectors)),
            (health.PATH, health.Health(conf, checks))]
        # Each of several processes has the metrics of all, so any process
        # may answer.
        try:
            server = server_module.Server(
                _PathDispatcher(apps), server_module.listen(
                    conf.metrics.host, port,
                    reuse_port=metrics.is_multiprocess() and port != 0),
                THREADS, STOP_TIMEOUT_SECONDS)
        except OSError as e:
            LOG.error('Could not serve metrics at %s port %s: %s',
                      conf.metrics.host, port, e)
            return
        self._server = server
        self.port = server.port
        self._thread = threading.Thread(
            target=server.serve, name='metrics', daemon=True)
        self._thread.start()
        LOG.info('Serving metrics at %s port %s.', conf.metrics.host,
                 self.port)

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.stop()
            self._thread.join()


class _PathDispatcher:
    """WSGI application that selects an application by the path."""

    def __init__(self, apps: Sequence[
            tuple[str, wsgi_types.WSGIApplication]]) -> None:
        self._apps = apps

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        path = environ['PATH_INFO']
        for prefix, app in self._apps:
            if path == prefix or path.startswith(prefix + '/'):
                return app(environ, start_response)
        return health.send_not_found(environ, start_response)
