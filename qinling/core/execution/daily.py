# SPDX-License-Identifier: Apache-2.0
"""Sums of whole days of the statistics.

An hour of the statistics does not change after all executions that ended in
it are counted.  Some time after the end of a day, the hours of each function
are added up, a few functions per transaction.  The transaction locks the
progress of the statistics and moves it, so each day is added up once,
whichever engine does so, and a process that dies leaves either all of this or
nothing.
"""

import collections
from collections.abc import Iterator
from collections.abc import Sequence
import datetime
import typing

from qinling.core.execution import figures
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.db import statistics_queries as queries
from qinling.db.statistics_table import Level

_HOURS, _DAYS = models.ExecutionStatistics, models.DailyStatistics
_PROGRESS = models.StatisticsProgress
_DAY = datetime.timedelta(days=1)
#: Time from the end of a day to its sum.  An execution that is counted later
#: costs further statements.
MARGIN = datetime.timedelta(hours=1)
#: Functions of one transaction, so that other transactions wait briefly.
MAX_FUNCTIONS = 5


def start_of_day(time: datetime.datetime) -> datetime.datetime:
    """Return the last midnight until a time."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def split(period: queries.Period, progress: typing.Any
          ) -> tuple[list[queries.Period], list[queries.Period]]:
    """Return the parts of a period to read by the hour, and by the day."""
    first = start_of_day(period.since)
    if first < period.since:
        first += _DAY
    last = start_of_day(period.until)
    next_day = progress and progress.next_day
    if next_day is None or (last := min(last, next_day)) <= first:
        return [period], []
    ends = queries.Period(period.since, first), queries.Period(
        last, period.until)
    return ([end for end in ends if end.since < end.until],
            [queries.Period(first, last)])


def due_at(progress: typing.Any) -> datetime.datetime:
    """Return the time until which the counting must reach for the next sum."""
    day: datetime.datetime | None = progress.next_day
    return datetime.datetime.min if day is None else day + _DAY + MARGIN


def add_up(tx: session.Connection, progress: typing.Any) -> bool:
    """Add up the hours of the next functions.

    :param progress: locked row.
    :returns: ``False`` when the next day has not passed.
    """
    if progress.as_of < due_at(progress):
        return False
    if progress.next_day is None:
        first = crud.min_value(tx, _HOURS.hour) or progress.ended_at
        _move(tx, start_of_day(first), None, None)
        return True
    addresses = list(_next_functions(tx, progress))
    for project_id, function_id in addresses:
        _add_up_function(tx, project_id, function_id, progress.next_day)
    if len(addresses) == MAX_FUNCTIONS:
        _move(tx, progress.next_day, *addresses[-1])
    else:
        _move(tx, progress.next_day + _DAY, None, None)
    return True


def _move(tx: session.Connection, day: datetime.datetime,
          project_id: str | None, function_id: str | None) -> None:
    crud.update_all(tx, _PROGRESS, {
        'next_day': day, 'next_day_project': project_id,
        'next_day_function': function_id})


def _next_functions(tx: session.Connection, progress: typing.Any
                    ) -> Iterator[tuple[str, str]]:
    """Yield projects and functions from the position of the progress on."""
    period = queries.Period(progress.next_day, progress.next_day + _DAY)
    project_id: str | None = progress.next_day_project or ''
    after, limit = progress.next_day_function, MAX_FUNCTIONS
    while project_id is not None and limit:
        ids = queries.list_functions(tx, project_id, after, period, limit)
        yield from ((project_id, id) for id in ids)
        limit -= len(ids)
        project_id, after = queries.next_project(tx, project_id), None


def _add_up_function(tx: session.Connection, project_id: str,
                     function_id: str, day: datetime.datetime) -> None:
    groups: dict[typing.Any, list[typing.Any]] = collections.defaultdict(list)
    for row in crud.select(
            tx, _HOURS, _HOURS.project_id == project_id,
            _HOURS.function_id == function_id,
            *queries.Period(day, day + _DAY).conditions(_HOURS.hour)):
        groups[row.function_version, row.function_alias].append(row)
    for (version, alias), rows in groups.items():
        _insert(tx, (project_id, function_id, version, alias, day), rows)


def _insert(tx: session.Connection, key: Sequence[typing.Any],
            parts: Sequence[typing.Any]) -> None:
    project_id, function_id, version, alias, day = key
    crud.insert(
        tx, _DAYS, project_id=project_id, function_id=function_id,
        function_version=version, function_alias=alias, day=day,
        level=_level(function_id, version, alias).value,
        **vars(figures.add_up(parts)))


def _level(function_id: str, version: int, alias: str) -> Level:
    if version != models.ALL_VERSIONS:
        return Level.ALIAS if alias else Level.VERSION
    return Level.FUNCTION if function_id else Level.PROJECT


def add_late(tx: session.Connection, progress: typing.Any,
             key: Sequence[typing.Any], added: figures.Figures) -> None:
    """Add executions to a day that was added up already, if so.

    :param key: project, function, version, alias and hour.
    """
    project_id, function_id, version, alias, hour = key
    day = start_of_day(hour)
    if progress.next_day is None or day > progress.next_day:
        return
    where = [_DAYS.project_id == project_id, _DAYS.day == day,
             _DAYS.function_id == function_id]
    # Before the sum is due, no function of the day was added up.
    if day == progress.next_day and (
            progress.as_of < due_at(progress)
            or not crud.exists(tx, _DAYS, *where)):
        return
    where += [_DAYS.level == _level(function_id, version, alias).value,
              _DAYS.function_version == version,
              _DAYS.function_alias == alias]
    present = crud.select(tx, _DAYS, *where)
    parts = [*present, added]
    if present:
        crud.update_all(tx, _DAYS, vars(figures.add_up(parts)), *where)
    else:
        _insert(tx, (project_id, function_id, version, alias, day), parts)
