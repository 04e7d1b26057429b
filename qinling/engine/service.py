# SPDX-License-Identifier: Apache-2.0
"""Engine of one process.

The public methods are the verbs of :mod:`qinling.core.engine_client`.  Other
processes reach them by :mod:`qinling.rpc` and :mod:`qinling.engine.endpoint`.
"""

import functools
import threading
import time

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import services
from qinling.core import targets
from qinling.db import engines
from qinling.db import session
from qinling.engine import background
from qinling.engine import metrics_collector
from qinling.engine.periodic import decisions
from qinling.engine.periodic import heartbeat
from qinling.engine.periodic import peers
from qinling.engine.periodic import reaper
from qinling.engine.periodic import retention
from qinling.engine.periodic import scheduler
from qinling.engine.periodic import statistics
from qinling.engine.periodic import sweeps
from qinling.engine.periodic import tasks
from qinling.engine import queue
from qinling.engine.run import attempts
from qinling.engine.run import completion
from qinling.engine.run import images
from qinling.engine.run import runner
from qinling.engine.run import streams
from qinling.engine.workers import builds
from qinling.engine.workers import growth
from qinling.engine.workers import idleness
from qinling.engine.workers import invoker
from qinling.engine.workers import loader
from qinling.engine.workers import pools
from qinling.engine.workers import provision
from qinling.engine.workers import scaling
from qinling.engine.workers import tokens
from qinling.engine.workers import upkeep
from qinling import exception
from qinling.orchestrators import base
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)


