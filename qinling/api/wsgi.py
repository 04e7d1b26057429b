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
import time
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_log import log

from qinling.api import app
from qinling.api import audit as audit_module
from qinling.api import hooks
from qinling.api import identity
from qinling.api.identity import noauth
from qinling import conf as qinling_conf
from qinling.core import services
from qinling.db import revisions
from qinling.db import session
from qinling import exception
from qinling import log_format
from qinling import message_bus
from qinling.rpc import bus
from qinling.telemetry import health
from qinling.telemetry import listener
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)

#: Seconds that a request waits for the start by another request.
START_TIMEOUT_SECONDS = 2
#: Seconds between two attempts to start.
RETRY_SECONDS = 2
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
        try:
            self._create_app(conf, strategy)
        except ValueError:
            # A web server repeats the start, and each would leave threads.
            self.engines.close()
            self.db.close()
            # Without a broker, this would block.
            threading.Thread(target=self.bus.cleanup, daemon=True).start()
            raise

    def _create_app(self, conf: cfg.ConfigOpts, strategy: identity.Strategy
                    ) -> None:
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
    """WSGI application that connects at the first request.

    Until a process has connected, requests are answered with 503, and the log
    says what is wrong.
    """

    def __init__(self) -> None:
        self._reset()
        # A server may fork at any time, also after the first request.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._app: wsgi_types.WSGIApplication | None = None
        self._next_try = 0.0  # time.monotonic()

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        app = self._app or self._connect()
        if app is None:
            app = hooks.create_response(exception.Unavailable(
                reason='the API has not started; its log says why.'), environ)
        return app(environ, start_response)

    def _connect(self) -> wsgi_types.WSGIApplication | None:
        if not self._lock.acquire(timeout=START_TIMEOUT_SECONDS):
            return None
        try:
            if self._app is None and time.monotonic() >= self._next_try:
                service = self.create_service()
                atexit.register(_flush, service, os.getpid())
                self._app = service.app
        except (ValueError, cfg.Error, exception.Unavailable) as e:
            LOG.error('The API cannot start: %s', e)
            self._next_try = time.monotonic() + RETRY_SECONDS
        finally:
            self._lock.release()
        return self._app

    def create_service(self) -> Service:
        """Return the API of this process."""
        conf = configure(os.environ)
        # A request, perhaps of a load balancer, waits for an answer.
        conf.set_default('max_retries', 1, group='database')
        if noauth.is_open_to_network(conf):
            LOG.warning(
                '[api] auth_strategy is noauth: everyone who can reach the '
                'web server has all rights. Set [api] auth_strategy to '
                'http_basic or keystone, or [api] allow_noauth_on_network = '
                'true if only trusted users can reach the web server.')
        return Service(conf)


def _flush(service: Service, pid: int) -> None:
    """Flush a service in the process that opened the service.

    Children inherit the exit handler.  The end of the process disconnects
    from the message bus: without a broker, a disconnection blocks.
    """
    if os.getpid() == pid:
        service.flush()


application = Application()
