# SPDX-License-Identifier: Apache-2.0
"""Runs of plans, and their shrinking."""

import contextlib
import dataclasses
import datetime
import gc
import logging
import os
import tempfile
from unittest import mock

from qinling.db import models
from qinling.engine import service
from qinling.tests.simulation import cloud as cloud_module
from qinling.tests.simulation import database
from qinling.tests.simulation import faults
from qinling.tests.simulation import guards
from qinling.tests.simulation import invariants
from qinling.tests.simulation import patches
from qinling.tests.simulation import scheduler as scheduler_module
from qinling.tests.simulation import threads
from qinling.tests.simulation import workload

#: Seconds after the faults in which everything must end, and seconds between
#: two checks.
MAX_QUIET_SECONDS, CHECK_SECONDS = 200, 3
#: Seconds for late messages and delayed attempts.
MIN_QUIET_SECONDS = 9


@dataclasses.dataclass
class Report:
    """Result of a run."""

    seed: int
    plan: faults.Plan
    violations: list
    steps: int
    seconds: float


class _Tracebacks(logging.Handler):
    """Lets a run fail whose log has a traceback."""

    def emit(self, record):
        """Record the error of a living process."""
        scheduler = threads.current()
        error = record.exc_info and record.exc_info[1]
        task = scheduler and scheduler.current
        if task and isinstance(error, Exception):
            scheduler.fail(task.process, task.name, error)


@contextlib.contextmanager
def _watched_log():
    """Log nothing; watch for tracebacks.

    SQLAlchemy reports the connections of ended processes.
    """
    level, logger = logging.root.manager.disable, logging.getLogger('qinling')
    handler, propagate = _Tracebacks(), logger.propagate
    pool = logging.getLogger('sqlalchemy')
    pool_level = pool.level
    pool.setLevel(logging.CRITICAL)
    logging.disable(logging.WARNING)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        pool.setLevel(pool_level)
        logger.propagate = propagate
        logger.removeHandler(handler)
        logging.disable(level)


def create_directory():
    """Return a context manager with a directory in memory, if possible."""
    base = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix='qinling-simulation-', dir=base)


class Simulation:
    """Simulation with a database of its own."""

    def __init__(self, directory=None):
        self._stack = contextlib.ExitStack()
        if directory is None:
            directory = self._stack.enter_context(create_directory())
        self._stack.enter_context(_watched_log())
        path = os.path.join(directory, 'database')
        self._stack.enter_context(patches.installed())
        database.FILE.__init__()
        database.FILE.create(path, models.Base.metadata)
        self._stack.callback(database.FILE.close)
        self._conf = cloud_module.create_conf(path)
        cloud_module.fill(self._conf)
        # Collections would look at all modules many times per run.
        gc.collect()
        gc.freeze()
        # Connections of ended processes go while the log is off.
        self._stack.callback(gc.collect)
        self._stack.callback(gc.unfreeze)

    def close(self):
        """Restore everything."""
        self._stack.close()

    def run_seed(self, seed, guard=None, trace=None):
        """Run the plan of a seed; return the report."""
        return self.run(seed, workload.create_plan(seed), guard, trace)

    def run(self, seed, plan, guard=None, trace=None):
        """Run a plan.

        :param guard: name of a guard to leave out.
        :param trace: list for the lines of a trace.
        """
        scheduler = scheduler_module.Scheduler(f'order {seed}', trace)
        threads.use(scheduler)
        database.FILE.reset()
        conf = self._conf
        conf.set_override('enabled', plan.setup.is_direct, group='direct')
        database.FILE.change('UPDATE quotas SET concurrent_executions = ?',
                             plan.setup.quota)
        fates = faults.Fates(plan)
        cloud = cloud_module.Cloud(conf, scheduler, plan.setup, fates)
        load = workload.Workload(cloud, plan.requests)
        with contextlib.ExitStack() as stack:
            if guard is not None:
                stack.enter_context(guards.removed(guard))
            if not plan.setup.has_all_turns:
                stack.enter_context(mock.patch.object(
                    service, 'decisions', _NoTurns))
            violations = self._run(cloud, load, fates, plan)
        steps, seconds = scheduler.steps, scheduler.now
        return Report(seed, plan, violations, steps, seconds)

    def _run(self, cloud, load, fates, plan):
        scheduler = cloud.scheduler
        try:
            fates.cloud = cloud
            cloud.start()
            fates.begin(cloud)
            load.start()
            scheduler.run(faults.SECONDS)
            self._calm(cloud, fates)
            self._settle(cloud, load)
            return invariants.check(
                invariants.Result(plan, cloud, load.history))
        except scheduler_module.Livelock as e:
            return [f'livelock: {e}']
        finally:
            scheduler.close()

    @staticmethod
    def _calm(cloud, fates):
        """End all faults."""
        fates.is_over = True
        latest = max([datetime.timedelta(0), *(
            process.skew for process in cloud.processes.values())])
        for process in cloud.processes.values():
            process.skew = latest
        cloud.final_skew = latest

    def _settle(self, cloud, load):
        """Let time go on until everything has ended."""
        scheduler = cloud.scheduler
        start = quiet_since = scheduler.now
        while scheduler.now < start + MAX_QUIET_SECONDS:
            target = scheduler.now + CHECK_SECONDS
            scheduler.run(target)
            scheduler.now = max(scheduler.now, target)
            for process in cloud.processes.values():
                process.skew = cloud.final_skew
            if cloud.restarts or any(process.is_frozen for process
                                     in cloud.processes.values()):
                quiet_since = scheduler.now
            if scheduler.now >= quiet_since + MIN_QUIET_SECONDS and (
                    not load.waiting and not database.FILE.select(
                        "SELECT 1 FROM executions WHERE status = 'running' "
                        'LIMIT 1')):
                return


class _NoTurns:
    """No turns of rollouts, operations and budgets."""

    @staticmethod
    def list_turns(conf, db, engine, stopped):
        """Return no turns."""
        return []


def shrink(simulation, seed, plan, guard=None):
    """Return a smaller plan that still breaks an invariant."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for name in ('faults', 'requests'):
            for place in reversed(range(len(getattr(plan, name)))):
                smaller = plan.without(**{name: (place,)})
                if simulation.run(seed, smaller, guard).violations:
                    plan, is_smaller = smaller, True
    return plan
