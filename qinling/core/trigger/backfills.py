# SPDX-License-Identifier: Apache-2.0
"""Executions for fire times that a job missed."""

from collections.abc import Sequence
import dataclasses
import datetime
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.trigger import ledger
from qinling.core.trigger import overlap
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import FireStatus
from qinling.states import Overlap

LOG = log.getLogger(__name__)

#: Executions of one transaction.
_BATCH_ROWS = 50
MAX_INTERVAL_SECONDS = 86400


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of a backfill.

    :ivar dry_run: only return the times.
    :ivar overlap: overlap policy, by default that of the job.
    :ivar interval: seconds between the starts of two executions.
    """

    dry_run: bool = False
    overlap: str | None = None
    interval: int = 0

    def check(self, job: typing.Any) -> str:
        """Return the overlap policy.

        :raises Invalid: an option is not valid.
        """
        policy = str(self.overlap or job.overlap)
        names = [policy.value for policy in Overlap]
        if policy not in names:
            raise exception.Invalid(
                f'overlap must be one of: {", ".join(names)}.')
        if not 0 <= self.interval <= MAX_INTERVAL_SECONDS:
            raise exception.Invalid('interval must be at least 0 and at most '
                                    f'{MAX_INTERVAL_SECONDS}.')
        if self.interval and policy != Overlap.ALLOW:
            raise exception.Invalid(
                'interval needs the overlap policy allow; with other '
                'policies, no two executions run at the same time.')
        return policy


class Backfiller:
    """Writes and starts the executions of backfills."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient) -> None:
        self._conf = conf
        self._db = db
        self._engine = engine

    def run(self, job_id: str, times: Sequence[datetime.datetime],
            policy: str, interval: int) -> list[datetime.datetime]:
        """Run, queue or skip fire times.

        :returns: the times that no other backfill was faster with.
        """
        done: list[datetime.datetime] = []
        start = models.now()
        for index in range(0, len(times), _BATCH_ROWS):
            starts = [(time, start + datetime.timedelta(
                seconds=interval * (index + number)))
                for number, time in enumerate(
                    times[index:index + _BATCH_ROWS])]
            effects, written = self._db.write(
                lambda tx: self._write(tx, job_id, starts, policy))
            done += written
            self._carry_out(effects)
        return done

    def _write(self, tx: session.Connection, job_id: str,
               starts: Sequence[tuple[datetime.datetime, datetime.datetime]],
               policy: str) -> tuple[overlap.Effects, list[datetime.datetime]]:
        """Decide about times without an execution."""
        # Two backfills of a job follow one another.
        job = crud.get(tx, context.admin(), models.Job, lock=True, id=job_id)
        if job is None:
            raise exception.JobNotFound(id=job_id)
        effects = overlap.Effects()
        turn = overlap.Turn(tx, self._conf, job, effects, policy,
                            FireStatus.BACKFILLED)
        queued = {row.scheduled_at for row in ledger.list_queue(tx, job_id)}
        done = []
        for time, start in starts:
            if time in queued or overlap.has_run(tx, job_id, time):
                continue
            turn.fire_next(time, start)
            done.append(time)
        return effects, done

    def _carry_out(self, effects: overlap.Effects) -> None:
        """Start executions that need not wait, and stop cancelled ones."""
        try:
            for id in effects.cancelled_ids:
                self._engine.cancel(id)
            for new in effects.new:
                if new.flow or not new.row.next_attempt_at:
                    engine_client.hand_over(self._engine, new)
        except exception.Unavailable as e:
            LOG.warning('Could not notify an engine of a backfill; the '
                        'reaper will requeue its executions: %s', e)
