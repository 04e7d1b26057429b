# SPDX-License-Identifier: Apache-2.0
"""Values of fields in tables for people."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import json
import typing

from qinling.client import units

#: Ends of the names of times.
TIMES = ('_at', '_time', '_until')
#: Checksums, of no use to people.
_CHECKSUMS = ('md5sum', 'sha256')


def format_field(name: str, value: typing.Any, zone: str | None = None
                 ) -> typing.Any:
    """Return the value of a field in a table for people.

    :param zone: time zone to show fire times in.
    """
    if value is None:
        return ''
    if name.endswith('_execution_time') and zone:
        return units.format_local(value, zone)
    if name.endswith(TIMES):
        return _describe_time(value)
    form = _FORMS.get(name)
    if form is None:
        return _describe_value(value)
    return form(value)


def _describe_value(value: typing.Any) -> typing.Any:
    """Return lists of words as text, and other structures as JSON."""
    if isinstance(value, list) and not any(
            isinstance(item, dict | list) for item in value):
        return ', '.join(map(str, value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else ''
    return value


def _describe_time(text: str) -> str:
    try:
        return f'{text} ({units.format_age(text)})'
    except ValueError:
        return text


def _describe_code(code: Mapping[str, typing.Any]) -> str:
    """Return the source of the code, without checksums."""
    return json.dumps(_drop_checksums(code)) if isinstance(
        code, Mapping) else str(code)


def _drop_checksums(value: typing.Any) -> typing.Any:
    if not isinstance(value, Mapping):
        return value
    return {name: _drop_checksums(item) for name, item in value.items()
            if name not in _CHECKSUMS}


_FORMS: dict[str, Callable[[typing.Any], str]] = {
    'memory_size': units.format_size, 'size': units.format_size,
    'memory_peak': units.format_size, 'timeout': units.format_duration,
    'duration': units.format_duration, 'code': _describe_code}
