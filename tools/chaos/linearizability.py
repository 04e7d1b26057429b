# SPDX-License-Identifier: Apache-2.0
"""Search for an order in which reads and writes of a register make sense.

The search of Wing and Gong: each operation takes effect at one moment between
its start and its end, and each read returns the latest write.  Visited pairs
of remaining operations and value are not searched twice (Lowe).  The history
is cut wherever no operation is under way, so that hours can be searched.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import typing

#: Visited states of a part at most.
MAX_STATES = 500_000
#: Seconds in which a write of unknown outcome may still take effect: a fault
#: lasts less than 10, as does a statement without an answer.
MAX_DELAY_SECONDS = 30
FOREVER = float('inf')

Value = typing.Any
_State = tuple[int, int, Value]


@dataclasses.dataclass(frozen=True)
class Access:
    """Read or write of a register.

    :param certain: false for a write that may never take effect.
    """

    start: float
    end: float
    is_write: bool
    value: Value
    certain: bool = True


def is_linearizable(accesses: Sequence[Access], initial: Value) -> bool:
    """Return whether some order explains all reads.

    :raises RuntimeError: the history is too large.
    """
    ordered = sorted(
        (access if access.certain else dataclasses.replace(
            access, end=access.end + MAX_DELAY_SECONDS)
         for access in accesses), key=lambda access: access.start)
    values = {initial}
    for part in _split(ordered):
        values = _Part(part).search(values)
    return bool(values)


def _split(ordered: Sequence[Access]) -> Iterator[list[Access]]:
    """Yield the accesses between moments without any."""
    part: list[Access] = []
    end = -FOREVER
    for access in ordered:
        if part and access.start > end:
            yield part
            part = []
        part.append(access)
        end = max(end, access.end)
    if part:
        yield part


class _Part:
    """Accesses of which each overlaps another.

    A state has the bits of the certain accesses that remain, the bits of the
    unknown writes that may still take effect, and the value.
    """

    def __init__(self, accesses: Sequence[Access]) -> None:
        self._accesses = accesses
        self._certain = sum(1 << place for place, access in enumerate(
            accesses) if access.certain)
        self._unknown = (1 << len(accesses)) - 1 ^ self._certain
        self._visited: dict[tuple[int, Value], list[int]] = {}
        self._count = 0

    def search(self, values: set[Value]) -> set[Value]:
        """Return the values that the part may leave behind."""
        stack = [(self._certain, self._unknown, value) for value in values]
        results = set()
        while stack:
            certain, unknown, value = stack.pop()
            if not self._visit(certain, unknown, value):
                continue
            if not certain:
                results |= {value, *(access.value for _, access
                                     in self._list(unknown))}
            else:
                stack += self._list_next(certain, unknown, value)
        return results

    def _visit(self, certain: int, unknown: int, value: Value) -> bool:
        """Return whether a state is new.

        A state with more unknown writes explains all that this one explains.
        """
        present = self._visited.setdefault((certain, value), [])
        if any(unknown & larger == unknown for larger in present):
            return False
        present.append(unknown)
        self._count += 1
        if self._count > MAX_STATES:
            raise RuntimeError(
                f'{len(self._accesses)} accesses are too many to search.')
        return True

    def _list(self, remaining: int) -> Iterator[tuple[int, Access]]:
        """Yield the bits and the accesses that may take effect first."""
        first_end = FOREVER
        while remaining:
            lowest = remaining & -remaining
            remaining ^= lowest
            access = self._accesses[lowest.bit_length() - 1]
            if access.start > first_end:
                break
            if access.certain:
                first_end = min(first_end, access.end)
            yield lowest, access

    def _list_next(self, certain: int, unknown: int, value: Value
                   ) -> list[_State]:
        """Return the states after each access, the most useful ones last."""
        writes: list[_State] = []
        reads: list[tuple[int, Access]] = []
        free: dict[Value, tuple[int, Access]] = {}
        for bit, access in self._list(certain | unknown):
            if not access.certain:
                if access.value not in free or (
                        access.end < free[access.value][1].end):
                    free[access.value] = bit, access
            elif access.is_write:
                writes.append((certain ^ bit, self._expire(
                    unknown, access), access.value))
            elif access.value != value:
                reads.append((bit, access))
            elif self._expire(unknown, access) == unknown:
                # The read changes nothing, so no other order is better.
                return [(certain ^ bit, unknown, value)]
            else:
                writes.append((certain ^ bit, self._expire(
                    unknown, access), value))
        # An unknown write helps only directly before a read.
        return [(certain ^ bit, self._expire(
            unknown ^ free[access.value][0], access), access.value)
            for bit, access in reads if access.value in free] + writes

    def _expire(self, unknown: int, access: Access) -> int:
        """Return the unknown writes that may take effect after an access."""
        remaining = unknown
        while remaining:
            lowest = remaining & -remaining
            remaining ^= lowest
            write = self._accesses[lowest.bit_length() - 1]
            if write.start > access.start:
                break
            if write.end < access.start:
                unknown ^= lowest
        return unknown
