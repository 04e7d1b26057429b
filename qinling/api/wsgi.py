# SPDX-License-Identifier: Apache-2.0
"""API for a WSGI server: ``qinling.api.wsgi:application``.

Such a server has no command line for the configuration.
``OS_QINLING_CONFIG_FILES`` names configuration files, separated by ``;``, or
``OS_QINLING_CONFIG_DIR`` names a directory; by default the usual places are
searched.

Such servers import an application once, and fork then.  Processes must not
share connections to the database and the bus, so each process connects at the
first request.
"""

import atexit
from collections.abc import Iterable
from collections.abc import Mapping
import functools
import os
import pathlib
import threading
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_log import log

from qinling.api import app
from qinling.api import audit as audit_module
from qinling.api import identity
from qinling.api.identity import noauth
from qinling import conf as qinling_conf
from qinling.core import services
from qinling.db import revisions
from qinling.db import session
from qinling import log_format
from qinling import message_bus
from qinling.rpc import bus
from qinling.telemetry import health
from qinling.telemetry import listener
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)

FILES, DIRECTORY = 'OS_QINLING_CONFIG_FILES', 'OS_QINLING_CONFIG_DIR'


class Service:
    """API of one process: ``app`` over connections of the process.

    :param strategy: see :func:`qinling.api.app.create_app`.
    :raises ValueError: an option is not valid.
    """

    def __init__(self, conf: cfg.ConfigOpts,
                 strategy: identity.Strategy | None = None) -> None:
        strategy = strategy or identity.load(conf)
        self.db = session.Database(conf)
        revisions.check(self.db)
        self.bus = message_bus.create_transport(conf)
        self.engines = bus.EngineClient(conf, self.bus, self.db)
        self.core = services.create_services(
            conf, self.db, self.engines,
            services.create_backends(conf, self.db))
        self.tracer = tracing.create_tracer(conf, 'qinling-api')
        notifier = message_bus.create_notifier(conf)
        self.audit = audit_module.Audit(notifier) if notifier else None
        checks: health.Checks = {
            'database': self.db.ping,
            'message bus': functools.partial(message_bus.ping, conf)}
        self.app = app.create_app(
            self.core, strategy, health.Health(conf, checks), self.audit,
            self.tracer)
        self.listener = listener.Listener(
            conf, conf.metrics.api_port, checks)

    def flush(self) -> None:
        """Write and send buffered data after the last request.

        The connection to the message bus remains.
        """
        self.listener.close()
        self.core.close()
        self.engines.close()
        if self.audit is not None:
            self.audit.close()
        if self.tracer is not None:
            self.tracer.close()
        self.db.close()

    def close(self) -> None:
        """Flush buffered data and disconnect."""
        self.flush()
        self.bus.cleanup()


def configure(environ: Mapping[str, str]) -> cfg.ConfigOpts:
    """Return the configuration that the environment variables name."""
    files = [name for name in environ.get(FILES, '').split(';') if name]
    directory = environ.get(DIRECTORY)
    if directory:
        files += sorted(map(str, pathlib.Path(directory).glob('*.conf')))
    conf = qinling_conf.load([], files or None, prog='qinling-api')
    log_format.setup(conf)
    return conf


class Application:
    """WSGI application that connects at the first request."""

    def __init__(self) -> None:
        self._reset()
        # A server may fork at any time, also after the first request.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._app: wsgi_types.WSGIApplication | None = None

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        return (self._app or self._connect())(environ, start_response)

    def _connect(self) -> wsgi_types.WSGIApplication:
        with self._lock:
            if self._app is None:
                service = self.create_service()
                atexit.register(_close, service, os.getpid())
                self._app = service.app
            return self._app

    def create_service(self) -> Service:
        """Return the API of this process."""
        conf = configure(os.environ)
        if noauth.is_open_to_network(conf):
            LOG.warning(
                '[api] auth_strategy is noauth: everyone who can reach the '
                'web server has all rights. Set [api] auth_strategy to '
                'http_basic or keystone, or [api] allow_noauth_on_network = '
                'true if only trusted users can reach the web server.')
        return Service(conf)


def _close(service: Service, pid: int) -> None:
    """Close a service in the process that opened the service.

    Children inherit the exit handler.
    """
    if os.getpid() == pid:
        service.close()


application = Application()
