# SPDX-License-Identifier: Apache-2.0
"""Queries of the statistics of executions."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import functools
import typing

import sqlalchemy as sa

from qinling.db import models
from qinling.db import prepared
from qinling.db.statistics_table import Level

_HOURS, _DAYS = models.ExecutionStatistics, models.DailyStatistics
_IS_TOTAL = _HOURS.function_version == models.ALL_VERSIONS
#: Levels -> conditions for their rows of hours.
_LEVELS: Mapping[tuple[Level, ...], tuple[typing.Any, ...]] = {
    (Level.PROJECT,): (_IS_TOTAL,
                       _HOURS.function_id == models.ALL_FUNCTIONS),
    (Level.FUNCTION,): (_IS_TOTAL,
                        _HOURS.function_id != models.ALL_FUNCTIONS),
    (Level.VERSION, Level.ALIAS): (~_IS_TOTAL,),
    (Level.ALIAS,): (~_IS_TOTAL, _HOURS.function_alias != '')}
PARTS = (Level.VERSION, Level.ALIAS)

_Rows = Sequence[typing.Any]
#: Columns of the key of an hour, and of its figures.
_KEY = ('project_id', 'function_id', 'function_version', 'function_alias',
        'hour')
_FIGURES = ('count', 'cold_starts', 'gb_seconds', 'max_duration', 'failures',
            'duration_sketch')
_TABLE: typing.Any = _HOURS.__table__
_HAS_KEY = [_TABLE.c[name] == sa.bindparam(f'key_{name}') for name in _KEY]
_READ_HOUR = prepared.Prepared(sa.select(
    *(_TABLE.c[name] for name in _FIGURES)).where(*_HAS_KEY))
_CHANGE_HOUR = prepared.Prepared(sa.update(_TABLE).where(*_HAS_KEY).values(
    {name: sa.bindparam(name, type_=_TABLE.c[name].type)
     for name in _FIGURES}))


@dataclasses.dataclass(frozen=True)
class Period:
    """Whole hours from a time until another."""

    since: datetime.datetime
    until: datetime.datetime

    def conditions(self, column: typing.Any) -> list[typing.Any]:
        """Return the conditions for a column."""
        return [column >= self.since, column < self.until]


@dataclasses.dataclass(frozen=True)
class Selection:
    """Rows of hours and of days with the same meaning."""

    levels: tuple[Level, ...]
    #: Column -> value.
    values: Mapping[str, typing.Any]


def read_figures(tx: sa.Connection, selection: Selection, key: str | None,
                 hours: Sequence[Period], days: Sequence[Period] = ()
                 ) -> _Rows:
    """Return the figures of executions, in any order.

    :param key: name of a column; ``None`` for the time.
    :param hours: periods to read from the rows of hours.
    :param days: periods to read from the rows of days.
    :returns: also ``key``, and ``part``, the number of the period, those of
        hours first.  ``failures`` is ``None`` without failures, which
        saves the parsing of most values.
    """
    params = dict(selection.values)
    for number, period in enumerate((*hours, *days)):
        params.update({f'since_{number}': period.since,
                       f'until_{number}': period.until})
    return tx.execute(_statement(
        selection.levels, tuple(selection.values), key, len(hours),
        len(days)), params).all()


@functools.lru_cache(maxsize=None)
def _statement(levels: tuple[Level, ...], names: tuple[str, ...],
               key: str | None, hours: int, days: int) -> typing.Any:
    """Return the statement for so many periods, built once."""
    tables = [_HOURS] * hours + [_DAYS] * days
    return sa.union_all(*(
        _select(table, key, number).where(
            *_level_conditions(table, levels),
            *(getattr(table, name) == sa.bindparam(name) for name in names))
        for number, table in enumerate(tables)))


def _level_conditions(table: typing.Any, levels: tuple[Level, ...]
                      ) -> Sequence[typing.Any]:
    return ([_DAYS.level.in_(levels)] if table is _DAYS
            else _LEVELS[levels])


def _select(table: typing.Any, key: str | None, number: int
            ) -> sa.Select[typing.Any]:
    time = _DAYS.day if table is _DAYS else _HOURS.hour
    return sa.select(
        sa.literal_column(str(number)).label('part'),
        getattr(table, key or time.key).label('key'), table.count,
        table.cold_starts, table.gb_seconds, table.max_duration,
        table.duration_sketch, sa.case(
            (sa.cast(table.failures, sa.Text) != '{}', table.failures)
        ).label('failures')).where(
            time >= sa.bindparam(f'since_{number}'),
            time < sa.bindparam(f'until_{number}'))


def read_hour(tx: sa.Connection, key: Sequence[typing.Any]
              ) -> list[typing.Any] | None:
    """Return the figures of an hour, in the order of the columns.

    :param key: project, function, version, alias and hour.
    """
    row = _READ_HOUR.first_raw(tx, _key_params(key))
    return None if row is None else _READ_HOUR.convert(tx, row)


def change_hour(tx: sa.Connection, key: Sequence[typing.Any],
                figures: Mapping[str, typing.Any]) -> None:
    """Replace the figures of an hour."""
    _CHANGE_HOUR.change(tx, {**_key_params(key), **figures})


def _key_params(key: Sequence[typing.Any]) -> dict[str, typing.Any]:
    return {f'key_{name}': value for name, value in zip(_KEY, key)}


def sum_costs(tx: sa.Connection, project_id: str, since: datetime.datetime
              ) -> tuple[int, float]:
    """Return the number and the GB-seconds of executions of a project."""
    count, gb_seconds = tx.execute(sa.select(
        sa.func.sum(_HOURS.count), sa.func.sum(_HOURS.gb_seconds)
    ).where(*_LEVELS[Level.PROJECT,], _HOURS.project_id == project_id,
            _HOURS.hour >= since)).one()
    return int(count or 0), float(gb_seconds or 0)


def next_project(tx: sa.Connection, project_id: str) -> str | None:
    """Return the first project with statistics after a project."""
    return tx.execute(sa.select(sa.func.min(_HOURS.project_id)).where(
        _HOURS.project_id > project_id)).scalar()


def list_functions(tx: sa.Connection, project_id: str, after: str | None,
                   period: Period, limit: int) -> Sequence[str]:
    """Return ids of functions with statistics in a period, sorted.

    The first is ``ALL_FUNCTIONS``.

    :param after: id, ``None`` for the first functions.
    """
    conditions = [] if after is None else [_HOURS.function_id > after]
    return tx.execute(sa.select(_HOURS.function_id).where(
        _HOURS.project_id == project_id, _IS_TOTAL,
        *period.conditions(_HOURS.hour), *conditions).distinct().order_by(
            _HOURS.function_id).limit(limit)).scalars().all()
