# SPDX-License-Identifier: Apache-2.0
"""Days on which a job does not fire.

An exclusion is a date such as ``2026-12-25``, or the first and the last date
of a range such as ``2026-12-24/2027-01-01``, in the time zone of the job.
"""

from collections.abc import Sequence
import datetime
import typing

from qinling.core.trigger import zones
from qinling import exception
from qinling import printable

MAX_EXCLUSIONS = 100
#: Years that every zone can convert to UTC.
MIN_YEAR, MAX_YEAR = 1970, datetime.MAXYEAR - 2
_DAY = datetime.timedelta(days=1)
Range = tuple[datetime.datetime, datetime.datetime]


def normalise(values: typing.Any) -> list[str]:
    """Return exclusions in order.

    :raises Invalid: a value is no date and no range of dates.
    """
    if not isinstance(values, list) or len(values) > MAX_EXCLUSIONS:
        raise exception.Invalid(
            f'exclusions must be a list of at most {MAX_EXCLUSIONS} dates.')
    return sorted({_format(*_parse(value)) for value in values})


def _format(first: datetime.date, last: datetime.date) -> str:
    return (first.isoformat() if first == last
            else f'{first.isoformat()}/{last.isoformat()}')


def _parse(value: typing.Any) -> tuple[datetime.date, datetime.date]:
    try:
        first, separator, last = value.strip().partition('/')
        start = datetime.date.fromisoformat(first.strip())
        end = (datetime.date.fromisoformat(last.strip()) if separator
               else start)
        if MIN_YEAR <= start.year <= end.year <= MAX_YEAR and start <= end:
            return start, end
    except (AttributeError, ValueError):
        pass
    raise exception.Invalid(
        f'{printable.shorten(repr(value), 100)} is not an exclusion; send a '
        'date such as 2026-12-25, or a range such as 2026-12-24/2027-01-01.')


def list_ranges(exclusions: Sequence[str] | None, timezone: str | None
                ) -> list[Range]:
    """Return the first moment of each exclusion, and the first one after."""
    zone = zones.get(timezone)

    def start_of(day: datetime.date) -> datetime.datetime:
        return zones.to_utc(datetime.datetime.combine(
            day, datetime.time(), zone))
    return [(start_of(first), start_of(last + _DAY))
            for first, last in map(_parse, exclusions or ())]


def find(ranges: Sequence[Range], time: datetime.datetime) -> Range | None:
    """Return a range with a time, or ``None``."""
    return next((range for range in ranges if range[0] <= time < range[1]),
                None)
