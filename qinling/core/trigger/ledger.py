# SPDX-License-Identifier: Apache-2.0
"""Ledger of jobs: what became of every fire time.

The scheduler notes each decision in the transaction that carries it out.
Missed times in a row are one row with their range; the schedule at that time
gives the times.
"""

import datetime
import typing

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


def note_pause(tx: session.Connection, job: typing.Any,
               now: datetime.datetime) -> None:
    """Write the fire times that passed while a job was paused."""
    first = job.next_execution_time
    if first is not None and first <= now:
        note(tx, job, FireStatus.PAUSED, first, until=now)


def purge(db: session.Database, before: datetime.datetime, limit: int) -> int:
    """Delete old rows; return their number."""
    def delete(tx: session.Connection) -> int:
        rows = crud.select(
            tx, _TABLE, _TABLE.decided_at < before, limit=limit,
            only=(_TABLE.job_id, _TABLE.scheduled_at, _TABLE.status))
        for row in rows:
            crud.delete_all(
                tx, _TABLE, _TABLE.job_id == row.job_id,
                _TABLE.scheduled_at == row.scheduled_at,
                _TABLE.status == row.status)
        return len(rows)
    return db.write(delete, durable=False)
