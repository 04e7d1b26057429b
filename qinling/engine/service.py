# SPDX-License-Identifier: Apache-2.0
"""The engine of one process, put together.

Its public methods are the engine's verbs.  A process that runs the API as
well hands the engine itself to the core as its engine client; others reach
the same verbs through :mod:`qinling.rpc` and :mod:`qinling.engine.endpoint`.
"""

from concurrent import futures
import os
import socket
import threading
import time
import uuid

from oslo_log import log

from qinling import context
from qinling.core import idempotency
from qinling.db import engines
from qinling.engine import metrics_collector
from qinling.engine.periodic import heartbeat
from qinling.engine.periodic import reaper
from qinling.engine.periodic import retention
from qinling.engine.periodic import scheduler
from qinling.engine.periodic import tasks
from qinling.engine import queue
from qinling.engine.run import attempts
from qinling.engine.run import completion
from qinling.engine.run import images
from qinling.engine.run import invoker as invoker_module
from qinling.engine.run import runner
from qinling.engine.run import tokens as tokens_module
from qinling.engine.workers import builds
from qinling.engine.workers import loader
from qinling.engine.workers import pools
from qinling.engine.workers import provision
from qinling.engine.workers import scaling
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds after which an engine begins with the pools that are there.
RESTORE_PATIENCE = 30


