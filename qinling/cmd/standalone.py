# SPDX-License-Identifier: Apache-2.0
"""``qinling-standalone``: API, engine and workers in one process."""

import os
import pathlib
import sys
import threading

from oslo_config import cfg
from oslo_log import log

from qinling.api import app
from qinling.cmd import backup
from qinling.cmd import process
from qinling.cmd import state_directory
from qinling.core import services
from qinling.db import migration
from qinling.db import session
from qinling.engine import service
from qinling.telemetry import health
from qinling.telemetry import listener
from qinling.telemetry import metrics
from qinling.telemetry import tracing
from qinling.web import server

LOG = log.getLogger(__name__)

MIB = 1 << 20


def _default_state_dir() -> str:
    data_home = os.environ.get('XDG_DATA_HOME') or os.path.expanduser(
        '~/.local/share')
    return os.path.join(data_home, 'qinling')


OPTS = [
    cfg.StrOpt('state-dir', default=_default_state_dir(),
               help='Directory for all files of the server: database, '
                    'packages, workers.'),
    cfg.ListOpt('runtimes',
                sample_default='<all languages on this machine>',
                help='Images of the runtimes that are created if no runtime '
                     'exists, for instance python3,nodejs. Each runtime '
                     'has idle workers.'),
    cfg.HostAddressOpt('host', default='127.0.0.1',
                       help='Address to listen on.'),
    cfg.PortOpt('port', default=7070, min=0,
                help='Port to listen on; 0 selects a free port. The file '
                     '"endpoint" in the state directory contains the URL.'),
]


def main() -> None:
    """Serve until SIGTERM or SIGINT; or write or restore a backup."""
    if backup.is_wanted():
        backup.main(sys.argv[1:], _default_state_dir())
        return
    stop = process.create_stop_event()
    conf = process.configure(
        sys.argv[1:], 'qinling-standalone',
        'Qinling on one machine: API, engine and workers. The commands '
        '"backup FILE" and "restore FILE" write and restore the state.', OPTS)
    state = pathlib.Path(conf.state_dir).absolute()
    lock = state_directory.prepare(state)
    database = state / state_directory.DATABASE
    conf.set_default('connection', f'sqlite:///{database}', group='database')
    conf.set_default('file_system_dir', str(state / state_directory.PACKAGES),
                     group='storage')
    conf.set_default('encryption_keys', [state_directory.ensure_key(state)],
                     group='secrets')
    for name, value in list_host_maxima().items():
        conf.set_default(name, value, group='resource_limits')
    _run(conf, state, stop)
    lock.close()


def list_host_maxima() -> dict[str, int]:
    """Return the maximum resources of a function on this machine.

    Half of the memory, all cores, and 15 minutes; at least the maxima of a
    cloud.
    """
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return {'max_memory': max(128 * MIB, memory // 2 // MIB * MIB),
            'max_cpu': max(300, 1000 * (os.cpu_count() or 1)),
            'max_timeout': 900}


def _run(conf: cfg.ConfigOpts, state: pathlib.Path, stop: threading.Event
         ) -> None:
    identify = process.load_identity(conf, conf.host, '--host')
    db = session.Database(conf)
    migration.upgrade(db)
    backends = process.construct(services.create_backends, conf, db)
    workers = state / state_directory.WORKERS
    workers.mkdir(exist_ok=True, mode=0o700)
    orchestrator = process.create_orchestrator(conf, str(workers))
    tracer = process.construct(tracing.create_tracer, conf, 'qinling')
    engine = service.Engine(conf, db, orchestrator, backends, tracer)
    core = process.create_services(conf, db, engine, backends)
    core.runtimes.register({name: name for name in conf.runtimes
                            or orchestrator.languages()})
    checks = {'database': db.ping}
    try:
        http = server.Server(
            app.create_app(core, identify, health.Health(conf, checks),
                           tracer=tracer), conf.host, conf.port,
            conf.api.threads, conf.api.stop_timeout)
    except OSError as e:
        orchestrator.close()
        process.fail(f'Cannot listen on {conf.host}:{conf.port}: {e}. '
                     'Choose another port with --port.')
    metrics_listener = listener.Listener(
        conf, conf.metrics.api_port, checks, metrics.GaugeCollector(engine))
    _serve(conf, state, stop, engine, http)
    metrics_listener.close()
    core.close()
    if tracer is not None:
        tracer.close()
    db.close()


def _serve(conf: cfg.ConfigOpts, state: pathlib.Path, stop: threading.Event,
           engine: service.Engine, http: server.Server) -> None:
    """Run the engine and the web server until the event ``stop``."""
    engine.start_service(alone=True)
    http_thread = threading.Thread(target=http.serve, name='http')
    http_thread.start()
    process.notify_ready(conf)
    endpoint = state / state_directory.ENDPOINT
    state_directory.write_file(endpoint, http.url + '\n')
    LOG.info('Serving at %s, state in %s.', http.url, state)
    process.wait_for(stop)
    process.notify_systemd('STOPPING=1')
    LOG.info('Stopping.')
    endpoint.unlink(missing_ok=True)
    # Engine and web server wait for each other.
    engine_thread = threading.Thread(target=engine.stop_service,
                                     name='engine-stop')
    engine_thread.start()
    http.stop()
    http_thread.join()
    engine_thread.join()
