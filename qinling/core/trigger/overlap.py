# SPDX-License-Identifier: Apache-2.0
"""Fire times of jobs that meet earlier executions.

A fire time runs, waits or is skipped by the overlap policy of its job.  A job
with a policy, or with a limit of failures, watches its executions: a row of
:class:`qinling.db.models.JobRun` for each.  The row of the job is locked in
every transaction of this module, so several engines decide one after the
other, and the decision commits with the execution and the ledger.
"""

import dataclasses
import datetime
import typing

from oslo_config import cfg

from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.core.trigger import base
from qinling.core.trigger import jobs
from qinling.core.trigger import ledger
from qinling.db import crud
from qinling.db import job_queries
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.states import FireStatus
from qinling.states import JobStatus
from qinling.states import Overlap

_JOB, _RUN = models.Job, models.JobRun
_QUEUING = (Overlap.QUEUE_ONE, Overlap.QUEUE_ALL)
#: Fire times of one job that wait.
MAX_QUEUED = 1000
_FAILURES = (ExecutionStatus.FAILED, ExecutionStatus.ERROR)
#: Reason of a fire time that waits in a backfill.
BACKFILL_REASON = 'The backfill waits for the end of an earlier execution.'


@dataclasses.dataclass
class Effects:
    """What an engine does after the commit.

    ``refused`` and ``paused`` have jobs with reasons.
    """

    new: list[records.NewExecution] = dataclasses.field(default_factory=list)
    cancelled_ids: list[str] = dataclasses.field(default_factory=list)
    refused: list[tuple[typing.Any, str]] = dataclasses.field(
        default_factory=list)
    paused: list[tuple[typing.Any, str]] = dataclasses.field(
        default_factory=list)


def is_watched(job: typing.Any) -> bool:
    """Return whether a job watches its executions."""
    return job.overlap != Overlap.ALLOW or job.max_failures is not None


