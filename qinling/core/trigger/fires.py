# SPDX-License-Identifier: Apache-2.0
"""Fire times of jobs in the past and in the future, and backfills."""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import datetime
import itertools
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import collection
from qinling.core import engine_client
from qinling.core.trigger import backfills
from qinling.core.trigger import patterns
from qinling.core.trigger import schedule
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import FireStatus
from qinling.states import Overlap

_TABLE = models.JobFire
#: Fire times of one answer, and of one backfill.
MAX_FIRES = 1000
#: Fire times of an answer to a request without a range, if possible.
MAX_DEFAULT_FIRES = 200
#: Fire times that a job with ``count`` may skip before an answer.
MAX_SKIPPED = 5 * MAX_FIRES
#: Range of an answer by default, before and after now, and the shortest one.
DEFAULT_RANGE = datetime.timedelta(days=1)
MIN_DEFAULT_RANGE = datetime.timedelta(minutes=1)
#: Statuses of times without an execution.
MISSED = (FireStatus.SKIPPED.value, FireStatus.REFUSED.value,
          FireStatus.PAUSED.value)
_PASSED_OVER = (*MISSED, FireStatus.EXCLUDED.value)


@dataclasses.dataclass(frozen=True)
class Fire:
    """A fire time and what became of it; ``late`` is in seconds."""

    scheduled_at: datetime.datetime
    status: str
    late: float | None = None
    reason: str | None = None
    execution_id: str | None = None


class Fires(collection.Collection):
    """Operations on the fire times of jobs."""

    model = models.Job
    not_found = exception.JobNotFound

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient) -> None:
        super().__init__(db)
        self._backfiller = backfills.Backfiller(conf, db, engine)

    def list_range(self, ctx: context.RequestContext, id: str,
                   since: datetime.datetime | None = None,
                   until: datetime.datetime | None = None
                   ) -> Sequence[Fire]:
        """Return the fire times of a job in a range, the first first.

        :param since: by default a day before now, less for a job that fires
            often.
        :param until: by default as long after now.
        :raises Invalid: the range has more than :data:`MAX_FIRES` times.
        """
        job = self.get(ctx, id)
        now = models.now()
        limit = MAX_FIRES if since or until else MAX_DEFAULT_FIRES
        reach = DEFAULT_RANGE
        while True:
            fires = self._list(job, since or min(now, until or now) - reach,
                               until or max(now, since or now) + reach, now)
            if len(fires) <= limit or (since and until) or (
                    reach < MIN_DEFAULT_RANGE):
                break
            reach /= 2
        if len(fires) > MAX_FIRES:
            raise exception.Invalid(
                f'The range has more than {MAX_FIRES} fire times; ask for a '
                'shorter range.')
        return fires

    def _list(self, job: typing.Any, since: datetime.datetime,
              until: datetime.datetime, now: datetime.datetime) -> list[Fire]:
        """Return the fire times in a range, or too many of them."""
        if since > until:
            raise exception.Invalid('since must not be after until.')
        coming = _skip(schedule.iterate(job, now, since), since)
        return self._read(job, since, until) + [
            Fire(time, FireStatus.PLANNED.value) for time
            in itertools.islice(itertools.takewhile(
                lambda time: time <= until, coming), MAX_FIRES + 1)]

    def _read(self, job: typing.Any, since: datetime.datetime,
              until: datetime.datetime) -> list[Fire]:
        """Return the fire times of the past, one entry for each time."""
        rows = self._db.read(
            crud.select, _TABLE, _TABLE.job_id == job.id,
            _TABLE.scheduled_at <= until,
            (_TABLE.scheduled_at >= since) | (_TABLE.until >= since),
            limit=MAX_FIRES + 1)
        fires: dict[datetime.datetime, Fire] = {}
        for row in rows:
            if len(fires) > MAX_FIRES:
                break
            for time in itertools.islice(
                    _expand(row, since, until), MAX_FIRES + 1):
                # A backfill follows what was missed.
                if time not in fires or fires[time].status in _PASSED_OVER:
                    fires[time] = _create(row, time)
        return [fires[time] for time in sorted(fires)]

    def backfill(self, ctx: context.RequestContext, id: str,
                 since: datetime.datetime, until: datetime.datetime | None,
                 options: backfills.Options = backfills.Options()
                 ) -> Sequence[Fire]:
        """Run a job for the fire times that it missed in a range.

        Each time runs once, however often a backfill is asked for.

        :param until: by default now.
        :returns: the times, with their executions.
        :raises Invalid: an option is not valid.
        """
        job = self.get(ctx, id)
        policy = options.check(job)
        # Times to come are no business of a backfill.
        until = min(until or models.now(), models.now())
        missed = [fire.scheduled_at for fire
                  in self.list_range(ctx, id, since, until)
                  if fire.status in MISSED]
        if policy == Overlap.CANCEL_OTHER:
            # Later times would cancel all but the last.
            missed = missed[-1:]
        if not options.dry_run:
            missed = self._backfiller.run(id, missed, policy,
                                          options.interval)
        times = set(missed)
        return [fire for fire in self.list_range(ctx, id, since, until)
                if fire.scheduled_at in times] if times else []


def _skip(times: Iterator[datetime.datetime], since: datetime.datetime
          ) -> Iterator[datetime.datetime]:
    """Yield the times from ``since`` on.

    :raises Invalid: too many times come before.
    """
    for number, time in enumerate(times):
        if time >= since:
            yield time
        elif number >= MAX_SKIPPED:
            raise exception.Invalid(
                f'More than {MAX_SKIPPED} fire times come before the range; '
                'ask for an earlier range.')


def _expand(row: typing.Any, since: datetime.datetime,
            until: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield the times of a row within a range."""
    if row.until is None:
        yield row.scheduled_at
        return
    time = row.scheduled_at
    if time < since:
        time = patterns.next_fire_time(
            row.pattern, row.timezone,
            since - datetime.timedelta(microseconds=1))
    while time is not None and time <= min(row.until, until):
        yield time
        time = patterns.next_fire_time(row.pattern, row.timezone, time)


def _create(row: typing.Any, time: datetime.datetime) -> Fire:
    late = None
    if row.status == FireStatus.FIRED:
        late = max(0.0, (row.decided_at - time).total_seconds())
    return Fire(time, row.status, late, row.reason, row.execution_id)
