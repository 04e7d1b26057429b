# SPDX-License-Identifier: Apache-2.0
"""Segments of time of the statistics, and a cache of closed segments.

Executions are counted in the order of their end, so rows of hours and days
that end before the position of the counting never change.  The sums of such
segments can be kept in memory without a check.
"""

import collections
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import datetime
import threading
import typing

from qinling.core.execution import daily
from qinling.core.execution import figures
from qinling.db import statistics_queries as queries

_DAY = datetime.timedelta(days=1)
#: Bytes of all sums in a cache, and of one group without its sketch.
MAX_CACHE_BYTES, GROUP_BYTES = 16 << 20, 1000

Groups = Sequence[tuple[typing.Any, figures.Figures]]


@dataclasses.dataclass(frozen=True)
class Segment:
    """Part of the range of a query that is read from one table."""

    period: queries.Period
    is_daily: bool
    #: Whether the figures never change.
    is_closed: bool


@dataclasses.dataclass(frozen=True)
class Sums:
    """Figures of a segment, and of its groups in any order."""

    total: figures.Figures
    groups: Groups = ()

    def count_bytes(self) -> int:
        """Return the approximate size in memory."""
        return sum(GROUP_BYTES + len(item.duration_sketch) for item in (
            self.total, *(group for _, group in self.groups)))


def split(period: queries.Period, progress: typing.Any, by: str | None
          ) -> list[Segment]:
    """Return the segments of a period.

    A query by the hour reads rows of hours, in segments of at most a day, so
    that later queries can use the segments, too.
    """
    if progress is None:
        return [Segment(period, False, False)]
    closed_until = progress.ended_at.replace(
        minute=0, second=0, microsecond=0)
    if by == 'hour':
        return _cut(period, closed_until, [
            *_midnights(period), closed_until])
    hours, days = daily.split(period, progress)
    result = []
    for part in hours:
        result += _cut(part, closed_until, [closed_until])
    closed_day = daily.start_of_day(closed_until)
    for part in days:
        result += [dataclasses.replace(segment, is_daily=True) for segment
                   in _cut(part, closed_day, [closed_day])]
    return result


def _midnights(period: queries.Period) -> Iterator[datetime.datetime]:
    time = daily.start_of_day(period.since) + _DAY
    while time < period.until:
        yield time
        time += _DAY


def _cut(period: queries.Period, closed_until: datetime.datetime,
         times: Sequence[datetime.datetime]) -> list[Segment]:
    """Return the segments of hours between some times."""
    bounds = sorted({period.since, period.until, *(
        time for time in times if period.since < time < period.until)})
    return [Segment(queries.Period(since, until), False,
                    until <= closed_until)
            for since, until in zip(bounds, bounds[1:])]


def join(segments: Sequence[Segment]) -> list[queries.Period]:
    """Return the periods of segments, adjacent segments as one period."""
    periods: list[queries.Period] = []
    for period in (segment.period for segment in segments):
        if periods and periods[-1].until == period.since:
            period = queries.Period(periods.pop().since, period.until)
        periods.append(period)
    return periods


class Cache:
    """Least recently used sums of closed segments.

    Each process has a cache; the sums are the same in all, since closed
    segments do not change.
    """

    def __init__(self) -> None:
        self._sums: collections.OrderedDict[typing.Any, Sums] = (
            collections.OrderedDict())
        self._bytes = 0
        self._ended_at = datetime.datetime.min
        self._lock = threading.Lock()

    def observe(self, progress: typing.Any) -> None:
        """Clear the cache if the counting went back.

        That happens only if an operator restores a backup meanwhile.
        """
        with self._lock:
            ended_at = progress.ended_at if progress else (
                datetime.datetime.min)
            if ended_at < self._ended_at:
                self._sums.clear()
                self._bytes = 0
            self._ended_at = ended_at

    def get(self, key: typing.Any) -> Sums | None:
        """Return the sums with a key, ``None`` if the cache has none."""
        with self._lock:
            if (sums := self._sums.get(key)) is not None:
                self._sums.move_to_end(key)
            return sums

    def put(self, key: typing.Any, sums: Sums) -> None:
        """Store sums, and drop the least recently used."""
        with self._lock:
            if key in self._sums:
                return
            self._sums[key] = sums
            self._bytes += sums.count_bytes()
            while self._bytes > MAX_CACHE_BYTES:
                _, dropped = self._sums.popitem(last=False)
                self._bytes -= dropped.count_bytes()
