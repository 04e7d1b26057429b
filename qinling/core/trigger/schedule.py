# SPDX-License-Identifier: Apache-2.0
"""Schedules of jobs: datetimes from users, cron patterns, fire times.

A pattern has the five fields minute, hour, day of the month, month and day of
the week, or a form of :mod:`qinling.core.trigger.patterns`.  Times in and out
are as the database has them: UTC without a zone.

Clock changes follow Debian's cron.  A pattern with a number as minute and hour
means times on the clock: a skipped time fires after the gap, and a repeated
time fires once.  A pattern with a star in either field means steps of real
time.
"""

from collections.abc import Iterator
import dataclasses
import datetime
import itertools
import re
import typing
import zoneinfo

import cronsim
from dateutil import parser

from qinling.core.trigger import patterns
from qinling import exception
from qinling.states import JobStatus
from qinling.states import Misfire

#: Least distance of a time that a user names.
MIN_AHEAD = datetime.timedelta(minutes=1)
MAX_DATETIME_LENGTH = 64
#: Leaves room for other zones and for the next fire times.
MAX_YEAR = datetime.MAXYEAR - 1
#: Python searches a zone as a module, too, whose name may be anything.
_ZONE_NAME = re.compile('[A-Za-z0-9_+/-]{1,64}')
#: Files beside the zones: the zone of this machine, and copies of the zones,
#: also with leap seconds, which shift each fire time.
_NO_ZONES = re.compile('localtime|posixrules|posix/.*|right/.*')
#: The library reports some odd patterns by the last two.
_BAD_PATTERN = (cronsim.CronSimError, AssertionError, TypeError)


