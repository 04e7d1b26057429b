# SPDX-License-Identifier: Apache-2.0
"""Lists of executions, of which a project may own millions.

Every statement here reads a bounded part of an index, for any distribution of
the values.  A list with one filter reads a part of the index
of this filter in the requested order; several values are several parts, which
are merged.  Any other combination first looks for an index whose part has at
most ``MAX_SEARCHED_ROWS`` rows, and searches these.  Otherwise the list
searches as many rows from the marker on, and is rejected unless these fill the
page.

A list in the order of ``duration`` omits the executions without a duration.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import heapq
import itertools
import operator
import typing

import sqlalchemy as sa

from qinling import context
from qinling.db import crud
from qinling.db import execution_indexes as indexes
from qinling.db import filtering
from qinling.db import models
from qinling.db import paging
from qinling import exception

_MODEL = models.Execution
_TABLE = _MODEL.__table__
#: Rows that a list may search without an index.
MAX_SEARCHED_ROWS = 3000
#: Part of these rows for a first search; most pages are full after that.
FIRST_SEARCH_PART = 5

Rows = Sequence[typing.Any]


def select_page(tx: sa.Connection, ctx: context.RequestContext,
                filters: indexes.Filters, page: crud.Page,
                without: Sequence[str] = ()) -> Rows:
    """Return a page of executions; see :func:`crud.select_page`.

    :raises Invalid: the list would search too many rows, or the caller sees
        no row with the id of the marker.
    """
    search = _Search(tx, ctx, page, without)
    return search.read(filters)


class _Search:
    """Search for one page."""

    def __init__(self, tx: sa.Connection, ctx: context.RequestContext,
                 page: crud.Page, without: Sequence[str]) -> None:
        self._tx = tx
        self._ctx = ctx
        self._page = page
        self._columns = [sa.null().label(column.name)
                         if column.name in without else column
                         for column in _TABLE.columns]
        self._marker = self._find_marker()

    def _find_marker(self) -> typing.Any:
        if self._page.marker is None:
            return None
        marker = crud.get(self._tx, self._ctx, _MODEL, id=self._page.marker)
        if marker is None:
            raise exception.Invalid(
                reason=f'marker {self._page.marker} names nothing in this '
                       'list.')
        return marker

    def read(self, filters: indexes.Filters) -> Rows:
        """Return the page of the rows that pass filters."""
        project_id, filters = self._split_project(filters)
        if project_id is not None:
            filters = [self._drop_foreign(item, project_id)
                       for item in filters]
        if not all(item.values for item in filters):
            self._count_rows([])
            return []
        planner = indexes.Planner(project_id, filters)
        parts = planner.ordered_parts(self._page.sort_key)
        if parts is None:
            return self._read_narrowed(planner, filters)
        self._count_rows(part.select([_MODEL.id]) for part in parts)
        if self._page.sort_key == 'created_at':
            return self._merge(parts)
        return self._chain(parts)

    def _split_project(self, filters: indexes.Filters
                       ) -> tuple[str | None, indexes.Filters]:
        """Return the project of the list, if one, and the other filters."""
        if not self._ctx.sees_all:
            return self._ctx.project_id, filters
        for item in filters:
            if item.name == 'project_id' and item.operator == 'eq':
                return str(item.value), [
                    rest for rest in filters if rest is not item]
        return None, filters

    def _drop_foreign(self, item: filtering.Filter, project_id: str
                      ) -> filtering.Filter:
        """Return a filter without the values of other projects.

        The rows of other projects must not even take time.
        """
        if (item.name not in indexes.OWNERS
                or item.operator not in ('eq', 'in')
                or len(item.values) > indexes.MAX_PARTS):
            return item
        column = getattr(_MODEL, item.name)
        return dataclasses.replace(item, operator='in', values=tuple(
            value for value in item.values
            if self._tx.execute(sa.select(_MODEL.project_id).where(
                column == value).limit(1)).scalar() == project_id))

    def _merge(self, parts: list[indexes.Part]) -> Rows:
        """Return the page of parts that are in the same order."""
        pages = [self._read_part(part, self._page.limit) for part in parts]
        if len(pages) == 1:
            return pages[0]
        merged = heapq.merge(
            *pages, key=operator.attrgetter('created_at', 'id'),
            reverse=self._page.sort_dir == 'desc')
        return list(itertools.islice(merged, self._page.limit))

    def _chain(self, parts: list[indexes.Part]) -> Rows:
        """Return the page of parts that follow each other."""
        if self._page.sort_dir == 'desc':
            parts = parts[::-1]
        rows: list[typing.Any] = []
        for part in self._drop_read(parts):
            limit = self._page.limit
            rows += self._read_part(part, limit and limit - len(rows))
            self._marker = None
            if limit and len(rows) >= limit:
                break
        return rows

    def _drop_read(self, parts: list[indexes.Part]
                   ) -> Iterator[indexes.Part]:
        """Yield the parts from the part of the marker on."""
        is_read = self._marker is not None
        for part in parts:
            if is_read:
                is_read = not crud.exists(
                    self._tx, _MODEL, _MODEL.id == self._marker.id,
                    *part.conditions)
            if not is_read:
                yield part

    def _read_part(self, part: indexes.Part, limit: int | None) -> Rows:
        return self._tx.execute(
            self._order(part, self._columns).limit(limit)).all()

    def _order(self, part: indexes.Part, columns: Sequence[typing.Any]
               ) -> sa.Select[typing.Any]:
        """Return the statement of the rows of a part after the marker."""
        keys = [getattr(_MODEL, key) for key in part.keys]
        statement = part.select(columns).order_by(
            *(getattr(key, self._page.sort_dir)() for key in keys))
        if self._marker is not None:
            statement = statement.where(_behind(
                self._marker, keys, self._page.sort_dir))
        return statement

    def _read_narrowed(self, planner: indexes.Planner,
                       filters: indexes.Filters) -> Rows:
        """Return the page after a search of a small part of an index.

        :raises Invalid: no part is small enough.
        """
        conditions = [*planner.scope(), *(item.condition(_MODEL)
                                          for item in filters)]
        if self._page.sort_key == 'duration':
            conditions.append(_MODEL.duration.is_not(None))
        candidates = [parts for parts, _ in planner.equality_parts()]
        for parts in (*candidates, *planner.range_parts()):
            narrow = _select_ids(parts).subquery('narrow')
            if self._count(narrow) <= MAX_SEARCHED_ROWS:
                self._count_rows([_join(narrow, [_MODEL.id], conditions)])
                return self._search(narrow, conditions)
        for parts in candidates:
            rows = self._search_start(parts, conditions)
            if rows is not None:
                return rows
        if self._page.sort_key == 'id' and not filters:
            self._count_rows(part.select([_MODEL.id])
                             for part in planner.id_parts())
            return self._chain(planner.id_parts())
        names = ', '.join(sorted({item.name for item in filters})) or 'none'
        raise exception.Invalid(
            f'A list by {self._page.sort_key} with the filters {names} would '
            f'search more than {MAX_SEARCHED_ROWS} executions; add a filter '
            'that selects fewer, for instance created_at=gte:TIME, job_id or '
            'group_id.')

    def _count_rows(self, statements: Iterable[sa.Select[typing.Any]]
                    ) -> None:
        """Count the rows of all pages, for a page with a count."""
        if self._page.count:
            self._page.count.read(self._tx, statements)

    def _count(self, rows: sa.Subquery) -> int:
        return self._tx.execute(sa.select(
            sa.func.count()).select_from(rows)).scalar_one()

    def _search_start(self, parts: list[indexes.Part],
                      conditions: Sequence[typing.Any]) -> Rows | None:
        """Return the page if the next rows of an index have enough rows.

        :returns: ``None`` if the page may have further rows.
        """
        if self._page.sort_key != 'created_at' or len(parts) > 1:
            return None
        for size in (MAX_SEARCHED_ROWS // FIRST_SEARCH_PART,
                     MAX_SEARCHED_ROWS):
            start = self._order(parts[0], [_MODEL.id]).limit(
                size + 1).subquery('narrow')
            rows = self._search(start, conditions)
            if len(rows) == self._page.limit or self._count(start) <= size:
                return rows
        return None

    def _search(self, narrow: sa.Subquery, conditions: Sequence[typing.Any]
                ) -> Rows:
        keys = [getattr(_MODEL, key) for key in dict.fromkeys(
            [self._page.sort_key, 'created_at', 'id'])]
        direction = self._page.sort_dir
        statement = _join(narrow, self._columns, conditions)
        if self._marker is not None:
            statement = statement.where(paging.behind(
                self._marker, keys, direction))
        return self._tx.execute(statement.order_by(
            *paging.order(keys, direction)).limit(self._page.limit)).all()


def _join(narrow: sa.Subquery, columns: Sequence[typing.Any],
          conditions: Sequence[typing.Any]) -> sa.Select[typing.Any]:
    return sa.select(*columns).select_from(narrow).join(
        _TABLE, narrow.c.id == _MODEL.id).where(*conditions)


def _select_ids(parts: list[indexes.Part]) -> typing.Any:
    """Return the statement of the ids in parts, one more than allowed."""
    limit = MAX_SEARCHED_ROWS + 1
    statements = [part.select([_MODEL.id]).limit(limit) for part in parts]
    if len(statements) == 1:
        return statements[0]
    return sa.union_all(*(sa.select(statement.subquery())
                          for statement in statements)).limit(limit)


def _behind(marker: typing.Any, keys: Sequence[typing.Any], direction: str
            ) -> typing.Any:
    """Return the condition that a row of a part comes after the marker.

    No key is NULL within a part.
    """
    key, *minor_keys = keys
    value = getattr(marker, key.key)
    is_after = key > value if direction == 'asc' else key < value
    if not minor_keys:
        return is_after
    start = key >= value if direction == 'asc' else key <= value
    return sa.and_(start, is_after | _behind(
        marker, minor_keys, direction))