class Engine:
    """Runs executions on the workers of an orchestrator.

    :param code: a :class:`qinling.core.services.Code`.
    :param tracer: a :class:`qinling.telemetry.tracing.Tracer`, or ``None``.
    """

    def __init__(self, conf, db, orchestrator, code, tracer=None):
        self._conf = conf
        self._db = db
        self._orchestrator = orchestrator
        orchestrator.on_lost = self._lost
        self._code = code
        self.owner = (f'{socket.gethostname()[:60]}:{os.getpid()}:'
                      f'{uuid.uuid4().hex[:8]}')
        self._invoker = invoker_module.Invoker()
        self._pools = pools.Pools(db, orchestrator)
        tokens = tokens_module.Tokens(code.keystone, self._later)
        self._builds = builds.Builds(
            conf, db, orchestrator, self._invoker, code, self.owner)
        self._workers = loader.Workers(
            conf, orchestrator, self._invoker, code, tokens, self._builds)
        self._scaling = scaling.Scaling(
            conf.engine.function_concurrency,
            self._pools.having(self._workers.start), self._workers.release)
        self._stopped = threading.Event()
        self._retention = retention.Retention(conf, db, self._stopped.is_set)
        self._scheduler = scheduler.Scheduler(
            conf, db, self.start,
            lambda id, at: self._later(self._reaper.resume, id, at))
        follow = completion.Retries(conf, db, self.start, self._scheduler.later)
        self._attempts = attempts.Attempts(
            conf, self._scaling, self._invoker, tokens,
            images.Images(conf, orchestrator), tracer)
        self._runner = runner.Runner(conf, db, self.owner, self._attempts,
                                     follow, self._builds.settle)
        self._provision = provision.Provision(db, self._scaling, self._later)
        self._reaper = reaper.Reaper(
            conf, db, self.owner, follow, self._known)
        self._presence = heartbeat.Presence(conf, db, orchestrator)
        #: id -> when it was queued, on time.monotonic()
        self._queued = {}
        self._asynchronous = queue.FairQueue(
            conf.engine.threads, self._run_queued)
        self._background = futures.ThreadPoolExecutor(8, 'background')
        self._keeper = self._make_keeper()

    def _make_keeper(self):
        made = tasks.Keeper(self._conf, self._stopped, self._reaper.pause)
        made.often(
            self._renew, self._presence.tell, self._reaper.sweep, self._tend,
            self._provision.tend, lambda: self._scaling.expire(
                self._conf.engine.function_service_expiration),
            self._retention.purge)
        # Not by the keeper itself: its leases must not wait for others.
        made.hourly(
            lambda: self._later(self._code.packages.sweep),
            lambda: self._later(self._code.trusts.sweep),
            lambda: self._later(self._builds.purge),
            lambda: idempotency.purge(self._db))
        return made

    # Life

    def begin(self, alone=False):
        """Make the pools and begin to look after executions.

        :param alone: no other engine uses the database, so that whatever
            it holds of another owner was left behind.
        """
        LOG.info('Engine %s; workers: %s', self.owner,
                 self._orchestrator.describe())
        self._builds.begin(alone)
        futures.wait(self._pools.restore(self._later), RESTORE_PATIENCE)
        if alone:
            self._reaper.recover()
        else:
            self._presence.begin(self.name)
            self._reaper.pause()
        self._keeper.start()
        self._scheduler.begin()

    @property
    def name(self):
        """What it is called on the message bus."""
        return engines.name(self.owner)

    def end(self, patience=None):
        """Let running executions end for a while, then stop them, and
        destroy all workers.

        :param patience: seconds, ``stop_timeout`` unless given.
        """
        self._stopped.set()
        self._scheduler.end()
        self._asynchronous.close()
        self._release_queued()
        self._runner.idle.wait(
            self._conf.engine.stop_timeout if patience is None else patience)
        self._attempts.stopping = True
        # What still runs must end here: others will begin it again.
        for worker in self._scaling.busy():
            self._workers.release(worker)
            self._invoker.abort(worker)
        self._orchestrator.close()
        self._builds.end()
        self._runner.idle.wait(attempts.MARGIN)
        self._background.shutdown(wait=False, cancel_futures=True)
        self._keeper.join()
        self._presence.end()

    def _release_queued(self):
        waiting = set(self._queued) - set(self._runner.held())
        self._queued.clear()
        try:
            self._reaper.release(list(waiting))
        except exception.Unavailable as e:
            LOG.warning('What waited here waits for its leases, too: %s', e)

    def _renew(self):
        age = self._conf.engine.lease / 4
        limit = time.monotonic() - age
        lost = self._reaper.renew(list({
            *self._runner.held(older_than=age),
            *(id for id, since in list(self._queued.items())
              if since <= limit)}))
        for id in lost:
            self.cancel(id)

    def _tend(self):
        self._pools.tend(self._later)
        for worker in self._pools.unneeded():
            self._later(self._workers.release, worker)

    def _known(self):
        return list(self._queued) + self._runner.held()

    def _lost(self, worker):
        """The orchestrator saw a worker die, perhaps before its connections
        tell."""
        self._invoker.abort(worker)
        self._later(self._scaling.drop, worker)

    # Verbs

    def run(self, row, target):
        """Run an execution and wait for its end.

        :param row: dict with ``id``, ``input``, ``sync``, ``owner`` and
            perhaps ``trail``: see
            :meth:`qinling.context.RequestContext.trail`.
        :param target: a :class:`qinling.core.targets.Target`.
        :returns: the columns that were written; ``None`` when another
            engine has it.
        """
        return self._runner.run(row, target)

    def start(self, row, target):
        """Run an execution when a thread is free; returns at once."""
        self._queued[row['id']] = time.monotonic()
        try:
            self._asynchronous.put(target.project_id, target.function_id,
                                   row, target)
        except exception.Unavailable:
            self._queued.pop(row['id'], None)
            raise

    def _run_queued(self, row, target):
        context.following(
            row.get('trail'), target.project_id).use_in_log()
        try:
            self._runner.run(row, target)
        except exception.Unavailable as e:
            LOG.warning('Execution %s is left to a sweep: %s', row['id'], e)
        finally:
            self._queued.pop(row['id'], None)

    def lives(self, owner):
        """Whether an engine can be asked; here it is this one."""
        return owner == self.owner

    def cancel(self, id):
        """Have an execution whose row has ended stop; returns at once."""
        self._later(self._runner.cancel, id)

    def ensure_runtime(self, id, previous_image=None):
        """Have a runtime's pool made or changed; returns at once."""
        self._later(self._pools.ensure, id, previous_image)

    def delete_runtime(self, id):
        """Have a runtime's pool destroyed, and the row with it."""
        self._later(self._pools.delete, id)

    def pool(self, id):
        """``{"total", "available"}`` of a pool, or ``None``."""
        return self._pools.capacity(id)

    def workers(self, function_id, version):
        """Names of the workers that serve a function."""
        return [worker.name for worker in self._orchestrator.claimed()
                if worker.function == f'{function_id}/{version}']

    def workers_of(self, runtime_id):
        """Whether any worker of the runtime serves a function."""
        return any(worker.runtime_id == runtime_id
                   for worker in self._orchestrator.claimed())

    def scale_up(self, target, count):
        """Have ``count`` workers more; returns at once."""
        for _ in range(count):
            self._later(self._scaling.scale_up, target)

    def scale_down(self, target, count):
        """Retire ``count`` workers; one remains."""
        self._later(self._scaling.scale_down, target, count)

    def install(self, target):
        """Have what a function depends on installed; returns at once."""
        self._builds.install(target)

    def detach(self, function_id, version):
        """Retire all workers of a function's version, of all its versions
        if that is ``None``."""
        self._later(self._scaling.detach, lambda target:
                    target.function_id == function_id
                    and version in (None, target.version))

    def figures(self):
        """What it holds, for :class:`qinling.telemetry.metrics.Live`."""
        return metrics_collector.Figures(self._queued, self._runner, self._scaling,
                                         self._orchestrator)()

    def _later(self, action, *args):
        return self._background.submit(self._guarded, action, *args)

    def _guarded(self, action, *args):
        try:
            action(*args)
        except (exception.TemporaryError, exception.PermanentError) as e:
            LOG.warning('%s: %s', action.__name__, e)
        except Exception:
            LOG.exception('%s failed.', action.__name__)
