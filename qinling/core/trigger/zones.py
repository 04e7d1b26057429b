# SPDX-License-Identifier: Apache-2.0
"""Time zones of jobs."""

import datetime
import re
import zoneinfo

from qinling import exception

MAX_NAME_LENGTH = 64
#: Python searches a zone as a module, too, whose name may be anything.
_ZONE_NAME = re.compile('[A-Za-z0-9_+/-]{1,64}')
#: Files beside the zones: the zone of this machine, and copies of the zones,
#: also with leap seconds, which shift each fire time.
_NO_ZONES = re.compile('localtime|posixrules|posix/.*|right/.*')


def get(name: str | None) -> datetime.tzinfo:
    """Return a time zone, UTC by default.

    :raises Invalid: there is no such zone.
    """
    if name is None or name == 'UTC':
        return datetime.timezone.utc
    if not _ZONE_NAME.fullmatch(name):
        raise _no_zone(name)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _no_zone(name)


def require_zone(name: str | None) -> None:
    """Check the zone of a new schedule.

    :raises Invalid: the name is no zone, or a copy of a zone.
    """
    if name is not None and _NO_ZONES.fullmatch(name):
        raise _no_zone(name)


def _no_zone(name: str) -> exception.Invalid:
    return exception.Invalid(
        f'{name[:MAX_NAME_LENGTH]!r} is not a time zone; send one such '
        'as Europe/Paris.')


def to_utc(time: datetime.datetime) -> datetime.datetime:
    """Return a time with a zone as the database has times."""
    return time.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def to_local(time: datetime.datetime, zone: datetime.tzinfo
             ) -> datetime.datetime:
    """Return a time of the database in a zone."""
    return time.replace(tzinfo=datetime.timezone.utc).astimezone(zone)
