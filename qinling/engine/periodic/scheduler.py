# SPDX-License-Identifier: Apache-2.0
"""Scheduler: fires due jobs and starts delayed attempts.

Every engine has a scheduler, without a leader.  A transaction moves the next
fire time of a job by compare-and-swap and writes the execution, so a single
scheduler fires, or no scheduler if the process dies before the commit.
After a death behind the commit, the reaper of any engine finds the execution.
"""

import collections
from collections.abc import Sequence
import dataclasses
import datetime
import heapq
import random
import threading
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core.trigger import ledger
from qinling.core.trigger import overlap
from qinling.core.trigger import schedule
from qinling.db import crud
from qinling.db import models
from qinling.db import periodic_queries
from qinling.db import session
from qinling.engine import background as background_module
from qinling.engine.periodic import job_runs
from qinling import exception
from qinling.states import JobStatus
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

_MODEL = models.Job
#: Condition: the job is as it was read.
_UNCHANGED = crud.equals_parameter(_MODEL.revision, 'read_revision')
#: Seconds between two polls for due jobs.
POLL_INTERVAL_SECONDS = 1
#: Jobs of one poll.
MAX_POLL_ROWS = 400
#: Jobs of one transaction.
MAX_BATCH_ROWS = 50

_Decisions = Sequence[tuple[typing.Any, schedule.FireDecision]]


class Resumer(typing.Protocol):
    """Start of delayed attempts."""

    def resume(self, id: str, at: datetime.datetime) -> None:
        """Start the attempt that waited until ``at``."""


