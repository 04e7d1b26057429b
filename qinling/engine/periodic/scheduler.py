# SPDX-License-Identifier: Apache-2.0
"""Firing jobs, and beginning attempts that had to wait.

Every engine has a scheduler, and none leads.  One transaction moves the next
time of a job by compare-and-swap and writes the execution, so that of
several schedulers one fires a tick, and none when it dies before the commit.
If it dies after that, the execution waits for a sweep like any other.
"""

import collections
import dataclasses
import datetime
import heapq
import random
import threading
import time

from oslo_log import log

from qinling import context
from qinling.core.execution import executions
from qinling.core.execution import inputs
from qinling.core import targets
from qinling.core.trigger import schedule
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import JobStatus
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

_MODEL = models.Job
#: The condition that a job is as it was read.
_AS_READ = crud.given(_MODEL.revision, 'read_revision')
#: Seconds between two looks at what becomes due until the next.
INTERVAL = 1
#: Jobs that one look finds at most.
PAGE = 400
#: Jobs that one transaction fires.
BATCH = 50


class Scheduler:
    """The scheduler of one engine.

    :param submit: function of (row dict, target) that queues an execution
        on this engine.
    :param resume: function of (id, time) that begins the attempt of an
        execution that waits until that time.
    """

    def __init__(self, conf, db, submit, resume):
        self._conf = conf
        self._db = db
        self._submit = submit
        self._resume = resume
        self._attempts = []
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(
            target=self._run, name='scheduler', daemon=True)

    def begin(self):
        """Fire jobs from now on."""
        self._thread.start()

    def end(self):
        """Fire nothing more."""
        self._stopped = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def later(self, at, id):
        """Begin an attempt of an execution at a time."""
        with self._lock:
            heapq.heappush(self._attempts, (at, id))
        self._woken.set()

    def _run(self):
        while not self._stopped:
            try:
                self.turn()
            except exception.Unavailable as e:
                LOG.warning('The scheduler waits: %s', e)
                self._wait(INTERVAL)
            except Exception:
                LOG.exception('The scheduler goes on after a fault.')
                self._wait(INTERVAL)

    def _wait(self, seconds):
        self._woken.wait(seconds)
        self._woken.clear()

    def turn(self):
        """Look once, and do all that becomes due until the next look; at
        once if there is more than one look finds."""
        end = time.monotonic() + INTERVAL
        rows = collections.deque(self.look())
        full = len(rows) == PAGE
        while not self._stopped:
            due = []
            while rows and rows[0].next_execution_time <= models.now():
                due.append(rows.popleft())
            behind = self.fire(due)
            self._begin_attempts()
            left = end - time.monotonic()
            if left <= 0 or behind or full and not rows:
                return
            self._wait(min(left, self._until(rows)))

    def look(self):
        """The jobs that become due before the next look, in their order.

        If there are more than it may find, half of the looks find the
        latest of them, so that jobs which are in time do not wait behind
        many that make up for an outage.
        """
        horizon = models.now() + datetime.timedelta(seconds=INTERVAL)
        at = _MODEL.next_execution_time
        rows = self._db.read(lambda tx: crud.find(
            tx, _MODEL, _MODEL.status == JobStatus.RUNNING.value,
            at <= horizon, limit=PAGE,
            order=(random.choice((at.asc(), at.desc())),)))
        return sorted(rows, key=lambda row: row.next_execution_time)

    def _until(self, rows):
        """Seconds until the next thing that this scheduler knows of."""
        with self._lock:
            times = [at for at, _ in self._attempts[:1]]
        times += [row.next_execution_time for row in list(rows)[:1]]
        left = [(at - models.now()).total_seconds() for at in times]
        return max(0, min(left, default=INTERVAL))

    def _begin_attempts(self):
        while True:
            with self._lock:
                if not (self._attempts
                        and self._attempts[0][0] <= models.now()):
                    return
                at, id = heapq.heappop(self._attempts)
            self._resume(id, at)

    def fire(self, due):
        """Fire jobs; whether any of them is due again."""
        batches = [due[start:start + BATCH]
                   for start in range(0, len(due), BATCH)]
        # Schedulers that do not begin with the same ones help each other.
        random.shuffle(batches)
        found = [self._try(batch) for batch in batches]
        return any(found)

    def _try(self, jobs):
        try:
            return self._together(jobs)
        except exception.Unavailable:
            raise
        except Exception as e:
            if len(jobs) == 1:
                return self._alone(jobs[0], e)
            # One of them is at fault: each alone finds out which.
            found = [self._try([job]) for job in jobs]
            return any(found)

    def _alone(self, job, error):
        if isinstance(error, crud.DuplicateEntry):
            # It was fired before, and the clock was set back since.
            return self._together([job], fired=True)
        self._give_up(job, error)
        return False

    def _together(self, jobs, fired=False):
        now = models.now()
        grace = self._conf.engine.misfire_grace
        # All transactions take jobs in one order, then functions in one.
        steps = [(job, schedule.step(job, now, grace))
                 for job in sorted(jobs, key=lambda job: job.id)]
        if fired:
            steps = [(job, dataclasses.replace(step, tick=None))
                     for job, step in steps]
        made, behind = self._db.write(lambda tx: self._move(tx, steps, now))
        metrics.ticks_fired.inc(len(made))
        for row, target in made:
            try:
                self._submit(row, target)
            except exception.Unavailable as e:
                LOG.warning('Execution %s waits for a sweep: %s', row['id'],
                            e)
        return behind

    def _move(self, tx, steps, now):
        """Move the jobs that are still as they were read, and write their
        executions.

        :returns: a list of (row dict, target), and whether a job is due
            again.
        """
        won = [(job, step) for job, step in steps if crud.move(
            tx, _MODEL, job.id, step.status, _AS_READ,
            params={'read_revision': job.revision},
            updated_at=_MODEL.updated_at, **step.values)]
        made = []
        for job, step in won:
            tick = step.tick
            if tick is None:
                continue
            try:
                target = self._resolve(tx, job)
            except exception.NotFound as e:
                self._explain(tx, job, f'The tick of {tick.isoformat()}Z '
                              f'could not be run: {e}')
                continue
            row = self._row(job, tick, target)
            executions.begin(tx, target, row)
            made.append((row, target))
        times = [step.values['next_execution_time'] for _, step in won]
        return made, any(time is not None and time <= now for time in times)

    def _resolve(self, tx, job):
        return targets.resolve(
            tx, context.owner(job.project_id), job.function_id,
            job.function_version, job.function_alias, key=models.new_id())

    def _row(self, job, tick, target):
        return executions.prepared(
            self._conf, target, sync=False, job_id=job.id, scheduled_at=tick,
            description=f'Created by Job {job.id}',
            input=inputs.normalise(job.function_input))

    def _explain(self, tx, job, reason):
        LOG.warning('Job %s: %s', job.id, reason)
        metrics.ticks_refused.inc()
        crud.update(tx, _MODEL, job.id, {
            'status_reason': reason, 'updated_at': _MODEL.updated_at})

    def _give_up(self, job, error):
        """Pause a job that cannot be fired, so that it is seen."""
        if isinstance(error, exception.QinlingError):
            reason = str(error)
        else:
            LOG.error('Job %s cannot be fired.', job.id, exc_info=error)
            reason = 'An internal fault of the service; see its log.'
        reason = f'The job cannot be fired, and is paused: {reason}'
        LOG.warning('Job %s: %s', job.id, reason)
        self._db.write(lambda tx: crud.move(
            tx, _MODEL, job.id, JobStatus.PAUSED.value, _AS_READ,
            params={'read_revision': job.revision}, status_reason=reason))
