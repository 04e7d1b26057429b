# SPDX-License-Identifier: Apache-2.0
"""Walk over all executions that filters select, in the order of creation.

Unlike a list, a walk works for all filters, since each step reads a bounded
part of the most selective index, whether or not the rows match.
"""

from collections.abc import Sequence
import dataclasses
import datetime
import heapq
import itertools
import operator
import typing

import sqlalchemy as sa

from qinling.db import crud
from qinling.db import execution_indexes as indexes
from qinling.db import execution_table
from qinling.db import filtering
from qinling.db import models
from qinling.db import paging
from qinling import states

_MODEL = models.Execution
_KEYS = (_MODEL.created_at, _MODEL.id)
_KEY = operator.attrgetter('created_at', 'id')
_RUNNING = states.ExecutionStatus.RUNNING.value
#: Condition of an execution that has not ended.  SQLite expects few rows in a
#: range, but every row to be ``NOT NULL``, and would read the whole table.
HAS_LEASE = _MODEL.lease_until > datetime.datetime(1970, 1, 1)


@dataclasses.dataclass(frozen=True)
class Position:
    """Creation and id of an execution."""

    created_at: datetime.datetime
    id: str


@dataclasses.dataclass(frozen=True)
class Step:
    """Rows of a step that match, and whether further steps follow."""

    rows: Sequence[typing.Any]
    position: Position | None
    is_last: bool


class Scan:
    """Executions of a project that were created before a time.

    :param excluded_group: ``group_id`` of executions to leave out.
    """

    def __init__(self, project_id: str, filters: indexes.Filters,
                 before: datetime.datetime, excluded_group: str | None = None
                 ) -> None:
        filters = [*filters, filtering.Filter('created_at', 'lt', (before,))]
        planner = indexes.Planner(project_id, filters)
        self._parts = next(planner.equality_parts())[0]
        self._conditions = [_MODEL.project_id == project_id, *(
            item.condition(_MODEL) for item in filters)]
        if excluded_group is not None:
            self._conditions.append(_MODEL.group_id.is_(None) | (
                _MODEL.group_id != excluded_group))

    def count(self, tx: sa.Connection, limit: int) -> int:
        """Return the number of executions, at most ``limit``."""
        total = 0
        for part in self._parts:
            rows = part.select([_MODEL.id]).where(*self._conditions).limit(
                limit - total)
            total += tx.execute(sa.select(sa.func.count()).select_from(
                rows.subquery())).scalar_one()
            if total >= limit:
                break
        return total

    def find_start(self, tx: sa.Connection, number: int
                   ) -> tuple[Position | None, int]:
        """Return the position before the last executions, and their number.

        :param number: executions to leave, at most.
        """
        newest = [key.desc() for key in _KEYS]
        pages = [tx.execute(part.select(_KEYS).where(
            *self._conditions).order_by(*newest).limit(number + 1)).all()
            for part in self._parts]
        rows = list(itertools.islice(heapq.merge(
            *pages, key=_KEY, reverse=True), number + 1))
        if len(rows) <= number:
            return None, len(rows)
        return Position(rows[-1].created_at, rows[-1].id), number

    def read_step(self, tx: sa.Connection, after: Position | None,
                  limit: int, columns: Sequence[typing.Any]) -> Step:
        """Return the executions among the next ones of the index.

        :param limit: rows of the index to read.
        """
        pages = [self._read_part(tx, part, after, limit)
                 for part in self._parts]
        rows = list(itertools.islice(heapq.merge(*pages, key=_KEY), limit))
        is_last = len(rows) < limit
        if not rows:
            return Step([], after, is_last)
        position = Position(rows[-1].created_at, rows[-1].id)
        matches = tx.execute(sa.select(*columns).where(
            _MODEL.id.in_([row.id for row in rows]), *self._conditions
        ).order_by(*_KEYS)).all()
        return Step(matches, position, is_last)

    def _read_part(self, tx: sa.Connection, part: indexes.Part,
                   after: Position | None, limit: int
                   ) -> Sequence[typing.Any]:
        statement = part.select(_KEYS).order_by(*_KEYS).limit(limit)
        if after is not None:
            statement = statement.where(paging.behind(after, _KEYS, 'asc'))
        return tx.execute(statement).all()


def count_unfinished(tx: sa.Connection, project_id: str, limit: int) -> int:
    """Return the executions of a project without an end, at most ``limit``.
    """
    rows = sa.select(_MODEL.id).where(
        _MODEL.project_id == project_id, _MODEL.status == _RUNNING,
        sa.text(execution_table.LIST_INDEXES['by_status'][1] or '')
    ).limit(limit).subquery()
    return tx.execute(sa.select(
        sa.func.count()).select_from(rows)).scalar_one()


def select_batch(tx: sa.Connection, max_rows: int, max_bytes: int,
                 conditions: Sequence[typing.Any]
                 ) -> tuple[Sequence[typing.Any], bool]:
    """Return executions in the order of their leases.

    By id, a database that expects many rows would read the whole table.

    :param max_bytes: characters of all inputs; one input always fits.
    :returns: rows, and whether more may remain.
    """
    sizes = crud.select(
        tx, _MODEL, *conditions, limit=max_rows, order=(_MODEL.lease_until,),
        only=(_MODEL.id, sa.func.length(_MODEL.input).label('size')))
    ids: list[str] = []
    for row in sizes:
        max_bytes -= row.size or 0
        if max_bytes < 0 and ids:
            break
        ids.append(row.id)
    is_cut = len(ids) == max_rows or len(ids) < len(sizes)
    return (crud.select(tx, _MODEL, _MODEL.id.in_(ids), *conditions)
            if ids else []), is_cut
