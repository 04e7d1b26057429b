# SPDX-License-Identifier: Apache-2.0
"""Filters of event sources: which events run the function.

A filter is a dict with one or both of ``types``, a list of names of events
in which ``*`` stands for any text, and ``match``, a dict of paths in the body
such as ``$.state`` -> a value, or a list of values.
"""

from collections.abc import Mapping
import typing

from qinling.core.execution import flow_keys
from qinling.core.function import flow_control
from qinling.event_sources import base
from qinling import exception

#: Types, paths, and values of a path.
MAX_ENTRIES = 100
MAX_TEXT_LENGTH = 255

Filter = dict[str, typing.Any]


def parse(value: typing.Any) -> Filter | None:
    """Return the filter to store, ``None`` for no filter.

    :raises Invalid: the value is no filter.
    """
    if not isinstance(value, dict) or set(value) - {'types', 'match'}:
        raise exception.Invalid(
            'filter must be a JSON object with types or match, such as '
            '{"types": ["compute.instance.*"], "match": {"$.state": '
            '"active"}}.')
    result: Filter = {}
    if value.get('types'):
        result['types'] = _parse_types(value['types'])
    if value.get('match'):
        result['match'] = _parse_match(value['match'])
    return result or None


def _parse_types(value: typing.Any) -> list[str]:
    if not (isinstance(value, list) and len(value) <= MAX_ENTRIES
            and all(isinstance(item, str)
                    and 0 < len(item) <= MAX_TEXT_LENGTH for item in value)):
        raise exception.Invalid(
            'types of filter must be a list of names, such as '
            '["compute.instance.*"].')
    return value


def _parse_match(value: typing.Any) -> dict[str, list[typing.Any]]:
    if not (isinstance(value, dict) and len(value) <= MAX_ENTRIES):
        raise exception.Invalid(
            'match of filter must be a JSON object of paths and values.')
    result = {}
    for path, allowed in value.items():
        if not (path.startswith('$') and len(path) <= MAX_TEXT_LENGTH
                and flow_control.split_path(path) is not None):
            raise exception.Invalid(
                'The names in match of filter must be paths, such as '
                '$.state or $.items[0].')
        values = allowed if isinstance(allowed, list) else [allowed]
        if not 0 < len(values) <= MAX_ENTRIES or not all(
                item is None or isinstance(item, (str, int, float, bool))
                for item in values):
            raise exception.Invalid(
                'The values in match of filter must be texts, numbers, '
                'booleans, null or a list of these.')
        result[path] = values
    return result


def is_wanted(filter: Filter | None, event: base.Event) -> bool:
    """Return whether an event passes a filter."""
    if filter is None:
        return True
    types = filter.get('types')
    if types and not any(_fits(pattern, event.type or '')
                         for pattern in types):
        return False
    match: Mapping[str, list[typing.Any]] = filter.get('match') or {}
    return all(_is_one(flow_keys.follow_path(
        event.body, flow_control.split_path(path) or ()), values)
        for path, values in match.items())


def _is_one(value: typing.Any, values: list[typing.Any]) -> bool:
    # In Python, True equals 1.
    return any(value == item and (type(value) is bool) == (type(item) is bool)
               for item in values)


def _fits(pattern: str, text: str) -> bool:
    """Return whether a text fits a pattern, in linear time."""
    first, *rest = pattern.split('*')
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(
            text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        position = text.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True
