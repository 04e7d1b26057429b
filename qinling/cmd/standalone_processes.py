# SPDX-License-Identifier: Apache-2.0
"""Processes of ``qinling-standalone``.

The main process is API and engine.  With further processes, it accepts the
clients, serves the first ones, and hands the others on; the further processes
reach the engine over a Unix socket in the state directory.  A supervisor
restarts processes that end.
"""

import contextlib
import functools
import os
import pathlib
import socket
import sys
import threading
import time

from alembic import util
from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log
import sqlalchemy

from qinling.api import app
from qinling.api import identity
from qinling.cmd import main_process
from qinling.cmd import process
from qinling.cmd import signals
from qinling.cmd import state_directory
from qinling.cmd import supervisor
from qinling.core import services
from qinling.db import errors
from qinling.db import migration
from qinling.db import queries
from qinling.db import session
from qinling.engine import service
from qinling import exception
from qinling.rpc import direct
from qinling.rpc import direct_server
from qinling.telemetry import health
from qinling.telemetry import listener as listener_module
from qinling.telemetry import metrics
from qinling.telemetry import tracing
from qinling.web import server
from qinling.web import sharing

LOG = log.getLogger(__name__)

_DATABASE_ERRORS = db_exc.DBError, sqlalchemy.exc.DBAPIError

#: Seconds beyond the stop timeouts until processes are killed.
KILL_MARGIN_SECONDS = 20


def _upgrade_schema(conf: cfg.ConfigOpts) -> None:
    """Bring the schema of the database to this release.

    :raises ValueError: the database is damaged, full or too new.
    """
    url = sqlalchemy.make_url(conf.database.connection).render_as_string()
    try:
        db = session.Database(conf)
        migration.upgrade(db)
        db.close()
    except util.CommandError:
        raise ValueError(f'{url} has the schema of a newer release; install '
                         'that release, or restore a backup.')
    except _DATABASE_ERRORS as e:
        raise ValueError(f'{url}: {errors.describe(e)}.')


