# SPDX-License-Identifier: Apache-2.0
"""Formats of texts that are checked; all others are annotations."""

from collections.abc import Callable
from collections.abc import Mapping
import datetime
import ipaddress

from qinling.core.json_schema import patterns

#: Characters of the longest text that can have a format.
MAX_LENGTH = 64
_DATE = patterns.Pattern(r'^\d{4}-\d{2}-\d{2}$')
_DATE_TIME = patterns.Pattern(
    r'^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?'
    r'([Zz]|[+-]\d{2}:\d{2})$')
_UUID = patterns.Pattern(
    '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$')


def _is_date(text: str) -> bool:
    return _DATE.is_in(text) and _is_valid(
        datetime.date.fromisoformat, text)


def _is_date_time(text: str) -> bool:
    if not _DATE_TIME.is_in(text):
        return False
    # A leap second exists at the end of a day in UTC only.
    head, second, tail = text[:17], text[17:19], text[19:].upper()
    is_leap = second == '60'
    zone = tail[tail.index('Z'):] if tail.endswith('Z') else tail[-6:]
    if zone != 'Z' and (int(zone[1:3]) > 23 or int(zone[4:]) > 59):
        return False
    try:
        time = datetime.datetime.fromisoformat(
            head.upper() + ('59' if is_leap else second) + zone)
        if is_leap:
            time = time.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        return False
    return not is_leap or (time.hour, time.minute) == (23, 59)


def _is_ipv4(text: str) -> bool:
    return _is_valid(ipaddress.IPv4Address, text)


def _is_ipv6(text: str) -> bool:
    return '%' not in text and _is_valid(ipaddress.IPv6Address, text)


def _is_valid(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {
    'date': _is_date, 'date-time': _is_date_time, 'uuid': _UUID.is_in,
    'ipv4': _is_ipv4, 'ipv6': _is_ipv6}


def has_format(name: str, text: str) -> bool:
    """Return whether a text has one of :data:`FORMATS`."""
    return len(text) <= MAX_LENGTH and text.isascii() and FORMATS[name](text)
