# SPDX-License-Identifier: Apache-2.0
"""Types of an execution on its way from the trigger to the worker.

A trigger builds an :class:`ExecutionRequest`; core resolves the target and
writes a :class:`NewExecution`; the engine receives an
:class:`ExecutionMessage` and writes an :class:`Outcome`.
"""

from collections.abc import Mapping
import dataclasses
import datetime
import typing

from qinling import context
from qinling.core.execution import flow_records
from qinling.core.execution import outcomes
from qinling.core import targets
from qinling.db import models
from qinling.db import session
from qinling.states import ExecutionStatus
from qinling.states import Trigger

_RUNNING = ExecutionStatus.RUNNING.value
_REPLAY = Trigger.REPLAY.value
_NO_TIME = datetime.timedelta()
_MILLISECOND = datetime.timedelta(milliseconds=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionRequest:
    """What a trigger wants to run.

    ``routing_key`` decides which version of a weighted alias runs, the id of
    the execution by default; ``chosen_version`` replaces the choice of an
    alias.  ``headers`` are those of a webhook, for a key of a flow control.
    The other fields behind name the origin.
    """

    function_id: str | None = None
    function_version: int = 0
    function_alias: str | None = None
    chosen_version: int = 0
    sync: bool = False
    input: typing.Any = None
    description: str | None = None
    routing_key: str | None = None
    job_id: str | None = None
    scheduled_at: datetime.datetime | None = None
    rerun_of: str | None = None
    failed_id: str | None = None
    trigger: str = Trigger.API.value
    group_id: str | None = None
    headers: Mapping[str, str] | None = None


@dataclasses.dataclass(kw_only=True)
class ExecutionRow:
    """One row of the table ``executions``."""

    id: str
    project_id: str
    function_id: str
    function_version: int
    function_alias: str | None
    created_at: datetime.datetime
    description: str | None = None
    status: str = _RUNNING
    reason: str | None = None
    detail: str | None = None
    fingerprint: str | None = None
    sync: bool = True
    input: str | None = None
    result: str | None = None
    logs: str | None = None
    updated_at: datetime.datetime | None = None
    owner: str | None = None
    lease_until: datetime.datetime | None = None
    attempt: int = 0
    retry: int = 0
    next_attempt_at: datetime.datetime | None = None
    job_id: str | None = None
    scheduled_at: datetime.datetime | None = None
    rerun_of: str | None = None
    failed_id: str | None = None
    trigger: str | None = None
    group_id: str | None = None
    memory_size: int | None = None
    started_at: datetime.datetime | None = None
    duration: float | None = None
    import_ms: float | None = None
    memory_peak: int | None = None
    version_chosen: bool | None = None
    digest: str | None = None
    secrets: dict[str, int] | None = None
    flow_key: str | None = None

    @property
    def is_running(self) -> bool:
        """Return whether the execution has not ended."""
        return self.status == _RUNNING

    @property
    def waiting_for(self) -> flow_records.FlowPlace | None:
        """Return the place in a line; see :mod:`.executions`."""
        return None

    @property
    def is_replay(self) -> bool:
        """Return whether the execution only shows what a version does."""
        return self.trigger == _REPLAY

    @property
    def ended_at(self) -> datetime.datetime | None:
        """Return the time of the end."""
        return None if self.status == _RUNNING else self.updated_at

    @property
    def queue_ms(self) -> float | None:
        """Return the milliseconds from the acceptance to the start.

        The two times may come from the clocks of two machines.
        """
        if self.started_at is None:
            return None
        waited = self.started_at - self.created_at
        return waited / _MILLISECOND if waited > _NO_TIME else 0.0

    @property
    def cold(self) -> bool | None:
        """Return whether the run had to wait for an import."""
        return None if self.duration is None else self.import_ms != 0


COLUMNS = tuple(field.name for field in dataclasses.fields(ExecutionRow))
assert set(COLUMNS) == set(models.Execution.__table__.columns.keys())


def from_database(row: typing.Any) -> ExecutionRow:
    """Return the typed form of a row read from the database."""
    return ExecutionRow(**row._mapping)


@dataclasses.dataclass(frozen=True)
class ExecutionMessage:
    """What an engine needs beside the target to run an execution.

    ``unwritten`` is a synchronous execution whose row the engine has to
    write, with ``write_first`` before anything runs, as a line of a flow
    control needs.  With a flow control, ``is_controlled`` is set, and
    ``start_at`` if the execution has to wait.
    """

    id: str
    input: str | None
    sync: bool
    owner: str | None = None
    trace: context.TraceContext = context.TraceContext()
    is_replay: bool = False
    unwritten: 'NewExecution | None' = None
    write_first: bool = False
    is_controlled: bool = False
    start_at: datetime.datetime | None = None

    def mark(self, outcome: outcomes.Outcome) -> outcomes.Outcome:
        """Return the outcome; its end leaves the line of the execution."""
        return outcome.leave_line() if self.is_controlled else outcome


class Companion(typing.Protocol):
    """Row of a trigger that exists exactly if an execution does."""

    def write(self, tx: session.Connection, execution_id: str) -> None:
        """Write the row in the transaction of an execution."""

    def withdraw(self, tx: session.Connection) -> None:
        """Delete the row in the transaction that deletes the execution."""


@dataclasses.dataclass(frozen=True)
class NewExecution:
    """An execution accepted by core: the row, and what the row runs."""

    row: ExecutionRow
    target: targets.Target
    trace: context.TraceContext = context.TraceContext()
    companion: Companion | None = None
    flow: flow_records.Flow | None = None

    def write_companion(self, tx: session.Connection) -> None:
        """Write the row of the trigger, if the trigger has one."""
        if self.companion is not None:
            self.companion.write(tx, self.row.id)

    def withdraw_companion(self, tx: session.Connection) -> None:
        """Delete the row of the trigger, if the trigger has one."""
        if self.companion is not None:
            self.companion.withdraw(tx)

    @property
    def has_message(self) -> bool:
        """Return whether an engine has to learn of the execution.

        Others wait behind executions whose end starts them, or have ended.
        """
        return self.flow is None or self.flow.start_at is not None or (
            self.row.lease_until is not None
            and self.row.next_attempt_at is None)

    def message(self, is_written: bool = True) -> ExecutionMessage:
        """Return the message for the engine."""
        return ExecutionMessage(self.row.id, self.row.input, self.row.sync,
                                self.row.owner, self.trace,
                                self.row.trigger == _REPLAY,
                                None if is_written else self,
                                write_first=(not is_written
                                             and self.flow is not None),
                                is_controlled=self.flow is not None,
                                start_at=(self.flow.start_at if self.flow
                                          else None))