class Processes:
    """All processes of a standalone server.

    :param listener: socket of the web server.
    :param state: state directory.
    """

    def __init__(self, conf: cfg.ConfigOpts, listener: socket.socket,
                 state: pathlib.Path, strategy: identity.Strategy
                 ) -> None:
        self._conf = conf
        self._listener = listener
        self._state = state
        self._strategy = strategy
        self._is_shared = conf.processes > 1

    def run(self, stop: threading.Event) -> None:
        """Serve until the event, SIGTERM or SIGINT.

        Exit when a process cannot use its configuration.
        """
        process.construct(_upgrade_schema, self._conf)
        if self._is_shared:
            self._supervise(stop)
        else:
            self._run_main(stop)

    def _supervise(self, stop: threading.Event) -> None:
        conf = self._conf
        # A path below an open directory is never too long for a socket.
        directory = os.open(self._state, os.O_RDONLY | os.O_DIRECTORY)
        self._path = f'/proc/self/fd/{directory}/{state_directory.SOCKET}'
        (self._state / state_directory.SOCKET).unlink(missing_ok=True)
        self._engine_listener = socket.socket(socket.AF_UNIX)
        self._engine_listener.bind(self._path)
        self._engine_listener.listen(direct_server.BACKLOG)
        pairs = [sharing.create_pair() for _ in range(conf.processes - 1)]
        self._senders = [sender for sender, _ in pairs]
        roles = [supervisor.Role('main', self._run_main)]
        roles += [supervisor.Role(f'api-{number}', functools.partial(
            self._run_api, receiver))
            for number, (_, receiver) in enumerate(pairs, 1)]
        timeout = max(conf.api.stop_timeout, conf.engine.stop_timeout)
        code = supervisor.Supervisor(
            roles, timeout + KILL_MARGIN_SECONDS).run(
                stop, self._listener.close)
        if code:
            sys.exit(code)

    def _run_main(self, stop: threading.Event) -> None:
        """Run the engine, and serve the API with it."""
        conf = self._conf
        db = process.construct(session.Database, conf,
                               shared=self._is_shared)
        backends = process.construct(services.create_backends, conf, db)
        orchestrator = process.create_orchestrator(
            conf, str(self._state / state_directory.WORKERS))
        tracer = process.construct(tracing.create_tracer, conf, 'qinling')
        engine = service.Engine(conf, db, orchestrator, backends, tracer)
        limit = process.construct(services.create_limit, conf)
        core = process.create_services(conf, db, engine, backends, limit)
        process.register_runtimes(conf, core, orchestrator)
        http = self._create_server(
            core, db, tracer, self._listener,
            sharing.Outbox(self._senders) if self._is_shared else None)
        metrics_listener = listener_module.Listener(
            conf, conf.metrics.api_port, {'database': db.ping},
            metrics.GaugeCollector(engine))
        self._serve(engine, http, main_process.Endpoint(
            engine, self._strategy, limit), stop)
        metrics_listener.close()
        core.close()
        if tracer is not None:
            tracer.close()
        db.close()

    def _create_server(self, core: services.Services, db: session.Database,
                       tracer: tracing.Tracer | None,
                       listener: socket.socket | sharing.Inbox,
                       outbox: sharing.Outbox | None = None
                       ) -> server.Server:
        """Return the web server of a process."""
        conf = self._conf
        with contextlib.suppress(db_exc.DBError, exception.Unavailable):
            db.read(queries.compile_all)
        return server.Server(
            app.create_app(core, self._strategy,
                           health.Health(conf, {'database': db.ping}),
                           tracer=tracer),
            listener, conf.api.threads, conf.api.stop_timeout, outbox)

    def _serve(self, engine: service.Engine, http: server.Server,
               endpoint: main_process.Endpoint, stop: threading.Event
               ) -> None:
        """Run the engine and the web server until the event ``stop``."""
        engine.start_service(alone=True)
        connections = None
        if self._is_shared:
            connections = direct_server.Server(
                self._engine_listener, endpoint, engine.owner)
            connections.start()
        http_thread = threading.Thread(target=http.serve, name='http')
        http_thread.start()
        process.notify_ready(self._conf)
        path = self._state / state_directory.ENDPOINT
        state_directory.write_file(path, http.url + '\n')
        LOG.info('Serving at %s, state in %s.', http.url, self._state)
        signals.wait_for(stop)
        process.notify_systemd('STOPPING=1')
        LOG.info('Stopping.')
        path.unlink(missing_ok=True)
        # Engine and web servers wait for each other.
        engine_thread = threading.Thread(
            target=self._stop_engine, args=(engine, connections),
            name='engine-stop')
        engine_thread.start()
        http.stop()
        http_thread.join()
        engine_thread.join()

    def _stop_engine(self, engine: service.Engine,
                     connections: direct_server.Server | None) -> None:
        deadline = time.monotonic() + self._conf.engine.stop_timeout
        if connections is not None:
            connections.wait_for_clients(self._conf.engine.stop_timeout)
        engine.stop_service(max(0, deadline - time.monotonic()))
        if connections is not None:
            connections.stop()

    def _run_api(self, receiver: socket.socket, stop: threading.Event
                 ) -> None:
        """Serve the clients that the main process hands over."""
        self._engine_listener.close()
        address = self._listener.getsockname()
        self._listener.close()
        conf = self._conf
        db = process.construct(session.Database, conf, shared=True)
        engine = direct.EngineClient(self._path)
        core = process.create_services(
            conf, db, engine,
            process.construct(services.create_backends, conf, db),
            main_process.SharedLimit(engine))
        main_process.share_passwords(engine, self._strategy)
        tracer = process.construct(tracing.create_tracer, conf, 'qinling')
        http = self._create_server(core, db, tracer,
                                   sharing.Inbox(receiver, address))
        http_thread = threading.Thread(target=http.serve, name='http')
        process.handle_reload(conf, notifies=False)
        if _wait_for_engine(engine, stop):
            http_thread.start()
            signals.wait_for(stop)
            http.stop()
            http_thread.join()
        core.close()
        engine.close()
        if tracer is not None:
            tracer.close()
        db.close()


def _wait_for_engine(engine: direct.EngineClient, stop: threading.Event
                     ) -> bool:
    """Wait for the engine; return ``False`` if the event was first."""
    while not stop.is_set():
        try:
            engine.connect()
        except exception.Unavailable as e:
            LOG.debug('Waiting for the engine: %s', e)
        else:
            return True
    return False
