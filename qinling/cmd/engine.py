# SPDX-License-Identifier: Apache-2.0
"""``qinling-engine``: one engine of a cloud deployment."""

import logging
import multiprocessing
import os
import sys
import tempfile
import threading
import time

import cotyledon
from oslo_log import log

from qinling.cmd import process
from qinling.core import services
from qinling.db import session
from qinling.engine import endpoint
from qinling.engine import service
from qinling import rpc
from qinling.telemetry import listener
from qinling.telemetry import metrics
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)

#: Seconds beyond [engine] stop_timeout after which a worker is killed.
STOP_MARGIN = 60
#: Seconds after which a worker that cannot run is started again.
RESPAWN = 1


class Worker(cotyledon.Service):
    """One of several engines of one program."""

    name = 'qinling-engine'

    def __init__(self, worker_id, conf):
        super().__init__(worker_id)
        self._conf = conf
        self._stop = threading.Event()
        self._ended = threading.Event()

    def run(self):
        try:
            run(self._conf, self._stop, lambda: process.notify('READY=1'))
        except BaseException:
            # A thread would end alone; the process is started again, but
            # not without end at once.
            LOG.exception('The engine ends.')
            self._stop.wait(RESPAWN)
            os._exit(1)
        self._ended.set()

    def reload(self):
        process.reload(self._conf)

    def terminate(self):
        self._stop.set()
        self._ended.wait()


def main():
    """Run until SIGTERM or SIGINT."""
    conf = process.configure(sys.argv[1:], 'qinling-engine',
                             'The engine of Qinling.')
    if conf.engine.workers == 1:
        try:
            run(conf, process.stop_event(), lambda: process.serving(conf))
        except Exception:
            # Threads that are left would keep the process.
            LOG.exception('The engine ends.')
            logging.shutdown()
            os._exit(1)
        return
    _try(conf)
    manager = cotyledon.ServiceManager(
        graceful_shutdown_timeout=conf.engine.stop_timeout + STOP_MARGIN)
    manager.add(Worker, workers=conf.engine.workers, args=(conf,))
    manager.run()


def _try(conf):
    """End the program when this machine lacks what workers need: it would
    start engines again and again.  That is found out in a process of its
    own, since others are forked from this one."""
    def attempt():
        with tempfile.TemporaryDirectory(prefix='qinling-engine-') as place:
            process.orchestrator(conf, place).close()

    trial = multiprocessing.get_context('fork').Process(target=attempt)
    trial.start()
    trial.join()
    if trial.exitcode:
        sys.exit(1)


def run(conf, stop, serving):
    """Be an engine until the event ``stop``.

    :param serving: called when it has begun.
    """
    db = session.Database(conf)
    code = process.checked(services.code, conf, db)
    with tempfile.TemporaryDirectory(prefix='qinling-engine-') as directory:
        orchestrator = process.orchestrator(conf, directory)
        tracer = process.checked(tracing.make, conf, 'qinling-engine')
        engine = service.Engine(conf, db, orchestrator, code, tracer)
        bus = rpc.transport(conf)
        calls = rpc.server(
            conf, bus, engine.name,
            endpoint.Endpoint(engine, conf.engine.threads))
        figures = listener.Listener(
            conf, conf.metrics.engine_port,
            {'database': db.ping, 'message bus': lambda: rpc.ping(conf)},
            metrics.Live(engine.figures))
        engine.begin()
        # Without a bus this takes until there is one; then the engine does
        # what it finds in the database.
        _thread(_listen, conf, engine, calls, stop)
        serving()
        stop.wait()
        process.notify('STOPPING=1')
        answering = _end(conf, engine, calls)
        figures.close()
        if tracer is not None:
            tracer.close()
    db.close()
    process.leave(lambda: (answering.join(), bus.cleanup()))


def _thread(*work):
    made = threading.Thread(target=work[0], args=work[1:], daemon=True)
    made.start()
    return made


def _listen(conf, engine, listener, stop):
    try:
        listener.start(conf.engine.threads + rpc.SPARE_THREADS)
        LOG.info('Listening as %s.', engine.name)
    except Exception:
        LOG.exception('The engine ends, since it cannot listen.')
        stop.set()


def _end(conf, engine, listener):
    """Take nothing more, and end what was taken: all that this process has
    got from the bus, whether begun or not, has the same time.

    :returns: the thread that sends the last answers.
    """
    end = time.monotonic() + conf.engine.stop_timeout
    answering = _thread(_drain, listener)
    answering.join(conf.engine.stop_timeout)
    engine.end(max(0, end - time.monotonic()))
    return answering


def _drain(listener):
    rpc.stop(listener)
    listener.wait()