class Scheduler:
    """Scheduler of one engine.

    ``resumer`` has to be set before :meth:`start`.
    """

    resumer: Resumer

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: job_runs.Engine,
                 background: background_module.Background) -> None:
        self._conf = conf
        self._db = db
        self._consequences = job_runs.Consequences(conf, engine)
        self._background = background
        self._attempts: list[tuple[datetime.datetime, str]] = []
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(
            target=self._run, name='scheduler', daemon=True)

    def start(self) -> None:
        """Start the thread that fires jobs."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._stopped = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def schedule(self, at: datetime.datetime, id: str) -> None:
        """Start an attempt of an execution at a time."""
        with self._lock:
            heapq.heappush(self._attempts, (at, id))
        self._woken.set()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self.run_once()
            except exception.Unavailable as e:
                LOG.warning('Could not fire due jobs: %s', e)
                self._wait(POLL_INTERVAL_SECONDS)
            except Exception:
                LOG.exception('Could not fire due jobs.')
                self._wait(POLL_INTERVAL_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def run_once(self) -> None:
        """Poll once, and fire everything due before the next poll.

        Return immediately when one poll could not read all due jobs.
        """
        end = time.monotonic() + POLL_INTERVAL_SECONDS
        rows = collections.deque(self.poll())
        is_full = len(rows) == MAX_POLL_ROWS
        while not self._stopped:
            due = []
            while rows and rows[0].next_execution_time <= models.now():
                due.append(rows.popleft())
            is_behind = self.fire(due)
            self._start_attempts()
            remaining = end - time.monotonic()
            if remaining <= 0 or is_behind or is_full and not rows:
                return
            self._wait(min(remaining, self._seconds_to_next(rows)))

    def poll(self) -> list[typing.Any]:
        """Return the jobs due before the next poll, in order.

        With too many jobs for a poll, every second poll reads the latest
        jobs, so that jobs in time do not wait behind the backlog of an
        outage.
        """
        horizon = models.now() + datetime.timedelta(
            seconds=POLL_INTERVAL_SECONDS)
        rows = self._db.read(
            periodic_queries.list_due_jobs, horizon, MAX_POLL_ROWS,
            latest=random.choice((False, True)))
        return sorted(rows, key=_fire_time)

    def _seconds_to_next(self, rows: Sequence[typing.Any]) -> float:
        """Return the seconds until the next job or attempt."""
        with self._lock:
            times = [at for at, _ in self._attempts[:1]]
        times += [row.next_execution_time for row in list(rows)[:1]]
        seconds = [(at - models.now()).total_seconds() for at in times]
        return max(0, min(seconds, default=POLL_INTERVAL_SECONDS))

    def _start_attempts(self) -> None:
        while True:
            with self._lock:
                if not (self._attempts
                        and self._attempts[0][0] <= models.now()):
                    return
                at, id = heapq.heappop(self._attempts)
            self._background.submit(self.resumer.resume, id, at)

    def fire(self, due: Sequence[typing.Any]) -> bool:
        """Fire jobs.

        :returns: whether any of the jobs is due again.
        """
        batches = [due[start:start + MAX_BATCH_ROWS]
                   for start in range(0, len(due), MAX_BATCH_ROWS)]
        # Schedulers that start with different batches share the work.
        random.shuffle(batches)
        return any([self._fire_batch(batch) for batch in batches])

    def _fire_batch(self, jobs: Sequence[typing.Any]) -> bool:
        try:
            return self._fire_together(jobs)
        except exception.Unavailable:
            raise
        except Exception as e:
            if len(jobs) == 1:
                return self._handle_error(jobs[0], e)
            # Fire the jobs one by one to find the faulty one.
            return any([self._fire_batch([job]) for job in jobs])

    def _handle_error(self, job: typing.Any, error: Exception) -> bool:
        if isinstance(error, crud.DuplicateEntry):
            # The clock was set back behind a fire time of the past.
            return self._fire_together([job], is_fired=True)
        self._pause(job, error)
        return False

    def _fire_together(self, jobs: Sequence[typing.Any],
                       is_fired: bool = False) -> bool:
        now = models.now()
        grace = self._conf.engine.misfire_grace
        # All transactions lock jobs in one order, then functions in one.
        decisions = [(job, schedule.decide(job, now, grace))
                     for job in sorted(jobs, key=_id)]
        if is_fired:
            decisions = [(job, dataclasses.replace(decision, fire_time=None))
                         for job, decision in decisions]
        effects, is_behind = self._db.write(
            lambda tx: self._write(tx, decisions, now))
        metrics.fire_times_fired.inc(len(effects.new))
        self._consequences.carry_out(effects)
        return is_behind

    def _write(self, tx: session.Connection, decisions: _Decisions,
               now: datetime.datetime
               ) -> tuple[overlap.Effects, bool]:
        """Move the unchanged jobs and write their executions.

        :returns: what remains to do, and whether a job is due again.
        """
        moved = [(job, decision) for job, decision in decisions
                 if crud.change_status(
            tx, _MODEL, job.id, decision.status, _UNCHANGED,
            params={'read_revision': job.revision},
            updated_at=_MODEL.updated_at, **decision.values)]
        effects = overlap.Effects()
        for job, decision in moved:
            ledger.note_segments(tx, job, decision.segments)
            if decision.fire_time is not None:
                overlap.Turn(tx, self._conf, job, effects).fire(
                    decision.fire_time, decision.status)
        times = [decision.values['next_execution_time']
                 for _, decision in moved]
        return effects, any(
            time is not None and time <= now for time in times)

    def _pause(self, job: typing.Any, error: Exception) -> None:
        """Pause a faulty job, so that users see the fault."""
        if isinstance(error, exception.QinlingError):
            reason = str(error)
        else:
            LOG.error('Could not fire job %s.', job.id, exc_info=error)
            reason = exception.INTERNAL_FAULT
        reason = f'The job cannot be fired, and is paused: {reason}'
        LOG.warning('Pausing job %s: %s', job.id, reason)
        self._db.write(lambda tx: crud.change_status(
            tx, _MODEL, job.id, JobStatus.PAUSED.value, _UNCHANGED,
            params={'read_revision': job.revision}, status_reason=reason))


def _fire_time(row: typing.Any) -> datetime.datetime:
    time: datetime.datetime = row.next_execution_time
    return time


def _id(row: typing.Any) -> str:
    return str(row.id)
