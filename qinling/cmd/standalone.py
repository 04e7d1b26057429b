# SPDX-License-Identifier: Apache-2.0
"""``qinling-standalone``: everything in one process, on one machine."""

import fcntl
import os
import pathlib
import sys
import threading

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


def _state_dir():
    base = os.environ.get('XDG_DATA_HOME') or os.path.expanduser(
        '~/.local/share')
    return os.path.join(base, 'qinling')


OPTS = [
    cfg.StrOpt('state-dir', default=_state_dir(),
               help='Directory that holds everything the server keeps: '
                    'database, packages, workers.'),
    cfg.ListOpt('runtimes', sample_default='<all that this machine has>',
                help='Images of the runtimes that are made if there are none '
                     'yet, for instance python3,nodejs. Each keeps workers '
                     'ready.'),
    cfg.HostAddressOpt('host', default='127.0.0.1',
                       help='Address to listen on.'),
    cfg.PortOpt('port', default=7070, min=0,
                help='Port to listen on; 0 takes a free one. The file '
                     '"endpoint" in the state directory tells the URL.'),
]


def main():
    """Run until SIGTERM or SIGINT."""
    stop = process.stop_event()
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
    conf.set_default('encryption_keys', [_key(state / 'secret.key')],
                     group='secrets')
    _run(conf, state, stop)
    lock.close()


def _lock(state):
    """The state directory, locked while the returned file is open."""
    lock = open(state / 'lock', 'a')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process.fail(
            f'Another qinling-standalone uses the state directory {state}. '
            'Stop it first, or choose another with --state-dir.')
    return lock


def _key(path):
    """The key that encrypts secrets, which a new installation makes."""
    if not path.exists():
        _write(path, secrets.new_key() + '\n', 0o600)
    return path.read_text().strip()


def _run(conf, state, stop):
    identify = process.identify(conf)
    db = session.Database(conf)
    migration.upgrade(db)
    code = process.checked(services.code, conf, db)
    workers = state / 'workers'
    workers.mkdir(exist_ok=True, mode=0o700)
    orchestrator = process.orchestrator(conf, str(workers))
    tracer = process.checked(tracing.make, conf, 'qinling')
    engine = service.Engine(conf, db, orchestrator, code, tracer)
    core = process.build(conf, db, engine, code)
    core.runtimes.register({name: name for name in conf.runtimes
                            or orchestrator.languages()})
    checks = {'database': db.ping}
    try:
        http = server.Server(
            app.make(core, identify, health.Health(conf, checks),
                     tracer=tracer), conf.host, conf.port, conf.api.threads,
            conf.api.stop_timeout)
    except OSError as e:
        orchestrator.close()
        process.fail(f'Cannot listen on {conf.host}:{conf.port}: {e}. '
                     'Choose another port with --port.')
    figures = listener.Listener(conf, conf.metrics.api_port, checks,
                                metrics.Live(engine.figures))
    engine.begin(alone=True)
    serving = threading.Thread(target=http.serve, name='http')
    serving.start()
    process.serving(conf)
    endpoint = state / 'endpoint'
    _write(endpoint, http.url + '\n')
    LOG.info('Serving at %s, state in %s.', http.url, state)
    stop.wait()
    process.notify('STOPPING=1')
    LOG.info('Stopping.')
    endpoint.unlink(missing_ok=True)
    _stop(engine, http, serving)
    for each in filter(None, (figures, core, tracer, db)):
        each.close()


def _stop(engine, http, serving):
    """End the engine and the web server, which wait for each other."""
    ending = threading.Thread(target=engine.end, name='engine-end')
    ending.start()
    http.stop()
    serving.join()
    ending.join()


def _write(path, text, mode=0o666):
    """Write a file that is never seen half written, not even after a power
    loss."""
    fresh = path.with_suffix('.new')
    fresh.unlink(missing_ok=True)
    with open(fresh, 'x', opener=lambda name, flags: os.open(
            name, flags, mode)) as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.rename(path)