class Turn:
    """Decisions about one job within a transaction that locks its row.

    :param policy: overlap policy, by default that of the job.
    :param status: status in the ledger of the times that run.
    """

    def __init__(self, tx: session.Connection, conf: cfg.ConfigOpts,
                 job: typing.Any, effects: Effects,
                 policy: str | None = None,
                 status: FireStatus = FireStatus.FIRED) -> None:
        self._tx = tx
        self._conf = conf
        self._job = job
        self._effects = effects
        self._policy = policy or job.overlap
        self._status = status
        self._is_watched = is_watched(job) or self._policy != Overlap.ALLOW
        self._failures: int = job.failures

    def fire(self, time: datetime.datetime, status: str) -> None:
        """Run, queue or skip a fire time of the job.

        :param status: of the job after this fire time.
        """
        if not self._is_watched:
            self._run(time, self._status)
            return
        running, failures = self._settle()
        if (status == JobStatus.RUNNING
                and (reason := self._pause(failures)) is not None):
            self._note(FireStatus.PAUSED, time, reason=reason)
            return
        self._fire_beside(running, time)

    def fire_next(self, time: datetime.datetime, start: datetime.datetime
                  ) -> None:
        """Run, queue or skip a fire time of a backfill.

        :param start: time from which an execution beside others may start.
        """
        if self._policy == Overlap.ALLOW:
            self._run(time, self._status, start)
            return
        running, _failures = self._settle()
        self._fire_beside(running, time)

    def _fire_beside(self, running: list[str], time: datetime.datetime
                     ) -> None:
        """Run, queue or skip a fire time during executions."""
        if self._policy in _QUEUING and not running:
            # An execution has ended a moment ago.
            running = self._start_queued()
        if running and self._policy == Overlap.CANCEL_OTHER:
            self._cancel(running)
        elif running and self._policy != Overlap.ALLOW:
            self._hold(running, time)
            return
        self._run(time, self._status)

    def settle(self) -> None:
        """Count ended executions, then pause the job or go on."""
        running, failures = self._settle()
        if (self._job.status == JobStatus.RUNNING
                and self._pause(failures) is not None):
            return
        if not running:
            self._start_queued()

    def _settle(self) -> tuple[list[str], int]:
        """Stop to watch ended executions, and count failures in a row.

        :returns: ids of running executions, and the number of failures.
        """
        running, ended, failures = [], [], self._failures
        for id, status in job_queries.list_runs(self._tx, self._job.id):
            if status == ExecutionStatus.RUNNING:
                running.append(id)
                continue
            ended.append(id)
            if status in _FAILURES:
                failures += 1
            elif status == ExecutionStatus.SUCCESS:
                failures = 0
        if ended:
            crud.delete_all(self._tx, _RUN, _RUN.execution_id.in_(ended))
        if failures != self._failures:
            self._failures = failures
            self._update(failures=failures)
        return running, failures

    def _pause(self, failures: int) -> str | None:
        """Pause the job after too many failures; return the reason."""
        limit = self._job.max_failures
        if limit is None or failures < limit:
            return None
        last = 'execution' if failures == 1 else f'{failures} executions'
        reason = (f'The job is paused: its last {last} failed. Correct the '
                  'cause, then resume the job.')
        crud.change_status(
            self._tx, _JOB, self._job.id, JobStatus.PAUSED.value,
            status_reason=reason, updated_at=_JOB.updated_at)
        ledger.end_queue(self._tx, self._job, FireStatus.PAUSED, reason)
        self._effects.paused.append((self._job, reason))
        return reason

    def _cancel(self, running: list[str]) -> None:
        for id in running:
            if lifecycle.cancel(self._tx, id):
                self._effects.cancelled_ids.append(id)
        crud.delete_all(self._tx, _RUN, _RUN.execution_id.in_(running))

    def _hold(self, running: list[str], time: datetime.datetime) -> None:
        """Queue or skip a fire time."""
        reason = f'Execution {running[0]} of the job still runs.'
        if self._policy in _QUEUING:
            waiting = ledger.count_queue(self._tx, self._job.id)
            limit = (1 if self._policy == Overlap.QUEUE_ONE else MAX_QUEUED)
            if waiting < limit:
                self._note(FireStatus.QUEUED, time, reason=(
                    BACKFILL_REASON if self._status == FireStatus.BACKFILLED
                    else reason))
                return
            reason = f'{reason[:-1]}, and {waiting} fire times wait.'
        self._note(FireStatus.SKIPPED, time, reason=reason)
        self._update(status_reason=f'The fire time {time.isoformat()}Z was '
                                   f'skipped: {reason}')

    def _start_queued(self) -> list[str]:
        """Run the first queued fire time that can run; return its id."""
        for row in ledger.list_queue(self._tx, self._job.id):
            ledger.remove(self._tx, row)
            if has_run(self._tx, self._job.id, row.scheduled_at):
                continue
            status = (FireStatus.BACKFILLED if row.reason == BACKFILL_REASON
                      else FireStatus.FIRED)
            self._is_watched = True
            if (id := self._run(row.scheduled_at, status)) is not None:
                return [id]
        return []

    def _run(self, time: datetime.datetime, status: FireStatus,
             start: datetime.datetime | None = None) -> str | None:
        """Write the execution of a fire time; return its id.

        Without a target or a quota, note the refusal and return ``None``.
        """
        try:
            new = base.write(self._tx, self._conf, self._job.project_id,
                             jobs.create_request(self._job, time), start)
        except (exception.NotFound, exception.QuotaExceeded,
                exception.InputRefused) as e:
            reason = (f'The fire time {time.isoformat()}Z could not be run: '
                      f'{e}')
            self._update(status_reason=reason)
            self._note(FireStatus.REFUSED, time, reason=str(e))
            self._effects.refused.append((self._job, reason))
            return None
        self._note(status, time, execution_id=new.row.id)
        if self._is_watched:
            crud.insert(self._tx, _RUN, execution_id=new.row.id,
                        job_id=self._job.id)
        self._effects.new.append(new)
        return new.row.id

    def _note(self, status: FireStatus, time: datetime.datetime,
              **values: typing.Any) -> None:
        ledger.note(self._tx, self._job, status, time, **values)

    def _update(self, **values: typing.Any) -> None:
        crud.update(self._tx, _JOB, self._job.id, {
            **values, 'updated_at': _JOB.updated_at})


def has_run(tx: session.Connection, job_id: str, time: datetime.datetime
            ) -> bool:
    """Return whether a fire time has an execution."""
    return crud.exists(tx, models.Execution,
                       models.Execution.job_id == job_id,
                       models.Execution.scheduled_at == time)
