# SPDX-License-Identifier: Apache-2.0
"""Types of the flow control of an execution."""

from collections.abc import Sequence
import dataclasses
import datetime
import typing

if typing.TYPE_CHECKING:
    # Needs the database, which a local run does not import.
    from qinling.core import targets

#: Times and ids of executions in lines that an engine has to look at.
Starts = Sequence[tuple[datetime.datetime, str]]


@dataclasses.dataclass
class Flow:
    """Flow control of a new execution.

    :ivar sort_at: place in the line.
    :ivar untouched: columns of the row before the decision of the line,
        which a repeated transaction takes again.
    :ivar superseded: ids of the executions that the new one replaces.
    :ivar start_at: time at which the execution may start, if it waits for a
        time.
    """

    scope_id: str
    settings: dict[str, typing.Any]
    sort_at: datetime.datetime
    untouched: dict[str, typing.Any] | None = None
    superseded: list[str] = dataclasses.field(default_factory=list)
    start_at: datetime.datetime | None = None

    @property
    def may_supersede(self) -> bool:
        """Return whether an execution may end others, or end unrun."""
        return 'singleton' in self.settings or 'debounce' in self.settings


def create(target: 'targets.Target', sort_at: datetime.datetime) -> Flow:
    """Return the flow control of a new execution of a target with one."""
    return Flow(target.flow_scope or target.function_id,
                target.flow_control or {}, sort_at)


@dataclasses.dataclass(frozen=True)
class FlowPlace:
    """Place of an execution in the line of its key.

    ``until`` is the time of the start, if that is known.
    """

    reason: str
    key: str
    place: int
    until: datetime.datetime | None
