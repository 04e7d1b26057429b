# SPDX-License-Identifier: Apache-2.0
"""The API for a WSGI server: ``qinling.api.wsgi:application``.

A server that has no command line of ours for the configuration names the
files in ``OS_QINLING_CONFIG_FILES`` (with ``;`` between them) or a directory
in ``OS_QINLING_CONFIG_DIR``; else they are searched at the usual places.

Such servers import an application once and fork then.  Connections to the
database and the bus must not be shared by processes, so nothing is opened
before the first request in a process.
"""

import atexit
import os
import pathlib
import threading

from oslo_log import log

from qinling.api import app
from qinling.api import audit as audit_module
from qinling.api import identity
from qinling import conf as qinling_conf
from qinling.core import services
from qinling.db import session
from qinling import rpc
from qinling.telemetry import health
from qinling.telemetry import listener
from qinling.telemetry import tracing

FILES, DIRECTORY = 'OS_QINLING_CONFIG_FILES', 'OS_QINLING_CONFIG_DIR'


class Service:
    """The API of one process: ``app``, over connections of its own.

    :param identify: see :func:`qinling.api.app.make`.
    :raises ValueError: an option is wrong.
    """

    def __init__(self, conf, identify=None):
        identify = identify or identity.load(conf)
        self.db = session.Database(conf)
        self.bus = rpc.transport(conf)
        self.core = services.build(
            conf, self.db, rpc.EngineClient(conf, self.bus, self.db),
            services.code(conf, self.db))
        self.tracer = tracing.make(conf, 'qinling-api')
        notifier = rpc.notifier(conf)
        self.audit = notifier and audit_module.Audit(notifier)
        checks = {'database': self.db.ping,
                  'message bus': lambda: rpc.ping(conf)}
        self.app = app.make(
            self.core, identify, health.Health(conf, checks), self.audit,
            self.tracer)
        self.listener = listener.Listener(
            conf, conf.metrics.api_port, checks)

    def close(self, leave=lambda action: action()):
        """Write and send what is left, when no more requests come.

        :param leave: function that says good-bye to the message bus, by the
            one that it is given.
        """
        self.listener.close()
        self.core.close()
        for each in (self.audit, self.tracer):
            if each is not None:
                each.close()
        self.db.close()
        leave(self.bus.cleanup)


def configure(environ):
    """The configuration that the environment variables name."""
    files = [name for name in environ.get(FILES, '').split(';') if name]
    directory = environ.get(DIRECTORY)
    if directory:
        files += sorted(map(str, pathlib.Path(directory).glob('*.conf')))
    conf = qinling_conf.load([], files or None, prog='qinling-api')
    log.setup(conf, 'qinling')
    return conf


class Application:
    """A WSGI application that becomes itself at the first request.

    :param make: function that returns a :class:`Service`.
    """

    def __init__(self, make):
        self._make = make
        self._renew()
        # A server may fork when this has served already, and at any time.
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self):
        self._lock = threading.Lock()
        self._app = None

    def __call__(self, environ, start_response):
        return (self._app or self._begin())(environ, start_response)

    def _begin(self):
        with self._lock:
            if self._app is None:
                service = self._make()
                atexit.register(_close, service, os.getpid())
                self._app = service.app
        return self._app


def _close(service, pid):
    """At the end of the process that opened it, and not of its children."""
    if os.getpid() == pid:
        service.close()


application = Application(lambda: Service(configure(os.environ)))
