# SPDX-License-Identifier: Apache-2.0
"""Sums of figures over segments of time."""

import bisect
import collections
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import typing

from qinling.core.execution import figures
from qinling.core.execution import rollup
from qinling.core.execution import segments
from qinling.db import session
from qinling.db import statistics_queries as queries

#: Group -> column.
_COLUMNS = {'project': 'project_id', 'function': 'function_id',
            'version': 'function_version', 'alias': 'function_alias'}
_FORMATS = {'hour': '%Y-%m-%dT%H:00:00Z', 'day': '%Y-%m-%d'}

_Rows = Sequence[typing.Any]
_Sums = segments.Sums


class SumsReader:
    """Reader of sums that keeps the sums of closed segments."""

    def __init__(self, db: session.Database) -> None:
        self._db = db
        self._cache = segments.Cache()

    def read(self, selection: queries.Selection, period: queries.Period,
             by: str | None) -> tuple[typing.Any, _Sums]:
        """Return the progress of the counting, and sums with sorted groups.

        :param by: group, ``None`` for the total alone.
        """
        progress = rollup.read_progress(self._db)
        self._cache.observe(progress)
        parts = segments.split(period, progress, by)
        address = (selection.levels, *selection.values.items(), by)
        sums = {part: self._cache.get((address, part)) if part.is_closed
                else None for part in parts}
        missing = [part for part in parts if sums[part] is None]
        for part, rows in self._read_rows(selection, missing, by).items():
            sums[part] = result = _add_up(rows, by, part.is_closed)
            if part.is_closed:
                self._cache.put((address, part), result)
        return progress, _merge([
            typing.cast(_Sums, sums[part]) for part in parts])

    def _read_rows(self, selection: queries.Selection,
                   parts: Sequence[segments.Segment], by: str | None
                   ) -> Mapping[segments.Segment, _Rows]:
        """Return the rows of segments, read by one statement."""
        if not parts:
            return {}
        hours = [part for part in parts if not part.is_daily]
        days = [part for part in parts if part.is_daily]
        periods = [part.period for part in hours]
        if by == 'hour':
            periods = segments.join(hours)
        rows = self._db.read(lambda tx: queries.read_figures(
            tx, selection, _COLUMNS.get(by or ''), periods,
            [part.period for part in days]))
        result: dict[segments.Segment, list[typing.Any]] = {
            part: [] for part in (*hours, *days)}
        ordered = list(result.values())
        starts = [part.period.since for part in hours]
        for row in rows:
            number = (bisect.bisect_right(starts, row.key) - 1
                      if by == 'hour' else row.part)
            ordered[number].append(row)
        return result


def _add_up(rows: _Rows, by: str | None, is_closed: bool) -> _Sums:
    """Return the sums of a segment."""
    total = figures.add_up(rows)
    if by is None:
        return _Sums(total)
    groups: dict[typing.Any, list[typing.Any]] = collections.defaultdict(list)
    time_format = _FORMATS.get(by)
    for row in rows:
        groups[row.key.strftime(time_format) if time_format
               else row.key].append(row)
    sums = [(key, figures.add_up(group)) for key, group in groups.items()]
    if is_closed:
        # No other segment has the same hour, so nothing is added to it.
        sums = [(key, figures.close(group, keep_sketch=by != 'hour'))
                for key, group in sums]
    return _Sums(total, sums)


def _merge(parts: Sequence[_Sums]) -> _Sums:
    """Return the sums of all segments."""
    groups: dict[typing.Any, list[figures.Figures]] = (
        collections.defaultdict(list))
    for part in parts:
        for key, group in part.groups:
            groups[key].append(group)
    return _Sums(_add_few(part.total for part in parts), [
        (key, _add_few(groups[key])) for key in sorted(groups)])


def _add_few(parts: Iterable[figures.Figures]) -> figures.Figures:
    """Return the sum; a single part keeps its quantiles."""
    figures_list = list(parts)
    return (figures_list[0] if len(figures_list) == 1
            else figures.add_up(figures_list))
