# SPDX-License-Identifier: Apache-2.0
"""Counting of ended executions in the tables of statistics.

Each ended execution is counted once: a transaction locks the progress, adds
the next executions in the order of their end, and moves the progress.  A
process that dies leaves either all of this or nothing.
"""

import collections
from collections.abc import Sequence
import datetime
import typing

from qinling.core.execution import daily
from qinling.core.execution import failures
from qinling.core.execution import figures
from qinling.db import crud
from qinling.db import models
from qinling.db import periodic_queries
from qinling.db import session
from qinling.db import statistics_queries

_PROGRESS = models.StatisticsProgress
_TABLE = models.ExecutionStatistics
_HOUR = datetime.timedelta(hours=1)
#: Executions of one transaction, so that other writers wait briefly.
MAX_BATCH_ROWS = 300
#: Seconds after which no transaction with an earlier end is still open, and
#: the allowed difference of the clocks of engines.  SQLite has one writer,
#: which reads the clock within the transaction.
OPEN_SECONDS, SQLITE_OPEN_SECONDS = 60, 1

#: Values of the primary key.
_Key = tuple[typing.Any, ...]


def count_ended(db: session.Database) -> int:
    """Count the next ended executions.

    :returns: the number of executions, less than ``MAX_BATCH_ROWS`` when no
        more are to be counted.
    """
    seconds = SQLITE_OPEN_SECONDS if db.is_sqlite else OPEN_SECONDS
    return db.write(lambda tx: _count_batch(tx, seconds), durable=False)


def _count_batch(tx: session.Connection, seconds: float) -> int:
    progress = _lock_progress(tx)
    until = models.now() - datetime.timedelta(seconds=seconds)
    rows = periodic_queries.list_uncounted(
        tx, progress, until, MAX_BATCH_ROWS)
    _add(tx, progress, rows)
    last_end, last_id = progress.ended_at, progress.id
    if rows:
        last_end, last_id = rows[-1].updated_at, rows[-1].id
    as_of = last_end if len(rows) == MAX_BATCH_ROWS else until
    periodic_queries.move_progress(
        tx, last_end, last_id, max(as_of, progress.as_of))
    return len(rows)


def _lock_progress(tx: session.Connection) -> typing.Any:
    """Return the progress, locked; statistics begin with the first call."""
    if (progress := periodic_queries.lock_progress(tx)) is None:
        now = models.now()
        crud.insert(tx, _PROGRESS, number=1, ended_at=now, id='', as_of=now)
        progress = periodic_queries.lock_progress(tx)
    return progress


def read_as_of(db: session.Database) -> datetime.datetime:
    """Return the time before which all ended executions are counted."""
    progress = read_progress(db)
    return progress.as_of if progress else models.now()


def read_progress(db: session.Database) -> typing.Any:
    """Return the progress, ``None`` before the first turn."""
    return next(iter(db.read(crud.select, _PROGRESS)), None)


def count_before_deletion(tx: session.Connection, ids: Sequence[str]
                          ) -> None:
    """Count executions that the same transaction deletes."""
    progress = _lock_progress(tx)
    _add(tx, progress, periodic_queries.list_uncounted_among(
        tx, progress, ids))


def add_up_days(db: session.Database) -> datetime.datetime | None:
    """Add up hours of the next day that has passed.

    :returns: ``None`` when more is to be added up, else the time of the next
        sum.
    """
    def add_up_some(tx: session.Connection) -> datetime.datetime | None:
        progress = _lock_progress(tx)
        return (None if daily.add_up(tx, progress)
                else daily.due_at(progress))
    return db.write(add_up_some, durable=False)


def _add(tx: session.Connection, progress: typing.Any,
         rows: Sequence[typing.Any]) -> None:
    """Add executions to the rows of their hour."""
    parts: dict[_Key, list[figures.Figures]] = collections.defaultdict(list)
    for (project_id, function_id, version, alias, hour), members in (
            _group(rows).items()):
        part = figures.of_executions(members)
        for key in ((models.ALL_FUNCTIONS, models.ALL_VERSIONS, ''),
                    (function_id, models.ALL_VERSIONS, ''),
                    (function_id, version, alias)):
            parts[project_id, *key, hour].append(part)
    for group in sorted(parts):
        added = figures.add_up(parts[group])
        _add_group(tx, group, added)
        daily.add_late(tx, progress, group, added)
    failures.add(tx, rows)


def _group(rows: Sequence[typing.Any]) -> dict[_Key, list[typing.Any]]:
    """Return the executions by alias of a version and hour of the end.

    :param rows: in the order of their end.
    """
    groups: dict[_Key, list[typing.Any]] = collections.defaultdict(list)
    hour = next_hour = datetime.datetime.min
    for row in rows:
        if row.updated_at >= next_hour:
            hour = row.updated_at.replace(minute=0, second=0, microsecond=0)
            next_hour = hour + _HOUR
        groups[row.project_id, row.function_id, row.function_version,
               row.function_alias or '', hour].append(row)
    return groups


def _add_group(tx: session.Connection, key: _Key, added: figures.Figures
               ) -> None:
    present = statistics_queries.read_hour(tx, key)
    if present is not None:
        statistics_queries.change_hour(tx, key, vars(figures.add_up(
            (figures.Figures(*present), added))))
    else:
        project_id, function_id, version, alias, hour = key
        crud.insert(
            tx, _TABLE, project_id=project_id, function_id=function_id,
            function_version=version, function_alias=alias, hour=hour,
            **vars(added))
