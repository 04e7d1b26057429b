# SPDX-License-Identifier: Apache-2.0
"""Fields of jobs: their checks, and their columns."""

from collections.abc import Mapping
import datetime
import typing

from qinling.core.execution import inputs
from qinling.core.trigger import exclusions
from qinling.core.trigger import schedule
from qinling.core import validation
from qinling import exception
from qinling import states

#: Fields stored without conversion.
_PLAIN_FIELDS = ('name', 'function_input', 'pattern', 'timezone', 'misfire',
                 'overlap')
_POLICIES: Mapping[str, typing.Any] = {
    'misfire': states.Misfire, 'overlap': states.Overlap}
#: Numbers that 0 resets, and their maximum.
_NUMBERS = {'jitter': 86400, 'max_failures': 1000}
#: Columns that change the fire times of a job with a pattern.
SCHEDULE = ('pattern', 'timezone', 'start_at', 'end_at', 'jitter',
            'exclusions')
#: Fields that a job without a pattern cannot have.
_PATTERN_ONLY = ('start_at', 'end_at', 'exclusions')
Values = Mapping[str, typing.Any]


def read(values: Values, now: datetime.datetime) -> dict[str, typing.Any]:
    """Return the columns of the fields that do not depend on others.

    :raises Invalid: a field is not valid.
    """
    columns = {name: values[name] for name in _PLAIN_FIELDS if name in values}
    for name in ('name', 'pattern', 'timezone'):
        validation.text(name, columns.get(name))
    validation.text('function_alias', values.get('function_alias'))
    value = columns.get('function_input')
    if isinstance(value, str) and '\0' in value:
        raise exception.Invalid(
            'function_input must not contain a NUL character.')
    stored = inputs.normalise(value)
    if value is not None and not isinstance(value, str):
        columns['function_input'] = stored
    for name, policies in _POLICIES.items():
        names = [policy.value for policy in policies]
        if columns.get(name, names[0]) not in names:
            raise exception.Invalid(
                f'{name} must be one of: {", ".join(names)}.')
    return columns | _read_limits(values, now)


def _read_limits(values: Values, now: datetime.datetime
                 ) -> dict[str, typing.Any]:
    """Return the columns of the limits; empty values reset a limit."""
    columns: dict[str, typing.Any] = {}
    for name, maximum in _NUMBERS.items():
        if name in values:
            if not 0 <= values[name] <= maximum:
                raise exception.Invalid(
                    f'{name} must be at least 0 and at most {maximum}.')
            columns[name] = values[name] or None
    for name in ('start_at', 'end_at'):
        if name in values:
            columns[name] = (schedule.parse_time(values[name], now)
                             if values[name] else None)
    if 'exclusions' in values:
        columns['exclusions'] = exclusions.normalise(
            values['exclusions']) or None
    return columns


def require_pattern(columns: Values) -> None:
    """Check the columns of a job without a pattern.

    :raises Invalid: a column needs a pattern.
    """
    names = [name for name in _PATTERN_ONLY if columns.get(name)]
    if names:
        raise exception.Invalid(
            f'{names[0]} needs a pattern; send the time of a job that runs '
            'once as first_execution_time.')
