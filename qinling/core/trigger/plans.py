# SPDX-License-Identifier: Apache-2.0
"""Fire times of a job: its pattern within its end, exclusions and jitter."""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import datetime
import functools
import hashlib
import typing

from qinling.core.trigger import exclusions as exclusions_module
from qinling.core.trigger import patterns
from qinling.states import FireStatus

#: Least distance of two times.
RESOLUTION = datetime.timedelta.resolution
Range = exclusions_module.Range


@dataclasses.dataclass(frozen=True)
class Segment:
    """Fire times in a row that nothing runs for."""

    status: FireStatus
    first: datetime.datetime
    last: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Plan:
    """What gives the fire times of a job; the names are those of the columns.

    A fire time is the time of the pattern.  The job is due somewhat later if
    it has a jitter.
    """

    id: str
    pattern: str | None
    timezone: str | None
    end_at: datetime.datetime | None = None
    exclusions: Sequence[str] | None = None
    jitter: int | None = None

    @classmethod
    def create(cls, job: typing.Any) -> 'Plan':
        """Return the plan of a row."""
        return cls(job.id, job.pattern, job.timezone, job.end_at,
                   job.exclusions, job.jitter)

    @functools.cached_property
    def _ranges(self) -> list[Range]:
        if not self.exclusions:
            return []
        return exclusions_module.list_ranges(self.exclusions, self.timezone)

    def following(self, time: datetime.datetime
                  ) -> tuple[datetime.datetime | None, list[Segment]]:
        """Return the next fire time, and the excluded times before.

        Without a pattern there is no next fire time.
        """
        candidate = self._next(time)
        first_excluded, end = None, time
        while candidate is not None:
            if self.end_at is not None and candidate > self.end_at:
                candidate = None
                break
            excluded = exclusions_module.find(self._ranges, candidate)
            if excluded is None:
                break
            first_excluded, end = first_excluded or candidate, excluded[1]
            candidate = self._next(end - RESOLUTION)
        if first_excluded is None:
            return candidate, []
        return candidate, [Segment(FireStatus.EXCLUDED, first_excluded,
                                   end - RESOLUTION)]

    def _next(self, time: datetime.datetime) -> datetime.datetime | None:
        return self.pattern and patterns.next_fire_time(
            self.pattern, self.timezone, time) or None

    def iterate(self, time: datetime.datetime | None
                ) -> Iterator[datetime.datetime]:
        """Yield a fire time and those that follow."""
        while time is not None:
            yield time
            time, _excluded = self.following(time)

    def latest_due(self, first: datetime.datetime, now: datetime.datetime
                   ) -> datetime.datetime:
        """Return the last fire time that is due, from ``first`` on."""
        time = self._latest(first, now)
        if time > first and self.due_time(time) > now:
            time = self._latest(first, time - RESOLUTION)
        return time

    def _latest(self, first: datetime.datetime, until: datetime.datetime
                ) -> datetime.datetime:
        """Return the last fire time up to ``until`` that is not excluded."""
        if self.end_at is not None:
            until = min(until, self.end_at)
        while self.pattern and until > first:
            time = patterns.latest_fire_time(
                self.pattern, self.timezone, first, until)
            excluded = exclusions_module.find(self._ranges, time)
            if time == first or excluded is None:
                return time
            until = excluded[0] - RESOLUTION
        return first

    def split(self, status: FireStatus, first: datetime.datetime,
              last: datetime.datetime) -> list[Segment]:
        """Return the parts of a range, those that are excluded apart."""
        segments = []
        for start, end in sorted(self._ranges):
            if end <= first or start > last:
                continue
            segments += self._cut(status, first, start - RESOLUTION)
            segments += self._cut(FireStatus.EXCLUDED, max(first, start),
                                  min(last, end - RESOLUTION))
            first = end
        return segments + self._cut(status, first, last)

    def _cut(self, status: FireStatus, first: datetime.datetime,
             last: datetime.datetime) -> list[Segment]:
        """Return a segment that begins with a fire time, or nothing."""
        time = (self._next(first - RESOLUTION) if self._ranges else first)
        if time is None or time > last:
            return []
        return [Segment(status, time, last)]

    def due_time(self, time: datetime.datetime) -> datetime.datetime:
        """Return the time at which a fire time is due.

        All engines compute the same jitter, before the next fire time.
        """
        if not self.jitter or time.year == datetime.MAXYEAR:
            return time
        choices = self.jitter + 1
        following = self._next(time)
        if following is not None:
            choices = min(choices, int((following - time).total_seconds()))
        digest = hashlib.sha256(f'{self.id} {time.isoformat()}'.encode())
        return time + datetime.timedelta(
            seconds=int.from_bytes(digest.digest()[:8]) % max(choices, 1))

    def build_columns(self, time: datetime.datetime | None
                      ) -> dict[str, datetime.datetime | None]:
        """Return the columns of a job whose next fire time is ``time``."""
        return {
            'next_execution_time': time and self.due_time(time),
            'next_fire_time': time if self.jitter else None}


def read_fire_time(job: typing.Any) -> datetime.datetime | None:
    """Return the next fire time of a row, before the jitter.

    Engines without this column, and users, move only the due time.
    """
    due: datetime.datetime | None = job.next_execution_time
    time: datetime.datetime | None = job.next_fire_time
    if (due is not None and time is not None and time <= due
            <= time + datetime.timedelta(seconds=job.jitter or 0)):
        return time
    return due
