# SPDX-License-Identifier: Apache-2.0
"""Answers of agents to executions."""

import json
import typing

from qinling.core.execution import outcomes
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus

#: Statuses that an agent reports.
_STATUSES = {status.value: status for status in (
    ExecutionStatus.SUCCESS, ExecutionStatus.FAILED)}
#: Types of numbers in the answer of an agent.
_NUMBERS, _OPTIONAL_INTEGER = (int, float), (int, type(None))
_ENCODER = json.JSONEncoder(allow_nan=False)


class InvalidAnswer(Exception):
    """Answer that no agent gives: the function has answered in its place."""


def parse(answer: dict[str, typing.Any], started: float
          ) -> outcomes.Outcome:
    """Return the outcome that an agent reports.

    :param started: see :class:`.outcomes.Run`.
    :raises InvalidAnswer: the answer is not that of an agent.
    """
    try:
        log, duration = answer['log'], answer['duration']
        import_ms = answer.get('import_ms')
        memory_peak = answer.get('memory_peak')
        # An import belongs to the first run of a process.
        if import_ms is None:
            import_ms = 0.
        if (type(log) is not str or type(duration) not in _NUMBERS
                or type(import_ms) not in _NUMBERS
                or type(memory_peak) not in _OPTIONAL_INTEGER):
            raise TypeError('a field has a wrong type')
        status, output = _STATUSES[answer['status']], answer['output']
        reason = detail = None
        if status is ExecutionStatus.FAILED:
            reason = ExecutionReason(answer.get('reason') or 'user_error')
            output, detail = outcomes.describe_failure(reason, output)
        result = _ENCODER.encode({'output': output, 'duration': duration})
    except (KeyError, TypeError, ValueError, RecursionError) as e:
        raise InvalidAnswer(
            f'the answer of the worker is not valid: {e!r}') from e
    return outcomes.Outcome(status, result, log, reason, outcomes.Run(
        started, duration, import_ms, memory_peak), detail)
