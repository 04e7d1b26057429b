# SPDX-License-Identifier: Apache-2.0
"""``qinling-standalone``: API, engine and workers in one process."""

import fcntl
import os
import pathlib
import sys
import threading
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.api import app
from qinling.api import server
from qinling.cmd import process
from qinling.core import secrets
from qinling.core import services
from qinling.db import migration
from qinling.db import session
from qinling.engine import service
from qinling.telemetry import health
from qinling.telemetry import listener
from qinling.telemetry import metrics
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)


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
    """Serve until SIGTERM or SIGINT."""
    stop = process.create_stop_event()
    conf = process.configure(
        sys.argv[1:], 'qinling-standalone',
        'Qinling on one machine: API, engine and workers.', OPTS)
    state = pathlib.Path(conf.state_dir).absolute()
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _lock(state)
    except OSError as e:
        process.fail(f'The state directory cannot be used: {e}. Choose '
                     'another with --state-dir.')
    conf.set_default('connection', f'sqlite:///{state}/qinling.db',
                     group='database')
    conf.set_default('file_system_dir', str(state / 'packages'),
                     group='storage')
    conf.set_default('encryption_keys', [_ensure_key(state / 'secret.key')],
                     group='secrets')
    _run(conf, state, stop)
    lock.close()


def _lock(state: pathlib.Path) -> typing.TextIO:
    """Return a file that locks the state directory while open."""
    lock = open(state / 'lock', 'a')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process.fail(
            f'Another qinling-standalone uses the state directory {state}. '
            'Stop it first, or choose another with --state-dir.')
    return lock


def _ensure_key(path: pathlib.Path) -> str:
    """Return the encryption key of the installation; create a missing key."""
    if not path.exists():
        _write_file(path, secrets.new_key() + '\n', 0o600)
    return path.read_text().strip()


def _run(conf: cfg.ConfigOpts, state: pathlib.Path, stop: threading.Event
         ) -> None:
    identify = process.load_identity(conf)
    db = session.Database(conf)
    migration.upgrade(db)
    backends = process.construct(services.create_backends, conf, db)
    workers = state / 'workers'
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
    endpoint = state / 'endpoint'
    _write_file(endpoint, http.url + '\n')
    LOG.info('Serving at %s, state in %s.', http.url, state)
    stop.wait()
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


def _write_file(path: pathlib.Path, text: str, mode: int = 0o666) -> None:
    """Write a file atomically, also with respect to a power loss."""
    temporary = path.with_suffix('.new')
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                         mode)
    with open(descriptor, 'w') as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)
