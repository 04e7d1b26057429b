# SPDX-License-Identifier: Apache-2.0
"""``qinling-standalone``: API, engine and workers on one machine."""

import os
import pathlib
import shutil
import socket
import sys

from oslo_config import cfg

from qinling.cmd import backup
from qinling.cmd import host_maxima
from qinling.cmd import process
from qinling.cmd import signals
from qinling.cmd import standalone_processes
from qinling.cmd import state_directory
from qinling.telemetry import metrics
from qinling.web import server


def _default_state_dir() -> str:
    data_home = os.environ.get('XDG_DATA_HOME') or os.path.expanduser(
        '~/.local/share')
    return os.path.join(data_home, 'qinling')


def _default_processes() -> int:
    cores = os.cpu_count() or 1
    return 1 if cores == 1 else 1 + min(cores, 4)


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
    cfg.IntOpt('processes', default=_default_processes(), min=1, max=64,
               sample_default='<one, and one for each of at most 4 cores>',
               help='Number of processes that serve the API. The first one '
                    'is the engine as well, and serves few clients.'),
    cfg.PortOpt('port', default=7070, min=0,
                help='Port to listen on; 0 selects a free port. The file '
                     '"endpoint" in the state directory contains the URL.'),
]


def main() -> None:
    """Serve until SIGTERM or SIGINT; or write or restore a backup."""
    if backup.is_wanted():
        backup.main(sys.argv[1:], _default_state_dir())
        return
    stop = signals.create_stop_event()
    conf = process.configure(
        sys.argv[1:], 'qinling-standalone',
        'Qinling on one machine: API, engine and workers. The commands '
        '"backup FILE" and "restore FILE" write and restore the state.', OPTS)
    state = pathlib.Path(conf.state_dir).absolute()
    lock = state_directory.prepare(state)
    _share_metrics(conf, state)
    database = state / state_directory.DATABASE
    conf.set_default('connection', f'sqlite:///{database}', group='database')
    conf.set_default('file_system_dir', str(state / state_directory.PACKAGES),
                     group='storage')
    conf.set_default('encryption_keys', [state_directory.ensure_key(state)],
                     group='secrets')
    for name, value in host_maxima.list_host_maxima().items():
        conf.set_default(name, value, group='resource_limits')
    (state / state_directory.WORKERS).mkdir(exist_ok=True, mode=0o700)
    strategy = process.load_strategy(conf, conf.host, '--host')
    standalone_processes.Processes(
        conf, _listen(conf), state, strategy).run(stop)
    lock.close()


def _share_metrics(conf: cfg.ConfigOpts, state: pathlib.Path) -> None:
    """Let several processes add up their metrics, if an operator wants any.

    The library decides at its import, so the program starts again.
    """
    if (conf.processes > 1 and conf.metrics.api_port is not None
            and not metrics.is_multiprocess()):
        directory = state / state_directory.METRICS
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        os.environ[metrics.DIRECTORY_VARIABLE] = str(directory)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _listen(conf: cfg.ConfigOpts) -> socket.socket:
    try:
        return server.listen(conf.host, conf.port)
    except OSError as e:
        process.fail(f'Cannot listen on {conf.host}:{conf.port}: {e}. '
                     'Choose another port with --port.')
