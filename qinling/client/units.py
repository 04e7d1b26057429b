# SPDX-License-Identifier: Apache-2.0
"""Sizes and times as people write and read them."""

from __future__ import annotations

import argparse
import datetime
import re

_SIZE = re.compile(r'([0-9]{1,15})\s?(?:([KMGT])(?:i?B)?|B)?', re.IGNORECASE)
_SIZE_UNITS = ('B', 'KiB', 'MiB', 'GiB', 'TiB')
_DURATION = re.compile(
    '(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,8})m)?'
    '(?:([0-9]{1,10})s?)?')
_SECONDS = (86400, 3600, 60, 1)
#: Seconds of a unit -> its name, the largest first.
_AGES = ((365 * 86400, 'year'), (30 * 86400, 'month'), (86400, 'day'),
         (3600, 'hour'), (60, 'minute'), (1, 'second'))


def parse_size(text: str) -> int:
    """Return the bytes of ``134217728``, ``128M`` or ``128MiB``.

    All units are powers of 1024.
    """
    match = _SIZE.fullmatch(text)
    size = 0
    if match:
        power = ' KMGT'.index((match[2] or ' ').upper())
        size = int(match[1]) * 1024 ** power
    if size < 1:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a size; write bytes, or 128M or 1GiB')
    return size


def parse_duration(text: str) -> int:
    """Return the seconds of ``90``, ``90s``, ``5m``, ``1h30m`` or ``2d``."""
    match = _DURATION.fullmatch(text) if text else None
    seconds = sum(int(number or 0) * unit for number, unit in
                  zip(match.groups(), _SECONDS)) if match else 0
    if seconds < 1:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a time; write seconds, or 30s, 5m or 1h30m')
    return seconds


def parse_moment(text: str) -> str:
    """Return the UTC time of ``1h`` (an hour ago) or of a time in the format
    of ISO 8601, as text."""
    try:
        moment = now() - datetime.timedelta(seconds=parse_duration(text))
    except (argparse.ArgumentTypeError, OverflowError):
        try:
            moment = read_time(text)
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(
                f'{text!r} is not a time; write 30m or 24h for the time '
                'since then, or 2026-01-31T12:00:00')
    return moment.replace(tzinfo=None).isoformat(timespec='seconds')


def format_size(size: int) -> str:
    """Return bytes with the largest suitable unit."""
    number = float(size)
    for unit in _SIZE_UNITS:
        if abs(number) < 1024 or unit == _SIZE_UNITS[-1]:
            break
        number /= 1024
    return f'{number:.4g}{unit}'


def format_figure(number: float, digits: int = 3) -> str:
    """Return a number with some digits, and never with an exponent."""
    if abs(number) >= 10 ** (digits - 1):
        return f'{number:.0f}'
    text = f'{float(f"{number:.{digits}g}"):.12f}'
    return text.rstrip('0').rstrip('.')


def format_duration(seconds: float) -> str:
    """Return seconds with units, such as ``12ms``, ``2.5s`` or ``1h30m``."""
    if seconds < 1:
        return f'{seconds * 1000:.2g}ms' if seconds < 0.01 else (
            f'{round(seconds * 1000)}ms')
    if seconds < 60:
        return f'{seconds:.3g}s'
    rest, parts = round(seconds), []
    for unit, letter in zip(_SECONDS, 'dhms'):
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f'{count}{letter}')
    return ''.join(parts)


def format_age(text: str) -> str:
    """Return a time relative to the present: ``3 minutes ago``."""
    age = (now() - read_time(text)).total_seconds()
    size = abs(age)
    if size < 1:
        return 'now'
    unit, name = next((unit, name) for unit, name in _AGES if size >= unit)
    count = int(size // unit)
    words = f'{count} {name}{"s" if count != 1 else ""}'
    return f'{words} ago' if age > 0 else f'in {words}'


def format_local(text: str, zone: str | None) -> str:
    """Return a UTC time, beside the time in another zone."""
    moment = read_time(text)
    clock = '%H:%M:%S' if moment.second else '%H:%M'
    utc = moment.strftime(f'%Y-%m-%d {clock} UTC')
    if zone in (None, '', 'UTC'):
        return utc
    import zoneinfo

    try:
        local = moment.astimezone(zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return utc  # this machine does not know the zone
    if local.date() == moment.date():
        utc = moment.strftime(f'{clock} UTC')
    return f'{local.strftime(f"%Y-%m-%d {clock}")} {zone} ({utc})'


def read_time(text: str) -> datetime.datetime:
    """Return a time with a zone; without a zone, the time is UTC."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=datetime.timezone.utc)
    return moment.astimezone(datetime.timezone.utc)


def now() -> datetime.datetime:
    """Return the present time."""
    return datetime.datetime.now(datetime.timezone.utc)
