# SPDX-License-Identifier: Apache-2.0
"""Search for an order in which reads and writes of a register make sense.

The search of Wing and Gong: each operation takes effect at one moment between
its start and its end, and each read returns the latest write.  Visited pairs
of remaining operations and value are not searched twice (Lowe).
"""

from collections.abc import Sequence
import dataclasses
import typing

#: Visited states at most.
MAX_STATES = 500_000
FOREVER = float('inf')


@dataclasses.dataclass(frozen=True)
class Access:
    """Read or write of a register.

    :param certain: false for a write that may never take effect.
    """

    start: float
    end: float
    is_write: bool
    value: typing.Any
    certain: bool = True


def is_linearizable(accesses: Sequence[Access], initial: typing.Any) -> bool:
    """Return whether some order explains all reads.

    :raises RuntimeError: the history is too large.
    """
    ordered = sorted(
        (access if access.certain else dataclasses.replace(
            access, end=FOREVER) for access in accesses),
        key=lambda access: access.start)
    required = sum(1 << place for place, access in enumerate(ordered)
                   if access.certain)
    everything = (1 << len(ordered)) - 1
    stack: list[tuple[int, typing.Any]] = [(everything, initial)]
    visited = set(stack)
    while stack:
        remaining, value = stack.pop()
        if not remaining & required:
            return True
        for successor in _next_states(ordered, remaining, value):
            if successor not in visited:
                visited.add(successor)
                stack.append(successor)
        if len(visited) > MAX_STATES:
            raise RuntimeError(
                f'{len(ordered)} accesses are too many to search.')
    return False


def _next_states(ordered: Sequence[Access], remaining: int,
                 value: typing.Any) -> list[tuple[int, typing.Any]]:
    """Return the states after each access that may take effect first."""
    successors = []
    first_end = FOREVER
    bits = remaining
    while bits:
        lowest = bits & -bits
        bits ^= lowest
        access = ordered[lowest.bit_length() - 1]
        if access.start > first_end:
            break
        first_end = min(first_end, access.end)
        if access.is_write:
            successors.append((remaining ^ lowest, access.value))
        elif access.value == value:
            # An explained read changes nothing, so no other order is better.
            return [(remaining ^ lowest, value)]
    return successors
