# SPDX-License-Identifier: Apache-2.0
"""Schedules of jobs: datetimes from users, cron patterns, fire times.

A pattern has the five fields minute, hour, day of the month, month and day of
the week, optionally a sixth field for seconds, or a form of
:mod:`qinling.core.trigger.patterns`.  Times in and out are as the database has
them: UTC without a zone.

Clock changes follow Debian's cron.  A pattern with a number as minute and hour
means times on the clock: a skipped time fires after the gap, and a repeated
time fires once.  A pattern with a star in either field means steps of real
time.
"""

from collections.abc import Iterator
import dataclasses
import datetime
import itertools
import typing

import cronsim
from dateutil import parser

from qinling.core.trigger import plans
from qinling.core.trigger import zones
from qinling import exception
from qinling.states import FireStatus
from qinling.states import JobStatus
from qinling.states import Misfire

#: Least distance of a time that a user names.
MIN_AHEAD = datetime.timedelta(minutes=1)
MAX_DATETIME_LENGTH = 64
#: Leaves room for other zones and for the next fire times.
MAX_YEAR = datetime.MAXYEAR - 1
#: The library reports some odd patterns by the last two.
_BAD_PATTERN = (cronsim.CronSimError, AssertionError, TypeError)


def parse_datetime(text: str, now: datetime.datetime) -> datetime.datetime:
    """Return a datetime in the future from a user; see :func:`parse_time`.

    :raises Invalid: the text is no datetime, or not in the future.
    """
    return require_future(parse_time(text, now), now)


def parse_time(text: str, now: datetime.datetime) -> datetime.datetime:
    """Return a datetime from a user, in any usual form; UTC by default.

    :raises Invalid: the text is no datetime.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if len(text) > MAX_DATETIME_LENGTH:
            raise ValueError
        time: datetime.datetime = parser.parse(
            text, default=midnight, tzinfos=_offset)
        if time.tzinfo is not None:
            time = zones.to_utc(time)
        if time.year > MAX_YEAR:
            raise ValueError
    # The parser raises errors of many kinds.
    except Exception:
        raise exception.Invalid(
            f'{text[:MAX_DATETIME_LENGTH]!r} is not a time; send one such '
            'as 2030-01-31T12:00:00Z.')
    return time


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


def first_fire_time(plan: plans.Plan, start: datetime.datetime
                    ) -> tuple[datetime.datetime, list[plans.Segment]]:
    """Return the first fire time after ``start``; see ``Plan.following``.

    :raises Invalid: the pattern or the zone is not valid, or the pattern
        never fires.
    """
    zones.require_zone(plan.timezone)
    reason = 'it has no time to come'
    segments: list[plans.Segment] = []
    try:
        time, segments = plan.following(start)
    except _BAD_PATTERN as e:
        time, reason = None, str(e)
    if time is not None:
        return time, segments
    if plan.end_at is not None or segments:
        raise exception.Invalid(
            'The job would never fire: no fire time is before end_at and '
            'outside of exclusions.')
    raise exception.Invalid(
        f'The specified pattern is not valid: {reason}. Send five '
        'fields, such as "*/5 * * * *", or six with the seconds at the '
        'end.')


def require_zone(timezone: str | None, now: datetime.datetime) -> None:
    """Check the zone of a job without a pattern.

    :raises Invalid: the zone is not valid.
    """
    first_fire_time(plans.Plan('', '@hourly', timezone), now)


@dataclasses.dataclass(frozen=True)
class FireDecision:
    """Decision about a due job.

    The job fires for ``fire_time``, or not if ``None``, and then has this
    status and these columns.  Nothing runs for the fire times of
    ``segments``.
    """

    fire_time: datetime.datetime | None
    status: str
    segments: list[plans.Segment]
    values: dict[str, typing.Any]


def decide(job: typing.Any, now: datetime.datetime, grace: float
           ) -> FireDecision:
    """Return the decision about a job due at ``now``.

    :param job: row of the job.
    :param grace: seconds of delay before ``misfire`` "skip" skips a fire
        time.
    """
    plan = plans.Plan.create(job)
    first = latest = plans.read_fire_time(job) or now
    reason, skipped_until = None, None
    if job.misfire != Misfire.ALL:
        latest = plan.latest_due(first, now)
        if latest > first:
            skipped_until = latest - plans.RESOLUTION
    next_time, excluded = plan.following(latest)
    due = (job.next_execution_time if latest == first
           else plan.due_time(latest))
    fire_time: datetime.datetime | None = latest
    count = job.count
    if (job.misfire == Misfire.SKIP
            and (now - due).total_seconds() > grace):
        reason = (f'The fire time {latest.isoformat()}Z was missed and '
                  'skipped.')
        skipped_until, fire_time = latest, None
    elif count is not None:
        count -= 1
    is_done = next_time is None or count == 0
    segments = [] if skipped_until is None else plan.split(
        FireStatus.SKIPPED, first, skipped_until)
    return FireDecision(
        fire_time, (JobStatus.DONE if is_done else JobStatus.RUNNING).value,
        segments + ([] if is_done else excluded),
        {'status_reason': reason, 'count': count,
         **plan.build_columns(None if is_done else next_time)})


def preview(job: typing.Any, now: datetime.datetime, count: int
            ) -> list[datetime.datetime]:
    """Return at most ``count`` times at which a job is due.

    For a paused job, return the times after a resume at ``now``.
    """
    plan, first = plans.Plan.create(job), plans.read_fire_time(job)
    return [job.next_execution_time if time == first else plan.due_time(time)
            for time in itertools.islice(iterate(job, now), count)]


def iterate(job: typing.Any, now: datetime.datetime,
            since: datetime.datetime | None = None
            ) -> Iterator[datetime.datetime]:
    """Yield the fire times of a job to come.

    :param since: a job without ``count`` skips the times before; the times
        of other jobs are counted one by one.
    """
    plan, first = plans.Plan.create(job), plans.read_fire_time(job)
    if first is not None and job.pattern:
        if job.status == JobStatus.PAUSED:
            first, _excluded = plan.following(now)
        if first and since and first < since and job.count is None:
            first, _excluded = plan.following(since - plans.RESOLUTION)
    yield from itertools.islice(plan.iterate(first), job.count)
