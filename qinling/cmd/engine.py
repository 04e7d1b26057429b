# SPDX-License-Identifier: Apache-2.0
"""``qinling-engine``: one engine of a cloud deployment, or several."""

from collections.abc import Callable
import functools
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.cmd import direct_service
from qinling.cmd import process
from qinling.cmd import signals
from qinling.cmd import supervisor
from qinling.core.runtime import runtimes
from qinling.core import services
from qinling.db import revisions
from qinling.db import session
from qinling.engine import endpoint
from qinling.engine import service
from qinling import exception
from qinling import message_bus
from qinling.telemetry import listener
from qinling.telemetry import metrics
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)

#: Seconds beyond [engine] stop_timeout until a worker process is killed.
KILL_MARGIN_SECONDS = 60


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    stop = signals.create_stop_event()
    conf = process.configure(sys.argv[1:], 'qinling-engine',
                             'The engine of Qinling.')
    if conf.engine.workers == 1:
        try:
            _run_worker(conf, stop)
        except Exception as e:
            # Remaining threads would keep the process alive.
            is_stopped = stop.is_set() and isinstance(
                e, exception.Unavailable)
            if not is_stopped:
                LOG.exception('Could not run the engine.')
            logging.shutdown()
            os._exit(0 if is_stopped else 1)
        return
    _check_orchestrator(conf)
    roles = [supervisor.Role(f'engine-{number}',
                             functools.partial(_run_worker, conf))
             for number in range(1, conf.engine.workers + 1)]
    sys.exit(supervisor.Supervisor(
        roles, conf.engine.stop_timeout + KILL_MARGIN_SECONDS).run(stop))


def _check_orchestrator(conf: cfg.ConfigOpts) -> None:
    """Exit when the host lacks requirements of the orchestrator.

    Each engine would fail with the same sentence.  The check runs in a process
    of its own, since this process forks the engines.
    """
    def check() -> None:
        with tempfile.TemporaryDirectory(
                prefix='qinling-engine-') as directory:
            process.create_orchestrator(conf, directory).close()

    child = multiprocessing.get_context('fork').Process(target=check)
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(1)


def _run_worker(conf: cfg.ConfigOpts, stop: threading.Event) -> None:
    process.handle_reload(conf)
    run(conf, stop)


def run(conf: cfg.ConfigOpts, stop: threading.Event) -> None:
    """Run an engine until the event ``stop``."""
    db = process.construct(session.Database, conf)
    process.construct(revisions.check, db)
    backends = process.construct(services.create_backends, conf, db)
    with tempfile.TemporaryDirectory(prefix='qinling-engine-') as directory:
        orchestrator = process.create_orchestrator(conf, directory)
        tracer = process.construct(
            tracing.create_tracer, conf, 'qinling-engine')
        engine = service.Engine(conf, db, orchestrator, backends, tracer)
        process.construct(
            process.insist, stop, runtimes.Runtimes(db, engine)
            .register_defaults, conf.engine.default_runtimes)
        bus = process.construct(message_bus.create_transport, conf)
        receiver = endpoint.Endpoint(engine, conf.engine.threads)
        rpc_server = message_bus.create_server(
            conf, bus, engine.bus_name, receiver)
        connections = process.construct(
            direct_service.create, conf, engine, receiver)
        metrics_listener = _create_listener(conf, db, engine)
        process.insist(stop, engine.start_service)
        failed = threading.Event()
        if connections is not None:
            connections.start()
        # Without a bus the call blocks; meanwhile the engine runs executions
        # of the database.
        _start_thread(_listen, conf, engine, rpc_server, stop, failed)
        signals.wait_for(stop)
        process.notify_systemd('STOPPING=1')
        drain_thread = _stop_engine(conf, engine, rpc_server, connections)
        metrics_listener.close()
        if tracer is not None:
            tracer.close()
    db.close()

    def disconnect() -> None:
        drain_thread.join()
        bus.cleanup()
    process.close_bus(disconnect)
    if failed.is_set():
        sys.exit(1)


def _create_listener(conf: cfg.ConfigOpts, db: session.Database,
                     engine: service.Engine) -> listener.Listener:
    return listener.Listener(
        conf, conf.metrics.engine_port,
        {'database': db.ping,
         'message bus': functools.partial(message_bus.ping, conf)},
        metrics.GaugeCollector(engine))


def _start_thread(target: Callable[..., None], *args: typing.Any
                  ) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def _listen(conf: cfg.ConfigOpts, engine: service.Engine,
            rpc_server: typing.Any, stop: threading.Event,
            failed: threading.Event) -> None:
    """Listen to the bus; stop the engine after a failure."""
    try:
        rpc_server.start(conf.engine.threads + message_bus.SPARE_THREADS)
        LOG.info('Listening as %s.', engine.bus_name)
        # A rolling restart stops the next engine now.
        process.notify_systemd('READY=1')
    except Exception as e:
        LOG.error('Could not listen to the message bus, stopping the engine. '
                  'See [DEFAULT] transport_url: %s', e,
                  exc_info=not message_bus.is_refusal(e))
        failed.set()
        stop.set()


def _stop_engine(conf: cfg.ConfigOpts, engine: service.Engine,
                 rpc_server: typing.Any,
                 connections: direct_service.DirectService | None
                 ) -> threading.Thread:
    """Stop the engine.

    Received messages and running executions share ``[engine] stop_timeout``.

    :returns: the thread that sends the last answers.
    """
    deadline = time.monotonic() + conf.engine.stop_timeout
    drain_thread = _start_thread(_drain, rpc_server)
    if connections is not None:
        connections.leave(conf.engine.stop_timeout)
    drain_thread.join(max(0, deadline - time.monotonic()))
    engine.stop_service(max(0, deadline - time.monotonic()))
    if connections is not None:
        connections.stop()
    return drain_thread


def _drain(rpc_server: typing.Any) -> None:
    message_bus.stop_server(rpc_server)
    rpc_server.wait()
