# SPDX-License-Identifier: Apache-2.0
"""Flow control: which executions of a function may start, and when.

The ``flow_control`` of a function or alias is ``None``, or a dict with some
of:

* ``key``: what divides the executions into lines; see
  :mod:`qinling.core.execution.flow_keys`.  Without a key, all executions
  are in one line.
* ``concurrency``: executions of a key at the same time
* ``rate``: ``limit`` starts of a key within ``period`` seconds
* ``debounce``: a start follows ``period`` seconds without another execution
  of the key, at most ``max`` seconds after the first
* ``singleton``: one execution of a key at a time, and whether the ``oldest``
  or the ``newest`` runs
* ``priority``: where the input has the head start in a line, in seconds

Settings apply to all versions from the next decision on, so no version and
no digest contains them.
"""

from collections.abc import Mapping
import functools
import re
import typing

from qinling import exception
from qinling.flow_states import Singleton

Settings = dict[str, typing.Any]

MAX_CONCURRENCY, MAX_RATE = 1000, 1000
MAX_PERIOD_SECONDS = 86400
#: ``max`` of a debounce without the field, in periods.
DEFAULT_MAX_PERIODS = 10
MAX_PATH_LENGTH = 255
ROUTING_KEY = 'routing_key'
HEADER = 'header:'
#: A step of a path: a member in one of two forms, or an element.
STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^'\]]+)'\]"
                  r'|\[([0-9]{1,9})\]', re.ASCII)
_HEADER_NAME = re.compile(r'[A-Za-z0-9-]{1,100}', re.ASCII)
NAMES = ('key', 'concurrency', 'rate', 'debounce', 'singleton', 'priority')
#: Fields that start or stop anything; the rest describes the lines.
_LIMITS = ('concurrency', 'rate', 'debounce', 'singleton')


def parse(value: typing.Any) -> Settings | None:
    """Return the settings to store for the value of a user.

    :returns: ``None`` for an empty object, which removes the flow control.
    :raises Invalid: the value is no flow control.
    """
    if not isinstance(value, dict):
        raise exception.Invalid(
            'flow_control must be a JSON object, such as '
            '{"key": "$.customer", "concurrency": 1}.')
    unknown = sorted(set(value) - set(NAMES))
    if unknown:
        raise exception.Invalid(
            f'flow_control has no {unknown[0]!r}; it may have: '
            f'{", ".join(NAMES)}.')
    settings = {name: _PARSERS[name](name, value[name]) for name in NAMES
                if value.get(name) is not None}
    if settings:
        _check_combination(settings)
    return settings or None


def plan(fields: Mapping[str, typing.Any]) -> dict[str, Settings | None]:
    """Return the column for the flow control of a request, if any.

    :raises Invalid: see :func:`parse`.
    """
    value = fields.get('flow_control')
    return {} if value is None else {'flow_control': parse(value)}


def _check_combination(settings: Settings) -> None:
    if not set(settings) & set(_LIMITS):
        raise exception.Invalid(
            'flow_control needs at least one of: '
            f'{", ".join(_LIMITS)}.')
    for name in ('concurrency', 'debounce'):
        if 'singleton' in settings and name in settings:
            raise exception.Invalid(
                'singleton of flow_control already runs one execution of a '
                f'key at a time; omit {name}.')
    if 'priority' in settings and not {'concurrency', 'rate'} & set(settings):
        raise exception.Invalid(
            'priority of flow_control orders executions that wait for '
            'concurrency or rate; add one of them, or omit priority.')


def _parse_number(name: str, value: typing.Any, maximum: int) -> int:
    if type(value) is not int or not 1 <= value <= maximum:
        raise exception.Invalid(
            f'{name} of flow_control must be a whole number from 1 to '
            f'{maximum}.')
    return value


def _parse_concurrency(name: str, value: typing.Any) -> int:
    return _parse_number(name, value, MAX_CONCURRENCY)


def _parse_rate(name: str, value: typing.Any) -> dict[str, int]:
    _check_object(name, value, ('limit', 'period'), 2)
    return {'limit': _parse_number('rate.limit', value['limit'], MAX_RATE),
            'period': _parse_number('rate.period', value['period'],
                                    MAX_PERIOD_SECONDS)}


def _parse_debounce(name: str, value: typing.Any) -> dict[str, int]:
    _check_object(name, value, ('period', 'max'), 1)
    period = _parse_number('debounce.period', value['period'],
                           MAX_PERIOD_SECONDS)
    longest = _parse_number(
        'debounce.max', value.get('max', min(
            DEFAULT_MAX_PERIODS * period, MAX_PERIOD_SECONDS)),
        MAX_PERIOD_SECONDS)
    if longest < period:
        raise exception.Invalid(
            'debounce.max of flow_control must not be less than '
            'debounce.period.')
    return {'period': period, 'max': longest}


def _check_object(name: str, value: typing.Any, names: tuple[str, ...],
                  required: int) -> None:
    """Check the members of an object; the first ones are required."""
    if (not isinstance(value, dict) or set(value) - set(names)
            or not set(names[:required]) <= set(value)):
        optional = ''.join(f', and perhaps {extra}'
                           for extra in names[required:])
        raise exception.Invalid(
            f'{name} of flow_control must be an object with '
            f'{" and ".join(names[:required])}{optional}.')


def _parse_singleton(name: str, value: typing.Any) -> str:
    choices = [choice.value for choice in Singleton]
    if value not in choices:
        raise exception.Invalid(
            f'{name} of flow_control must be one of: {", ".join(choices)}.')
    return str(value)


def _parse_key(name: str, value: typing.Any) -> str:
    if value == ROUTING_KEY:
        return ROUTING_KEY
    return _parse_place(name, value, f', or {ROUTING_KEY}')


def _parse_place(name: str, value: typing.Any, choice: str = '') -> str:
    """Return the place of a value: a path into the input, or a header."""
    if isinstance(value, str) and len(value) <= MAX_PATH_LENGTH:
        if value.startswith(HEADER):
            header = value[len(HEADER):].strip()
            if _HEADER_NAME.fullmatch(header):
                return HEADER + header.lower()
        elif value.startswith('$') and split_path(value) is not None:
            return value
    raise exception.Invalid(
        f'{name} of flow_control must be a JSON path into the input such as '
        f"$.customer.id or $.items[0]['id'], a header of webhooks such as "
        f'header:X-Tenant{choice}.')


@functools.lru_cache
def split_path(path: str) -> tuple[str | int, ...] | None:
    """Return the steps of a path, ``None`` if the path is not valid."""
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = STEP.match(path, position)
        if match is None:
            return None
        name, quoted, index = match.groups()
        steps.append(int(index) if index is not None else name or quoted)
        position = match.end()
    return tuple(steps)


_PARSERS = {'key': _parse_key, 'concurrency': _parse_concurrency,
            'rate': _parse_rate, 'debounce': _parse_debounce,
            'singleton': _parse_singleton, 'priority': _parse_place}
