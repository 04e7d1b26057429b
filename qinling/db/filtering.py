# SPDX-License-Identifier: Apache-2.0
"""Filters of lists: conditions from texts of the API."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import enum
import math
import typing

from qinling import event_states
from qinling import exception
from qinling import printable
from qinling import states
from qinling import strict_json
from qinling import suggestions

#: Pairs of a column and a text of the API.
Texts = Iterable[tuple[str, str]]
OPERATORS = ('eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'has', 'in', 'nin')
TRUE_WORDS = ('1', 't', 'true', 'y', 'yes', 'on')
FALSE_WORDS = ('0', 'f', 'false', 'n', 'no', 'off')
#: Operators that compare with whole values.
_EXACT = frozenset(('eq', 'neq', 'in', 'nin'))
#: Table and column -> all values of the column.
CHOICES: dict[tuple[str, str], type[enum.Enum]] = {
    ('executions', 'status'): states.ExecutionStatus,
    ('executions', 'reason'): states.ExecutionReason,
    ('executions', 'trigger'): states.Trigger,
    ('jobs', 'status'): states.JobStatus,
    ('event_sources', 'status'): event_states.EventSourceStatus,
    ('runtimes', 'status'): states.RuntimeStatus,
    ('operations', 'status'): states.OperationStatus,
    ('operations', 'action'): states.OperationAction}
#: Integers have to fit a signed column of 64 bits.
MAX_INTEGER = 2 ** 63


@dataclasses.dataclass(frozen=True)
class Filter:
    """Comparison of a column with values of its type.

    ``values`` has several elements for ``in`` and ``nin`` only.
    """

    name: str
    operator: str
    values: tuple[typing.Any, ...]

    @property
    def value(self) -> typing.Any:
        """Return the only value."""
        return self.values[0]

    def condition(self, model: typing.Any) -> typing.Any:
        """Return the condition for a statement."""
        column = getattr(model, self.name)
        if self.operator == 'has':
            return column.contains(self.value, autoescape=True)
        if self.operator == 'in':
            return column.in_(self.values)
        if self.operator == 'nin':
            return column.not_in(self.values)
        return {'eq': column.__eq__, 'neq': column.__ne__,
                'gt': column.__gt__, 'gte': column.__ge__,
                'lt': column.__lt__, 'lte': column.__le__}[
                    self.operator](self.value)


def parse(model: typing.Any, name: str, text: str) -> Filter:
    """Return the filter of a text of the API.

    :param text: ``[operator:]value``; ``in`` and ``nin`` take a list
        separated by commas, ``has`` searches within a text.
    :raises Invalid: a value is not of the type of the column.
    """
    operator, colon, value = text.partition(':')
    if not colon or operator not in OPERATORS:
        operator, value = 'eq', text
    kind = getattr(model, name).type.python_type
    if operator == 'has' and kind is not str:
        raise exception.Invalid(
            f'{name} is no text, so has: cannot search it; compare it by '
            'eq, neq, gt, gte, lt, lte, in or nin.')
    texts = value.split(',') if operator in ('in', 'nin') else [value]
    choices = CHOICES.get((model.__tablename__, name))
    if choices and operator in _EXACT:
        _check_choices(name, [choice.value for choice in choices], texts)
    return Filter(name, operator, tuple(
        _convert(name, kind, item) for item in texts))


def _check_choices(name: str, choices: Sequence[str], texts: Iterable[str]
                   ) -> None:
    """Check texts; an empty list would hide a mistyped one.

    :raises Invalid: a text is no value of the column.
    """
    for text in texts:
        if text and text not in choices:
            raise exception.Invalid(
                f'{name}: {printable.shorten(repr(text), 100)} is not one of '
                f'{", ".join(choices)}.{suggestions.suggest(choices, text)}')


def list_conditions(model: typing.Any, filters: Texts) -> list[typing.Any]:
    """Return the conditions of filters of the API; see :func:`parse`."""
    return [parse(model, name, text).condition(model)
            for name, text in filters]


def _convert(name: str, kind: type, text: str) -> typing.Any:
    """Return a text as a value of the type of a column."""
    if kind not in _CONVERTERS:
        return text
    convert, noun = _CONVERTERS[kind]
    try:
        return convert(text.strip())
    except (ValueError, OverflowError):
        raise exception.Invalid(
            f'{name}: {printable.shorten(repr(text), 100)} is not {noun}.')


def _parse_integer(text: str) -> int:
    number = strict_json.parse_integer(text)
    if abs(number) >= MAX_INTEGER:
        raise OverflowError
    return number


def _parse_float(text: str) -> float:
    if '_' in text or not text.isascii():
        raise ValueError
    number = float(text)
    if not math.isfinite(number):
        raise OverflowError
    return number


def parse_boolean(text: str) -> bool:
    """Return whether a text means true.

    :raises ValueError: the text is no boolean.
    """
    word = text.lower()
    if word not in TRUE_WORDS + FALSE_WORDS:
        raise ValueError
    return word in TRUE_WORDS


def parse_time(text: str) -> datetime.datetime:
    """Return the time in UTC, without a zone, of a text with or without.

    :raises ValueError, OverflowError: the text is no time.
    """
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is not None:
        time = time.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return time


#: Type of a column -> converter from text, and the noun of a valid text.
_CONVERTERS: dict[type, tuple[Callable[[str], typing.Any], str]] = {
    int: (_parse_integer, 'a whole number'),
    float: (_parse_float, 'a number'),
    bool: (parse_boolean, 'a boolean; use true or false'),
    datetime.datetime: (
        parse_time, 'a time; use the form 2026-01-31T12:00:00')}
