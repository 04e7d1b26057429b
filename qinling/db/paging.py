# SPDX-License-Identifier: Apache-2.0
"""Pages of lists, in a stable order on every database."""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import typing

import sqlalchemy as sa


@dataclasses.dataclass(frozen=True)
class Page:
    """Part of a list; by default the whole list."""

    limit: int | None = None
    marker: str | None = None
    sort_key: str = 'created_at'
    sort_dir: str = 'asc'


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
    alternatives: list[typing.Any] = []
    equal: list[typing.Any] = []
    for key in keys:
        value = getattr(marker, key.key)
        if direction == 'asc':
            is_after = key.is_not(None) if value is None else key > value
        else:
            is_after = (sa.false() if value is None
                        else (key < value) | key.is_(None))
        alternatives.append(sa.and_(*equal, is_after))
        equal.append(key == value)
    return sa.or_(*alternatives)
