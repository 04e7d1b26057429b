# SPDX-License-Identifier: Apache-2.0
"""Pages of lists, in a stable order on every database."""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import typing

import sqlalchemy as sa


#: Rows that a count reads, so that counting takes a bounded time.
MAX_COUNT = 10_000


@dataclasses.dataclass
class Count:
    """Number of the rows of a list on all pages.

    A long list has a ``value`` above ``MAX_COUNT``.  The value is ``None`` if
    counting would search too many rows.
    """

    value: int | None = None

    def read(self, tx: sa.Connection,
             statements: Iterable[sa.Select[typing.Any]]) -> None:
        """Count the rows of statements without common rows."""
        self.value = 0
        for statement in statements:
            rows = statement.limit(MAX_COUNT + 1 - self.value).subquery()
            self.value += tx.execute(sa.select(
                sa.func.count()).select_from(rows)).scalar_one()
            if self.value > MAX_COUNT:
                break


@dataclasses.dataclass(frozen=True)
class Page:
    """Part of a list; by default the whole list.

    ``count`` receives the number of rows on all pages.
    """

    limit: int | None = None
    marker: str | None = None
    sort_key: str = 'created_at'
    sort_dir: str = 'asc'
    count: Count | None = None


def list_keys(sort_key: str) -> list[str]:
    """Return the columns of the order of a list, which is stable."""
    if sort_key == 'id':
        return ['id']
    return list(dict.fromkeys([sort_key, 'created_at', 'id']))


def order(keys: Iterable[typing.Any], direction: str) -> Iterator[typing.Any]:
    """Yield the sort expressions; NULL comes first on every database."""
    for key in keys:
        if key.nullable:
            yield getattr(key.is_not(None), direction)()
        yield getattr(key, direction)()


def behind(marker: typing.Any, keys: Iterable[typing.Any], direction: str
           ) -> typing.Any:
    """Return the condition that a row comes after the marker.

    The same function of oslo.db loses rows with NULL in a key of the marker.
    """
    key, *minor_keys = keys
    value = getattr(marker, key.key)
    if direction == 'asc':
        is_after = key.is_not(None) if value is None else key > value
    elif value is None:
        is_after = sa.false()
    else:
        is_after = key < value
        if key.nullable:
            is_after |= key.is_(None)
    if not minor_keys:
        return is_after
    condition = is_after | sa.and_(
        key == value, behind(marker, minor_keys, direction))
    if value is None or key.nullable:
        return condition
    # Only this part bounds the range of an index on every database.
    start = key >= value if direction == 'asc' else key <= value
    return sa.and_(start, condition)
