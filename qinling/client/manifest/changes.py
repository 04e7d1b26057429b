# SPDX-License-Identifier: Apache-2.0
"""Changes that bring a project to the state of an application file."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import json
import typing

Row = Mapping[str, typing.Any]
CREATE, UPDATE, DELETE = '+', '~', '-'
#: Characters of a value in the plan.
MAX_VALUE_LENGTH = 60


@dataclasses.dataclass(frozen=True)
class Change:
    """One step of a plan.

    :ivar sign: :data:`CREATE`, :data:`UPDATE` or :data:`DELETE`.
    :ivar subject: such as ``function greeter``.
    :ivar details: what changes, for people.
    :ivar apply: carries the change out.
    """

    sign: str
    subject: str
    details: tuple[str, ...]
    apply: Callable[[], object]

    def describe(self) -> list[str]:
        """Return the lines of the plan about the change."""
        return [f'{self.sign} {self.subject}',
                *(f'    {detail}' for detail in self.details)]


def compare(row: Row, desired: Mapping[str, typing.Any]
            ) -> tuple[dict[str, typing.Any], tuple[str, ...]]:
    """Return the desired fields that a row lacks, and a text about each."""
    changed = {name: value for name, value in desired.items()
               if not _is_equal(row.get(name), value)}
    return changed, tuple(
        f'{name}: {_format(row.get(name))} -> {_format(value)}'
        for name, value in changed.items())


def list_fields(desired: Mapping[str, typing.Any]) -> tuple[str, ...]:
    """Return a text about each field of a new object."""
    return tuple(f'{name}: {_format(value)}'
                 for name, value in desired.items() if value is not None)


def _is_equal(old: typing.Any, new: typing.Any) -> bool:
    if old == new or not (old or new):
        return True
    if isinstance(old, str) and not isinstance(new, str):
        # Inputs are stored as the text of JSON.
        try:
            return bool(json.loads(old) == new)
        except ValueError:
            return False
    return False


def _format(value: typing.Any) -> str:
    text = value if isinstance(value, str) else json.dumps(
        value, ensure_ascii=False)
    if len(text) > MAX_VALUE_LENGTH:
        text = text[:MAX_VALUE_LENGTH - 3] + '...'
    return text


def hide_secrets(fields: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the fields with names in place of secrets."""
    return fields | {'secrets': ', '.join(fields['secrets'])} if (
        'secrets' in fields) else fields
