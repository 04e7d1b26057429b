# SPDX-License-Identifier: Apache-2.0
"""Process control of the programs.

Logging, signals, reload of the configuration, notifications to systemd, and
exit with a sentence for the user.
"""

from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
import typing

from oslo_config import cfg
from oslo_log import log
import tenacity

from qinling.api import identity
from qinling.api.identity import noauth
from qinling import cmd
from qinling.cmd import signals
from qinling import conf as qinling_conf
from qinling.core import engine_client
from qinling.core import services
from qinling.core.trigger import rate_limit
from qinling.db import driver
from qinling.db import session
from qinling import drivers
from qinling import exception
from qinling import log_format
from qinling.orchestrators import base
from qinling import printable

LOG = log.getLogger(__name__)

#: Seconds until a program that starts tries the database again.
RETRY_SECONDS = 2
#: Seconds to disconnect from the message bus.
DISCONNECT_TIMEOUT_SECONDS = 5

_T = typing.TypeVar('_T')
_P = typing.ParamSpec('_P')


def configure(args: Sequence[str], prog: str, description: str,
              cli_opts: Sequence[cfg.Opt] = (),
              files: list[str] | None = None) -> cfg.ConfigOpts:
    """Set up logging; return the configuration of a program.

    From now on, only the owner has access to new files. A wrong option, or an
    unusable driver of the database, ends the program.
    """
    os.umask(0o077)
    cmd.finish_imports()
    try:
        conf = qinling_conf.load(args, files, cli_opts, prog, description)
        qinling_conf.check_files(conf)
        log_format.setup(conf)
    except (cfg.Error, ValueError) as e:
        fail(f'The configuration cannot be used: {e}')
    if conf.database.connection:
        construct(driver.check_driver, conf.database.connection)
    return conf


def load_strategy(conf: cfg.ConfigOpts, host: str, option: str
                  ) -> identity.Strategy:
    """Return the authentication strategy; exit when an option is wrong.

    :param host: address to listen on; ``option`` names the option.
    """
    try:
        noauth.check_address(conf, host, option)
        return identity.load(conf)
    except ValueError as e:
        fail(str(e))


def notify_ready(conf: cfg.ConfigOpts) -> None:
    """Notify systemd of the start; from now on SIGHUP reloads options."""
    handle_reload(conf)
    notify_systemd('READY=1')


def handle_reload(conf: cfg.ConfigOpts, notifies: bool = True) -> None:
    """Let SIGHUP reload the options.

    :param notifies: systemd learns of the reload, from one process only.

    In a terminal, SIGHUP keeps the default action: the program ends with the
    terminal.
    """
    # Another thread reloads, and exists before the signal: a handler may
    # interrupt the owner of any lock, also of one that a new thread needs.
    latch = threading.Lock()
    latch.acquire()

    def reload_again() -> None:
        while True:
            latch.acquire()
            reload(conf, notifies)

    def release(_number: int, _frame: typing.Any) -> None:
        with contextlib.suppress(RuntimeError):  # the thread will see both
            latch.release()
    if not os.isatty(0):
        threading.Thread(target=reload_again, name='reload', daemon=True
                         ).start()
        signal.signal(signal.SIGHUP, release)


def reload(conf: cfg.ConfigOpts, notifies: bool) -> None:
    """Apply changes of mutable options in the configuration files."""
    if notifies:
        notify_systemd('RELOADING=1\nMONOTONIC_USEC='
                       f'{time.monotonic_ns() // 1000}')
    _reload(conf)
    if notifies:
        notify_systemd('READY=1')


def _reload(conf: cfg.ConfigOpts) -> None:
    try:
        qinling_conf.check_files(conf)
        changes = conf.mutate_config_files()
        # A concurrent reader may have put an old value into the cache of
        # oslo.config; clearing any default empties the cache.
        conf.clear_default('debug')
        log_format.protect_handlers()
    except Exception as e:
        LOG.error('Could not reload the configuration: %s', e)
    else:
        LOG.info('Reloaded the configuration; changed: %s.', ', '.join(
            sorted(f'[{group or "DEFAULT"}] {name}'
                   for group, name in changes)) or 'nothing')


def notify_systemd(state: str) -> None:
    """Send a state to systemd, if systemd started the process.

    See sd_notify(3).
    """
    path = os.environ.get('NOTIFY_SOCKET')
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(state.encode(), path.replace('@', '\0', 1)
                          if path[0] == '@' else path)
        except OSError as e:
            LOG.warning('Could not notify systemd of "%s": %s', state, e)


def create_orchestrator(conf: cfg.ConfigOpts, directory: str
                        ) -> base.Orchestrator:
    """Return the orchestrator of ``[engine] orchestrator``.

    Exit when the host lacks requirements of the orchestrator.
    """
    driver = construct(drivers.load, 'orchestrators',
                       conf.engine.orchestrator)
    try:
        orchestrator: base.Orchestrator = driver(conf, directory)
    except exception.PermanentError as e:
        fail(f'The engine cannot run workers: {e}')
    return orchestrator


def register_runtimes(conf: cfg.ConfigOpts, core: services.Services,
                      orchestrator: base.Orchestrator) -> None:
    """Create the first runtimes of a server on one machine, or exit."""
    languages = orchestrator.languages()
    # A cluster has images of any name, and no languages.
    if languages and (absent := set(conf.runtimes or ()) - set(languages)):
        fail(f'--runtimes: this machine has no {", ".join(sorted(absent))}; '
             f'choose from {", ".join(sorted(languages))}.')
    core.runtimes.register({name: name for name in conf.runtimes
                            or languages})
    construct(core.runtimes.register_defaults, conf.engine.default_runtimes)


def create_services(conf: cfg.ConfigOpts, db: session.Database,
                    engine: engine_client.EngineClient,
                    backends: services.Backends,
                    limit: rate_limit.Limit | None = None
                    ) -> services.Services:
    """Return the core; exit when an option is wrong."""
    return construct(services.create_services, conf, db, engine, backends,
                     limit)


def construct(factory: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
              ) -> _T:
    """Return the result of a factory; exit when an option is wrong.

    A database that cannot be reached ends the program, too.  SIGTERM does so
    at once, since nothing runs yet.
    """
    try:
        with signals.end_at_once():
            return factory(*args, **kwargs)
    except ValueError as e:
        fail(f'The configuration cannot be used: {e}')
    except exception.Unavailable as e:
        fail(str(e))


def insist(stop: threading.Event, action: Callable[_P, _T],
           *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Return the result of an action, repeated while the database is away.

    :raises Unavailable: the program has to stop.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(exception.Unavailable),
        wait=tenacity.wait_fixed(RETRY_SECONDS),
        stop=tenacity.stop_when_event_set(stop),
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=_log_retry, reraise=True)(action, *args, **kwargs)


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    LOG.warning('Waiting for the database: %s', error)


def close_bus(disconnect: Callable[[], None]) -> None:
    """Disconnect from the message bus, and exit the process on timeout.

    Without a reachable bus, the call would block.
    """
    thread = threading.Thread(target=disconnect, name='disconnect',
                              daemon=True)
    thread.start()
    thread.join(DISCONNECT_TIMEOUT_SECONDS)
    if thread.is_alive():
        LOG.warning('Could not disconnect from the message bus: timeout.')
        logging.shutdown()
        os._exit(0)


def fail(sentence: str) -> typing.NoReturn:
    """Exit with code 1 and a sentence for the user."""
    sys.stderr.write(f'{printable.escape(sentence)}\n')
    sys.exit(1)
