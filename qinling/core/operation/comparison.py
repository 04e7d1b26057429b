# SPDX-License-Identifier: Apache-2.0
"""Comparison of two executions: status and output, by JSON pointers."""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import json
import typing

#: Differences of one execution, and characters of a value.
MAX_DIFFERENCES, MAX_VALUE_LENGTH = 20, 200
#: JSON pointers of a request, and characters of one.
MAX_POINTERS, MAX_POINTER_LENGTH = 50, 255
STATUS, OUTPUT = '/status', '/output'
_MISSING: typing.Any = object()


@dataclasses.dataclass(frozen=True)
class Difference:
    """Values at a JSON pointer, as JSON; ``None`` for a missing value."""

    path: str
    old: str | None
    new: str | None


def compare(old: typing.Any, new: typing.Any, ignored: Sequence[str]
            ) -> list[Difference]:
    """Return the differences of two executions, a bounded number.

    :param old: ``status`` and ``result``, JSON text with ``output``.
    :param ignored: JSON pointers of values to leave out, with all parts.
    """
    differences: list[Difference] = []
    pairs = ((STATUS, old.status, new.status),
             (OUTPUT, read_output(old), read_output(new)))
    for path, old_value, new_value in pairs:
        for difference in _walk(path, old_value, new_value,
                                frozenset(ignored)):
            differences.append(difference)
            if len(differences) == MAX_DIFFERENCES:
                return differences
    return differences


def read_output(row: typing.Any) -> typing.Any:
    """Return the output of an execution, the text if it is not JSON."""
    try:
        return json.loads(row.result or '{}').get('output')
    except (ValueError, AttributeError):
        return row.result


def _walk(path: str, old: typing.Any, new: typing.Any,
          ignored: frozenset[str]) -> Iterator[Difference]:
    """Yield the differences below a path, without recursion.

    Outputs may be nested more deeply than the stack of Python permits.
    """
    stack = [(path, old, new)]
    while stack:
        path, old, new = stack.pop()
        if path in ignored or old is new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            stack += [(f'{path}/{_escape(key)}', old.get(key, _MISSING),
                       new.get(key, _MISSING))
                      for key in sorted({*old, *new}, reverse=True)]
        elif isinstance(old, list) and isinstance(new, list):
            stack += [(f'{path}/{place}', _item(old, place),
                       _item(new, place)) for place
                      in reversed(range(max(len(old), len(new))))]
        elif not _is_equal(old, new):
            yield Difference(path, _show(old), _show(new))


def _item(values: list[typing.Any], place: int) -> typing.Any:
    return values[place] if place < len(values) else _MISSING


def _is_equal(old: typing.Any, new: typing.Any) -> bool:
    """Return whether two values are equal in JSON: 1 is not true."""
    return isinstance(old, bool) == isinstance(new, bool) and bool(
        old == new)


def _escape(key: str) -> str:
    return key.replace('~', '~0').replace('/', '~1')


def _show(value: typing.Any) -> str | None:
    """Return the JSON of a value, shortened."""
    if value is _MISSING:
        return None
    try:
        text = json.dumps(value)
    except RecursionError:
        text = 'a deeply nested value'
    return (text if len(text) <= MAX_VALUE_LENGTH
            else text[:MAX_VALUE_LENGTH - 3] + '...')