class Engine:
    """Runs executions on the workers of an orchestrator."""

    writes_rows = True

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 orchestrator: base.Orchestrator,
                 backends: services.Backends,
                 tracer: tracing.Tracer | None = None) -> None:
        self._conf = conf
        self._db = db
        self._orchestrator = orchestrator
        self._backends = backends
        self.owner = engines.create_owner()  # in the column ``owner``
        self._stopped = threading.Event()
        self._background = background.Background()
        self._create_workers()
        self._create_runner(tracer)
        self._create_periodic_tasks()
        orchestrator.on_full, orchestrator.on_leaving, orchestrator.on_lost = (
            self._scaling.evict, self._scaling.retire, self._worker_lost)

    def _create_workers(self) -> None:
        conf, db, orchestrator = self._conf, self._db, self._orchestrator
        self._invoker = invoker.Invoker()
        self._tokens = tokens.Tokens(
            self._backends.keystone, self._background)
        self._builds = builds.Builds(
            conf, db, orchestrator, self._invoker, self._backends, self.owner)
        self._pools = pools.Pools(db, orchestrator)
        self._workers = loader.Loader(
            conf, orchestrator, self._invoker, self._backends, self._tokens,
            self._builds)
        self._scaling = scaling.Scaling(
            conf.engine.function_concurrency,
            pools.PoolCreatingSource(self._workers, self._pools))
        self._builds.use_evictor(self._scaling)
        self._provision = provision.Provision(
            db, self._scaling, self._background)
        self._upkeep = upkeep.Upkeep(idleness.Idleness(
            conf, orchestrator, self._scaling, self._workers), self._scaling,
            self._pools, self._workers, self._background)

    def _create_runner(self, tracer: tracing.Tracer | None) -> None:
        conf, db = self._conf, self._db
        self._scheduler = scheduler.Scheduler(
            conf, db, self, self._background)
        self._completion = completion.Completion(
            conf, db, self, self._scheduler)
        self._attempts = attempts.Attempts(
            conf, self._scaling, self._invoker, self._tokens,
            images.Images(conf, self._orchestrator, self._scaling), tracer)
        self._runner = runner.Runner(conf, db, self.owner, self._attempts,
                                     self._completion, self._builds)
        self._streams = streams.Streams(self._runner, conf.engine.threads)
        self._reaper = reaper.Reaper(
            conf, db, self.owner, self._completion, self)
        self._scheduler.resumer = self._reaper
        self._queue = queue.FairQueue(
            conf.engine.threads, conf.engine.queue_size << 20, self)
        self.has_room = self._queue.has_room
        self.collect_metrics = metrics_collector.MetricsCollector(
            self._queue.since, self._runner, self._scaling,
            self._orchestrator).collect

    def _create_periodic_tasks(self) -> None:
        conf, db = self._conf, self._db
        self.heartbeat = heartbeat.Heartbeat(
            conf, db, self.owner, not self._orchestrator.shared)
        self._peers = peers.Peers(
            conf, db, self.heartbeat, self._reaper, self.owner)
        self._provision.is_home = self._peers.is_home
        interval = conf.engine.lease / 3
        create = functools.partial(
            tasks.PeriodicTasks, self._stopped, self._reaper)
        self._tasks = [
            create('heartbeat', interval, self._renew_leases,
                   self.heartbeat.beat),
            create('housekeeping', min(interval, conf.engine.sweep_interval),
                   self._release_rejected, self._reaper.run,
                   self.heartbeat.prune, self._upkeep.run,
                   self._provision.tend, statistics.StatisticsTask(db).run,
                   *retention.create_purges(conf, db, self._stopped,
                                            self._backends, self),
                   sweeps.Sweeps(
                       self._backends, self._builds, self._background).run),
            *(create(*turn) for turn in (
                *self._peers.list_turns(),
                *decisions.list_turns(conf, db, self, self._stopped)))]

    def start_service(self, alone: bool = False) -> None:
        """Create the pools and start to recover executions.

        :param alone: no other engine uses the database, so this engine
            recovers everything that another owner left behind.
        :raises Unavailable: nothing has started; callers may try again.
        """
        LOG.info('Starting engine %s; workers: %s', self.owner,
                 self._orchestrator.describe())
        self._builds.start(alone)
        self._pools.restore(self._background)
        if alone:
            self._reaper.recover()
        else:
            self.heartbeat.start(self.bus_name)
            self._reaper.pause()
        for task in self._tasks:
            task.start()
        self._scheduler.start()

    @property
    def bus_name(self) -> str:
        """Return the name of the engine on the message bus."""
        return engines.bus_name(self.owner)

    def stop_service(self, timeout: float | None = None) -> None:
        """Let running executions end, then destroy all workers.

        :param timeout: seconds, ``stop_timeout`` by default.
        """
        self._stopped.set()
        self._scheduler.stop()
        waiting = set(self._queue.close()) - set(self._runner.claimed_ids())
        self._reaper.release([*waiting, *self._queue.take_rejected()])
        self._runner.wait_idle(
            self._conf.engine.stop_timeout if timeout is None else timeout)
        self._attempts.stopping = True
        # Other engines start again what still runs.
        for worker in self._scaling.busy_workers():
            self._workers.release(worker)
            self._invoker.abort(worker)
        self._orchestrator.close()
        self._builds.stop()
        self._runner.wait_idle(attempts.AGENT_MARGIN_SECONDS)
        self._runner.close()
        self._background.stop()
        for task in self._tasks:
            task.join()
        self.heartbeat.stop()

    def _renew_leases(self) -> None:
        age = self._conf.engine.lease / 4
        for id in self.heartbeat.renew({
                *self._runner.leased_ids(age),
                *(id for id, since in list(self._queue.since.items())
                  if since <= time.monotonic() - age)}):
            self.cancel(id)

    def _release_rejected(self) -> None:
        self._reaper.release(self._queue.take_rejected())

    def local_ids(self) -> list[str]:
        """Return the ids of executions queued or claimed here."""
        return list(self._queue.since) + self._runner.claimed_ids()

    def count_free_bytes(self) -> int:
        """Return the free memory for queued executions."""
        return self._queue.free_bytes

    def _worker_lost(self, worker: base.Worker) -> None:
        """Handle the death of a worker that the orchestrator noticed."""
        self._invoker.abort(worker)
        self._background.submit(self._scaling.retire, worker)

    def run(self, message: records.ExecutionMessage, target: targets.Target
            ) -> outcomes.Ended | None:
        """Run an execution; return its end, ``None`` if another owns it."""
        end = self._runner.run(message, target)
        return end if isinstance(end, outcomes.Ended) else None

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Queue an execution and return immediately."""
        if message.start_at is not None:
            return self._scheduler.schedule(message.start_at, message.id)
        self._queue.put(message, target)

    def run_queued(self, message: records.ExecutionMessage,
                   target: targets.Target) -> None:
        """Run an execution from the queue to its end."""
        context.log_context(message.trace, target.project_id).use_in_log()
        try:
            self._runner.run(message, target)
        except exception.Unavailable as e:
            LOG.warning('Could not write the end of execution %s; the reaper '
                        'will requeue the execution: %s', message.id, e)

    def is_alive(self, owner: str) -> bool:
        """Return whether this engine is the named owner."""
        return owner == self.owner

    def cancel(self, id: str) -> None:
        """Stop an execution whose row has ended; return immediately."""
        self._background.submit(self._runner.cancel, id)

    def read_log(self, id: str, owner: str, offset: int) -> str | None:
        """Return the log of an execution that runs here, if any."""
        return self._runner.read_log(id, offset)

    def start_stream(self, message: records.ExecutionMessage,
                     target: targets.Target) -> str:
        """Start a streamed execution; return the name of this engine."""
        self._streams.start(message, target)
        return self.owner

    def read_stream(self, id: str, owner: str, offset: int, seconds: float
                    ) -> outcomes.OutputPart | None:
        """Return the next part of an output that is streamed here."""
        return self._streams.read(id, offset, seconds)

    def ensure_runtime(self, id: str) -> None:
        """Create or change the pool of a runtime; return immediately."""
        self._background.submit(self._pools.change, id, self._scaling)

    def delete_runtime(self, id: str) -> None:
        """Destroy the pool of a runtime, then delete the row."""
        self._background.submit(self._pools.delete, id)

    def pool_capacity(self, id: str) -> dict[str, int] | None:
        """Return ``{"total", "available"}``, ``None`` without a pool."""
        return self._pools.capacity(id)

    def list_workers(self, function_id: str, version: int,
                     local: bool = False) -> list[str]:
        """Return the names of the workers of a function."""
        return self._pools.list_workers(function_id, version, local)

    def scale_up(self, target: targets.Target, count: int) -> None:
        """Start ``count`` more workers; return immediately."""
        growth.Growth(self._scaling, target, count).start(self._background)

    def scale_down(self, target: targets.Target, count: int,
                   keep: int = 1) -> None:
        """Retire ``count`` workers; ``keep`` workers remain here."""
        self._background.submit(self._scaling.scale_down, target, count, keep)

    def install(self, target: targets.Target) -> None:
        """Install the dependencies of a function; return immediately."""
        self._builds.install(target)

    def detach(self, function_id: str, version: int | None) -> None:
        """Retire the workers of a version, of all versions if ``None``."""
        self._background.submit(self._scaling.detach, function_id, version)
