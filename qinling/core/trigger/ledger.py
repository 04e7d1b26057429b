# SPDX-License-Identifier: Apache-2.0
"""Ledger of jobs: what became of every fire time.

The scheduler notes each decision in the transaction that carries it out.
Missed times in a row are one row with their range; the schedule at that time
gives the times.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import datetime
import typing

from qinling.core.trigger import plans
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.states import FireStatus

_TABLE = models.JobFire


def note(tx: session.Connection, job: typing.Any, status: FireStatus,
         scheduled_at: datetime.datetime, **values: typing.Any) -> None:
    """Write what became of a fire time.

    :param values: ``until`` for a range, ``reason``, ``execution_id``.
    """
    key = (_TABLE.job_id == job.id, _TABLE.scheduled_at == scheduled_at,
           _TABLE.status == status.value)
    values.update(decided_at=models.now(), pattern=job.pattern,
                  timezone=job.timezone)
    # A fire time is met again after the clock was set back.
    if not crud.update_all(tx, _TABLE, values, *key):
        crud.insert(tx, _TABLE, job_id=job.id, scheduled_at=scheduled_at,
                    status=status.value, **values)


def note_segments(tx: session.Connection, job: typing.Any,
                  segments: Iterable[plans.Segment]) -> None:
    """Write ranges of fire times that nothing runs for."""
    for segment in segments:
        note(tx, job, segment.status, segment.first, until=segment.last)


def note_pause(tx: session.Connection, job: typing.Any,
               now: datetime.datetime) -> None:
    """Write the fire times that passed while a job was paused."""
    first = plans.read_fire_time(job)
    if first is not None and first <= now:
        note_segments(tx, job, plans.Plan.create(job).split(
            FireStatus.PAUSED, first, now))


def replace_exclusions(tx: session.Connection, job: typing.Any,
                       segments: Iterable[plans.Segment],
                       now: datetime.datetime) -> None:
    """Write the excluded times before the next fire time of a job."""
    is_excluded = (_TABLE.job_id == job.id,
                   _TABLE.status == FireStatus.EXCLUDED.value)
    crud.delete_all(tx, _TABLE, *is_excluded, _TABLE.scheduled_at > now)
    crud.update_all(tx, _TABLE, {'until': now}, *is_excluded,
                    _TABLE.until > now)
    note_segments(tx, job, segments)


def list_queue(tx: session.Connection, job_id: str
               ) -> Sequence[typing.Any]:
    """Return the fire times of a job that wait, the first first."""
    return crud.select(tx, _TABLE, *_is_queued(job_id))


def count_queue(tx: session.Connection, job_id: str) -> int:
    """Return the number of fire times of a job that wait."""
    return crud.count(tx, _TABLE, *_is_queued(job_id))


def _is_queued(job_id: str) -> tuple[typing.Any, ...]:
    return (_TABLE.job_id == job_id,
            _TABLE.status == FireStatus.QUEUED.value)


def end_queue(tx: session.Connection, job: typing.Any, status: FireStatus,
              reason: str) -> None:
    """Change the status of the fire times of a job that wait."""
    for row in list_queue(tx, job.id):
        remove(tx, row)
        note(tx, job, status, row.scheduled_at, reason=reason)


def remove(tx: session.Connection, row: typing.Any) -> None:
    """Delete a row of the ledger."""
    crud.delete_all(
        tx, _TABLE, _TABLE.job_id == row.job_id,
        _TABLE.scheduled_at == row.scheduled_at, _TABLE.status == row.status)


def purge(db: session.Database, before: datetime.datetime, limit: int) -> int:
    """Delete old rows; return their number."""
    def delete(tx: session.Connection) -> int:
        rows = crud.select(
            tx, _TABLE, _TABLE.decided_at < before,
            _TABLE.status != FireStatus.QUEUED.value, limit=limit,
            order=(_TABLE.decided_at,),
            only=(_TABLE.job_id, _TABLE.scheduled_at, _TABLE.status))
        for row in rows:
            remove(tx, row)
        return len(rows)
    return db.write(delete, durable=False)
