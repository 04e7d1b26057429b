# SPDX-License-Identifier: Apache-2.0
"""Types of an execution on its way from the trigger to the worker.

A trigger builds an :class:`ExecutionRequest`; core resolves the target and
writes a :class:`NewExecution`; the engine receives an
:class:`ExecutionMessage` and writes an :class:`Outcome`.
"""

import dataclasses
import datetime
import json
import time
import typing

from qinling import context
from qinling.core import targets
from qinling.db import models
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus
from qinling.states import Trigger

_RUNNING = ExecutionStatus.RUNNING.value
_REPLAY = Trigger.REPLAY.value
_MILLISECOND = datetime.timedelta(milliseconds=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionRequest:
    """What a trigger wants to run.

    ``routing_key`` decides which version of a weighted alias runs, the id of
    the execution by default; ``chosen_version`` replaces the choice of an
    alias.  The fields behind name the origin.
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

    @property
    def is_running(self) -> bool:
        """Return whether the execution has not ended."""
        return self.status == _RUNNING

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
        """Return the milliseconds from the acceptance to the start."""
        if self.started_at is None:
            return None
        return (self.started_at - self.created_at) / _MILLISECOND

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
    write, with ``write_first`` before anything runs.
    """

    id: str
    input: str | None
    sync: bool
    owner: str | None = None
    trace: context.TraceContext = context.TraceContext()
    is_replay: bool = False
    unwritten: 'NewExecution | None' = None
    write_first: bool = False


@dataclasses.dataclass(frozen=True)
class NewExecution:
    """An execution accepted by core: the row, and what the row runs."""

    row: ExecutionRow
    target: targets.Target
    trace: context.TraceContext = context.TraceContext()

    def message(self, is_written: bool = True) -> ExecutionMessage:
        """Return the message for the engine."""
        return ExecutionMessage(self.row.id, self.row.input, self.row.sync,
                                self.row.owner, self.trace,
                                self.row.trigger == _REPLAY,
                                None if is_written else self)


def storable_text(text: str | None) -> str | None:
    """Return a text that every database stores.

    PostgreSQL refuses NUL, and no database stores half a surrogate pair.
    """
    if not text:
        return text
    if '\0' in text:
        text = text.replace('\0', '\ufffd')
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode('utf-8', 'backslashreplace').decode()
    return text


class Run(typing.NamedTuple):
    """Figures of a run of the function.

    ``started`` is a time of ``time.perf_counter()``, ``duration`` in seconds;
    ``memory_peak`` is in bytes.
    """

    started: float
    duration: float | None
    import_ms: float | None = None
    memory_peak: int | None = None


#: Figures of an attempt that reached no worker.
NOT_RUN = Run(0, None)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """End of an attempt: ``result`` is the JSON text to show."""

    status: ExecutionStatus
    result: str
    logs: str | None = None
    reason: ExecutionReason | None = None
    run: Run = NOT_RUN

    def __post_init__(self) -> None:
        object.__setattr__(self, 'logs', storable_text(self.logs))

    def end(self, now: datetime.datetime, fingerprint: str | None
            ) -> 'Ended':
        """Return the end of an execution with this outcome.

        :param fingerprint: see :mod:`.failures`.
        """
        run = self.run
        started_at = (None if run.duration is None else
                      now - datetime.timedelta(
                          seconds=time.perf_counter() - run.started))
        return Ended(
            self.status.value, self.result,
            self.reason and self.reason.value, now, started_at,
            run.duration, run.import_ms, run.memory_peak, fingerprint)


@dataclasses.dataclass(frozen=True)
class Ended:
    """Columns written at the end of an execution."""

    status: str
    result: str | None
    reason: str | None
    updated_at: datetime.datetime
    started_at: datetime.datetime | None = None
    duration: float | None = None
    import_ms: float | None = None
    memory_peak: int | None = None
    fingerprint: str | None = None

    def columns(self) -> dict[str, typing.Any]:
        """Return all columns that the end of an execution changes."""
        return {**vars(self), 'owner': None, 'lease_until': None,
                'next_attempt_at': None}

    def apply_to(self, row: ExecutionRow) -> None:
        """Write the columns into a row held in memory."""
        vars(row).update(self.columns())


@dataclasses.dataclass(frozen=True)
class RetryScheduled:
    """A failed attempt whose successor starts at a given time."""

    next_attempt_at: datetime.datetime


def platform_fault(sentence: str, reason: ExecutionReason
                   = ExecutionReason.PLATFORM) -> Outcome:
    """Return the outcome of an execution that the platform could not run."""
    return Outcome(ExecutionStatus.ERROR, json.dumps({'output': sentence}),
                   reason=reason)
