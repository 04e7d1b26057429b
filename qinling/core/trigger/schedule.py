# SPDX-License-Identifier: Apache-2.0
"""When a job is due: times from users, and cron patterns.

A pattern has the five fields minute, hour, day of the month, month and day
of the week, with ``*``, lists, ranges, steps and English names.  Times come
and go as the database keeps them: UTC without a zone.

Where the clocks change, patterns do as Debian's cron does.  A pattern whose
minute and hour are numbers means times on the clock: one that is skipped
comes when the clock has skipped it, and one that comes twice counts once.
One with a star in either means steps of real time.
"""

import dataclasses
import datetime
import itertools
import zoneinfo

import cronsim
from dateutil import parser
from dateutil import tz

from qinling import exception
from qinling.states import JobStatus
from qinling.states import Misfire

NAMES = {'@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *',
         '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0',
         '@daily': '0 0 * * *', '@midnight': '0 0 * * *',
         '@hourly': '0 * * * *'}
#: How far ahead a time must be that a user gives.
AHEAD = datetime.timedelta(minutes=1)
#: Characters of a time.
LONGEST = 64


def moment(text, now):
    """A time from a user, in any usual form; without a zone it is UTC.

    :raises Invalid: it is none, or not ahead of ``now``.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if len(text) > LONGEST:
            raise ValueError
        found = parser.parse(text, default=midnight, tzinfos=_offset)
        if found.tzinfo is not None:
            found = _stored(found)
    # The parser fails in many ways, as texts do.
    except Exception:
        raise exception.Invalid(
            f'{text[:LONGEST]!r} is not a time; send one such as '
            '2030-01-31T12:00:00Z.')
    return check_ahead(found, now)


def _offset(name, seconds):
    if seconds is not None:
        return tz.tzoffset(None, seconds)
    if name is None:
        return None
    raise ValueError(name)


def check_ahead(time, now):
    """The time, if there is a minute until then.

    :raises Invalid: there is not.
    """
    if time < now + AHEAD:
        raise exception.Invalid(
            'Execution time must be at least 1 minute in the future.')
    return time


def check(pattern, timezone, start):
    """The first tick after ``start``.

    :raises Invalid: the pattern or the zone is none, or there is no such
        tick.
    """
    reason = 'it has no time to come'
    try:
        found = after(pattern, timezone, start)
    except _BAD_PATTERN as e:
        found, reason = None, str(e)
    if found is None:
        raise exception.Invalid(
            f'The specified pattern is not valid: {reason}. Send five '
            'fields, such as "*/5 * * * *".')
    return found


#: The last two are what the library makes of some odd mixtures.
_BAD_PATTERN = (cronsim.CronSimError, AssertionError, TypeError)


def _zone(name):
    if name is None or name == 'UTC':
        return datetime.timezone.utc
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise exception.Invalid(
            f'{name!r} is not a time zone; send one such as Europe/Paris.')


def _stored(time):
    return time.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def after(pattern, timezone, time):
    """The first tick after a time, ``None`` if there is none."""
    fields = NAMES.get(pattern.strip().lower(), pattern)
    if len(fields.split()) != 5:
        raise cronsim.CronSimError('it must have five fields')
    local = time.replace(tzinfo=datetime.timezone.utc).astimezone(
        _zone(timezone))
    try:
        for tick in cronsim.CronSim(fields, local):
            # In an hour that comes twice the library may step back to what
            # was before.
            if (found := _stored(tick)) > time:
                return found
    except (OverflowError, ValueError):
        # It is beyond the last year of all.
        pass
    return None


def latest(pattern, timezone, tick, now):
    """The last tick that is not after ``now``, for a tick that is not.

    It looks from ``now`` back by more and more, so that it takes as long for
    a year as for a day.
    """
    back = AHEAD
    while now - back > tick:
        found = after(pattern, timezone, now - back)
        if found is not None and found <= now:
            tick = found
            break
        back *= 2
    while (following := after(pattern, timezone, tick)) is not None:
        if following > now:
            break
        tick = following
    return tick


@dataclasses.dataclass(frozen=True)
class Step:
    """What becomes of a job that is due: it fires for ``tick``, or not if
    that is ``None``, and then has this status and these columns."""

    tick: datetime.datetime | None
    status: str
    values: dict


def step(job, now, grace):
    """The :class:`Step` of a row of a job that is due at ``now``.

    :param grace: seconds that a tick may be late before ``misfire`` "skip"
        leaves it out.
    """
    tick, following, reason = job.next_execution_time, None, None
    if job.pattern:
        if job.misfire != Misfire.ALL:
            tick = latest(job.pattern, job.timezone, tick, now)
        following = after(job.pattern, job.timezone, tick)
    count = job.count
    if job.misfire == Misfire.SKIP and (now - tick).total_seconds() > grace:
        reason = f'The tick of {tick.isoformat()}Z was missed and skipped.'
        tick = None
    elif count is not None:
        count -= 1
    done = following is None or count == 0
    status = JobStatus.DONE if done else JobStatus.RUNNING
    return Step(tick, status.value, {
        'status_reason': reason, 'count': count,
        'next_execution_time': None if done else following})


def preview(job, now, count):
    """The next ticks of a job, at most ``count``; of one that is paused
    those that it would have if it went on now."""
    if job.next_execution_time is None:
        return []
    first = job.next_execution_time
    if job.pattern and job.status == JobStatus.PAUSED:
        first = after(job.pattern, job.timezone, now)
    return list(itertools.islice(
        _series(job, first), min(count, job.count or count)))


def _series(job, tick):
    while tick is not None:
        yield tick
        tick = job.pattern and after(job.pattern, job.timezone, tick)