def parse_datetime(text: str, now: datetime.datetime) -> datetime.datetime:
    """Return a datetime from a user, in any usual form; UTC by default.

    :raises Invalid: the text is no datetime, or not in the future.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if len(text) > MAX_DATETIME_LENGTH:
            raise ValueError
        time = parser.parse(text, default=midnight, tzinfos=_offset)
        if time.tzinfo is not None:
            time = _to_utc(time)
        if time.year > MAX_YEAR:
            raise ValueError
    # The parser raises errors of many kinds.
    except Exception:
        raise exception.Invalid(
            f'{text[:MAX_DATETIME_LENGTH]!r} is not a time; send one such '
            'as 2030-01-31T12:00:00Z.')
    return require_future(time, now)


def _offset(name: str | None, seconds: int | None) -> datetime.tzinfo | None:
    if seconds is not None:
        return datetime.timezone(datetime.timedelta(seconds=seconds))
    if name is None:
        return None
    raise ValueError(name)


def require_future(time: datetime.datetime, now: datetime.datetime
                   ) -> datetime.datetime:
    """Return the time, if it is a minute ahead.

    :raises Invalid: the time is too close.
    """
    if time < now + MIN_AHEAD:
        raise exception.Invalid(
            'Execution time must be at least 1 minute in the future.')
    return time


def first_fire_time(pattern: str, timezone: str | None,
                    start: datetime.datetime) -> datetime.datetime:
    """Return the first fire time after ``start``.

    :raises Invalid: the pattern or the zone is not valid, or the pattern
        never fires.
    """
    if timezone is not None and _NO_ZONES.fullmatch(timezone):
        raise _no_zone(timezone)
    reason = 'it has no time to come'
    try:
        time = next_fire_time(pattern, timezone, start)
    except _BAD_PATTERN as e:
        time, reason = None, str(e)
    if time is None:
        raise exception.Invalid(
            f'The specified pattern is not valid: {reason}. Send five '
            'fields, such as "*/5 * * * *".')
    return time


def _zone(name: str | None) -> datetime.tzinfo:
    if name is None or name == 'UTC':
        return datetime.timezone.utc
    if not _ZONE_NAME.fullmatch(name):
        raise _no_zone(name)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _no_zone(name)


def _no_zone(name: str) -> exception.Invalid:
    return exception.Invalid(
        f'{name[:MAX_DATETIME_LENGTH]!r} is not a time zone; send one such '
        'as Europe/Paris.')


def _to_utc(time: datetime.datetime) -> datetime.datetime:
    return time.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def next_fire_time(pattern: str, timezone: str | None,
                   time: datetime.datetime) -> datetime.datetime | None:
    """Return the first fire time after a time, or ``None``."""
    fields = patterns.translate(pattern)
    zone = _zone(timezone)
    try:
        local = time.replace(tzinfo=datetime.timezone.utc).astimezone(zone)
        for fire_time in patterns.Times(fields, local):
            # In a repeated hour the library may step back.
            if (stored := _to_utc(fire_time)) > time:
                return stored
    except (OverflowError, ValueError):
        # Beyond the last year of ``datetime``.
        pass
    return None


def latest_fire_time(pattern: str, timezone: str | None,
                     time: datetime.datetime, now: datetime.datetime
                     ) -> datetime.datetime:
    """Return the last fire time up to ``now``.

    The search doubles its distance from ``now``, so a gap of a year takes as
    long as a gap of a day.

    :param time: a fire time before ``now``.
    """
    distance = MIN_AHEAD
    while now - distance > time:
        candidate = next_fire_time(pattern, timezone, now - distance)
        if candidate is not None and candidate <= now:
            time = candidate
            break
        distance *= 2
    while (candidate := next_fire_time(pattern, timezone, time)) is not None:
        if candidate > now:
            break
        time = candidate
    return time


@dataclasses.dataclass(frozen=True)
class FireDecision:
    """Decision about a due job.

    The job fires for ``fire_time``, or not if ``None``, and then has this
    status and these columns.  ``skipped`` has the first and the last of the
    fire times that nothing runs for.
    """

    fire_time: datetime.datetime | None
    status: str
    skipped: tuple[datetime.datetime, datetime.datetime] | None
    values: dict[str, typing.Any]


def decide(job: typing.Any, now: datetime.datetime, grace: float
           ) -> FireDecision:
    """Return the decision about a job due at ``now``.

    :param job: row of the job.
    :param grace: seconds of delay before ``misfire`` "skip" skips a fire
        time.
    """
    first = fire_time = job.next_execution_time
    next_time = reason = skipped = None
    if job.pattern:
        if job.misfire != Misfire.ALL:
            fire_time = latest_fire_time(
                job.pattern, job.timezone, fire_time, now)
        next_time = next_fire_time(job.pattern, job.timezone, fire_time)
    count = job.count
    if fire_time > first and job.misfire != Misfire.ALL:
        skipped = first, fire_time - datetime.timedelta(microseconds=1)
    if (job.misfire == Misfire.SKIP
            and (now - fire_time).total_seconds() > grace):
        reason = (f'The fire time {fire_time.isoformat()}Z was missed and '
                  'skipped.')
        skipped = first, fire_time
        fire_time = None
    elif count is not None:
        count -= 1
    is_done = next_time is None or count == 0
    status = JobStatus.DONE if is_done else JobStatus.RUNNING
    return FireDecision(fire_time, status.value, skipped, {
        'status_reason': reason, 'count': count,
        'next_execution_time': None if is_done else next_time})


def preview(job: typing.Any, now: datetime.datetime, count: int
            ) -> list[datetime.datetime]:
    """Return at most ``count`` fire times of a job to come.

    For a paused job, return the fire times after a resume at ``now``.
    """
    return list(itertools.islice(iterate(job, now), count))


def iterate(job: typing.Any, now: datetime.datetime,
            since: datetime.datetime | None = None
            ) -> Iterator[datetime.datetime]:
    """Yield the fire times of a job to come, like :func:`preview`.

    :param since: a job without ``count`` skips the times before; the times
        of other jobs are counted one by one.
    """
    first = job.next_execution_time
    if first is not None and job.pattern:
        if job.status == JobStatus.PAUSED:
            first = next_fire_time(job.pattern, job.timezone, now)
        if first and since and first < since and job.count is None:
            first = next_fire_time(job.pattern, job.timezone,
                                   since - datetime.timedelta.resolution)
    yield from itertools.islice(_fire_times(job, first), job.count)


def _fire_times(job: typing.Any, time: datetime.datetime | None
                ) -> Iterator[datetime.datetime]:
    while time is not None:
        yield time
        time = (next_fire_time(job.pattern, job.timezone, time)
                if job.pattern else None)
