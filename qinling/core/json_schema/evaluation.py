# SPDX-License-Identifier: Apache-2.0
"""State of the validation of one value: budget, faults and annotations."""

from collections.abc import Callable
import dataclasses
import json
import typing

from qinling import printable

#: Steps of a validation; a step takes half a microsecond at most.
MAX_STEPS = 2_000_000
#: Faults of one report.
MAX_FAULTS = 20
#: Characters of a text that cost one step.
_CHARACTERS_PER_STEP = 256
#: Characters of a name in a pointer.
_MAX_NAME_LENGTH = 200

#: Place of a value: the place of its parent and a name or an index.
Place = tuple[typing.Any, ...]


class TooExpensive(Exception):
    """The validation takes more steps than allowed."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """A value that does not fit; ``pointer`` is that of RFC 6901."""

    pointer: str
    detail: str


class Evaluated:
    """Members and items of one value that a schema has evaluated.

    ``prefix`` items at the start are evaluated, and those of ``items``.
    """

    __slots__ = ('names', 'items', 'prefix')

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.items: set[int] = set()
        self.prefix = 0

    def add(self, evaluated: 'Evaluated') -> None:
        """Add what another schema has evaluated."""
        self.names |= evaluated.names
        self.items |= evaluated.items
        self.prefix = max(self.prefix, evaluated.prefix)


class Run:
    """Validation of one value.

    ``is_quiet`` while a schema is tried that may fail.
    """

    __slots__ = ('steps', 'faults', 'is_quiet')

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.steps = steps
        self.faults: list[Fault] = []
        self.is_quiet = False

    def spend(self, steps: int) -> None:
        """Take steps from the budget.

        :raises TooExpensive: the budget is used up.
        """
        self.steps -= steps
        if self.steps < 0:
            raise TooExpensive()

    @property
    def is_decided(self) -> bool:
        """Return whether further faults change nothing."""
        return self.is_quiet or len(self.faults) >= MAX_FAULTS

    def refuse(self, place: Place, detail: str) -> typing.Literal[False]:
        """Record a fault."""
        if not self.is_decided:
            self.faults.append(Fault(_to_pointer(place), detail))
        return False

    def key(self, value: typing.Any) -> str:
        """Return a text that is equal for equal values only.

        Texts have unpredictable hashes, as opposed to numbers.
        """
        return json.dumps(self._normalise(value), sort_keys=True)

    def _normalise(self, value: typing.Any) -> typing.Any:
        """Return the value with integers for integral fractions."""
        kind = type(value)
        if kind is dict:
            self.spend(1 + len(value))
            return {name: self._normalise(child)
                    for name, child in value.items()}
        if kind is list:
            self.spend(1 + len(value))
            return [self._normalise(child) for child in value]
        if kind is float and value.is_integer():
            return int(value)
        self.spend(1 + len(value) // _CHARACTERS_PER_STEP
                   if kind is str else 1)
        return value


#: Check of a value: validation, value, place and annotations to add to.
Check = Callable[[Run, typing.Any, Place, Evaluated | None], bool]


def _to_pointer(place: Place) -> str:
    names: list[str] = []
    while place:
        place, name = place
        names.append(printable.shorten(str(name), _MAX_NAME_LENGTH)
                     .replace('~', '~0').replace('/', '~1'))
    return ''.join(f'/{name}' for name in reversed(names))
