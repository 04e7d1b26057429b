# SPDX-License-Identifier: Apache-2.0
"""Ends of executions and of attempts."""

import dataclasses
import datetime
import json
import time
import typing

from qinling.core.execution import flow_records
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus


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


#: Reason -> output, where clients compare the output with a fixed text.
_EXCEEDED = ('Function execution failed because of too much resource '
             'consumption')
_FIXED_OUTPUTS = {
    ExecutionReason.TIMEOUT: 'Function execution timeout.',
    ExecutionReason.CRASHED: _EXCEEDED,
    ExecutionReason.OUT_OF_MEMORY: _EXCEEDED,
    ExecutionReason.OUT_OF_PROCESSES: _EXCEEDED}
MAX_DETAIL_LENGTH = 255


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
    """End of an attempt: ``result`` is the JSON text to show.

    ``detail`` is a sentence on a cause whose output is a fixed text.
    ``is_controlled``: the execution is in a line of a flow control.
    """

    status: ExecutionStatus
    result: str
    logs: str | None = None
    reason: ExecutionReason | None = None
    run: Run = NOT_RUN
    detail: str | None = None
    is_controlled: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, 'logs', storable_text(self.logs))

    def leave_line(self) -> 'Outcome':
        """Return the outcome of an execution in a line."""
        return Outcome(self.status, self.result, self.logs, self.reason,
                       self.run, self.detail, is_controlled=True)

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
            run.duration, run.import_ms, run.memory_peak, fingerprint,
            self.detail)


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
    detail: str | None = None
    #: What the engine starts after the commit, if any.
    starts: flow_records.Starts = ()

    def columns(self) -> dict[str, typing.Any]:
        """Return all columns that the end of an execution changes."""
        values = {**vars(self), 'owner': None, 'lease_until': None,
                  'next_attempt_at': None}
        del values['starts']
        return values

    def apply_to(self, row: typing.Any) -> None:
        """Write the columns into a row held in memory."""
        vars(row).update(self.columns())


@dataclasses.dataclass(frozen=True)
class OutputPart:
    """Part of a streamed output: a text, or a list of values.

    ``head`` is that of an HTTP answer, in all parts once the function has
    yielded the head.  ``is_open`` says that further parts may follow.
    """

    output: str | list[typing.Any]
    head: dict[str, typing.Any] | None = None
    is_open: bool = True


@dataclasses.dataclass(frozen=True)
class RetryScheduled:
    """A failed attempt whose successor starts at a given time."""

    next_attempt_at: datetime.datetime


#: Sentence about an execution without a target.
GONE = 'The function was deleted before the execution started.'


def describe_failure(reason: ExecutionReason, output: typing.Any
                     ) -> tuple[typing.Any, str | None]:
    """Return output and detail of a failure.

    :param output: sentence on the cause, or text of an exception.
    """
    if reason not in _FIXED_OUTPUTS:
        return output, None
    return _FIXED_OUTPUTS[reason], storable_text(
        str(output)[:MAX_DETAIL_LENGTH])


def out_of_memory(sentence: str) -> Outcome:
    """Return the outcome of a function that ended its worker."""
    reason = ExecutionReason.OUT_OF_MEMORY
    output, detail = describe_failure(reason, sentence)
    return Outcome(ExecutionStatus.FAILED, json.dumps({'output': output}),
                   reason=reason, detail=detail)


def platform_fault(sentence: str, reason: ExecutionReason
                   = ExecutionReason.PLATFORM, is_controlled: bool = False
                   ) -> Outcome:
    """Return the outcome of an execution that the platform could not run."""
    return Outcome(ExecutionStatus.ERROR, json.dumps({'output': sentence}),
                   reason=reason, is_controlled=is_controlled)
