# SPDX-License-Identifier: Apache-2.0
"""History of the requests of all clients, and the state at the end."""

from collections.abc import Iterator
import dataclasses
import json
import operator
import pathlib
import threading
import typing

#: Outcomes of an operation.  An unknown operation may have had its effect,
#: or have the effect later.
OK, REFUSED, UNKNOWN = 'ok', 'refused', 'unknown'

Row = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Operation:
    """Request of a client, with the times of ``time.monotonic()``.

    :param kind: execute, observe, cancel, read, write, publish, create,
        delete or count.
    :param subject: what the operation changes or reads.
    """

    kind: str
    subject: str
    start: float
    end: float
    outcome: str = OK
    value: typing.Any = None


class History:
    """Operations of all clients."""

    def __init__(self, operations: typing.Iterable[Operation] = ()) -> None:
        self._operations = list(operations)
        self._lock = threading.Lock()

    def add(self, operation: Operation) -> None:
        """Record an operation."""
        with self._lock:
            self._operations.append(operation)

    def select(self, *kinds: str) -> Iterator[Operation]:
        """Yield the operations of some kinds, in the order of their ends."""
        with self._lock:
            operations = list(self._operations)
        for operation in sorted(operations, key=operator.attrgetter('end')):
            if operation.kind in kinds:
                yield operation

    def save(self, path: pathlib.Path) -> None:
        """Write the operations as lines of JSON."""
        with path.open('w') as file:
            for operation in self._operations:
                file.write(json.dumps(dataclasses.asdict(operation)) + '\n')


@dataclasses.dataclass(frozen=True)
class Final:
    """State at the end, when no execution runs and all faults are healed.

    :param executions: id -> row, with the ``token`` of the request.
    :param jobs: rows of the jobs that fire.
    """

    executions: dict[str, Row]
    jobs: list[Row]
