# SPDX-License-Identifier: Apache-2.0
"""Outcomes of executions: sentences, and JSON of the answer."""

from __future__ import annotations

import json
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SUCCESS, FAILED = 'success', 'failed'
RESULT_KEYS = frozenset(('execution_id', 'status', 'output'))
EXTRA_KEYS = frozenset(('traceback', 'retire', 'reason'))
# Reasons that an executor may report; see qinling.states.ExecutionReason.
USER_ERROR = 'user_error'
REPORTED_REASONS = frozenset((
    USER_ERROR, 'load_error', 'out_of_memory', 'out_of_processes',
    'output_too_large', 'invalid_output'))

TIMEOUT = 'Function execution timeout.'
CANCELLED = 'Function execution was cancelled.'
FAULTY_RESULT = ('Function execution failed: what came from the process was '
                 'no result.')
NO_CHANNEL = ('Function execution failed: the function closed the channel '
              'for its result.')
# Signals and messages of programs that abort for lack of memory: V8, C++ and
# Rust.
ABORTS = frozenset((signal.SIGABRT, signal.SIGILL, signal.SIGTRAP))
LACKS_MEMORY = (b'out of memory', b'std::bad_alloc', b'memory allocation of ')
# Messages of programs that exit for lack of memory: Go, and OpenBLAS of numpy.
EXITS_WITHOUT_MEMORY = (
    b'fatal error: runtime: out of memory',
    b'fatal error: runtime: cannot allocate memory',
    b'OpenBLAS error: Memory allocation still failed')


def out_of_memory(memory_size: int) -> str:
    """Return the sentence for a function that exceeded its memory.

    :param memory_size: limit in bytes.
    """
    return ('Function execution failed because of too much resource '
            'consumption: out of memory (the limit is %g MiB)'
            % round(memory_size / (1 << 20), 1))


def out_of_processes(limit: int) -> str:
    """Return the sentence for a function that exceeded its processes."""
    return ('Function execution failed because of too much resource '
            'consumption: no more processes or threads could be started (the '
            'limit is %d)' % limit)


def explain_status(status: int, memory_size: int, output_tail: bytes = b''
                   ) -> tuple[str, str]:
    """Return sentence and reason for an executor that ended by itself.

    :param status: wait status.
    :param output_tail: end of the output.
    """
    if not os.WIFSIGNALED(status):
        if os.WEXITSTATUS(status) and any(
                message in output_tail for message in EXITS_WITHOUT_MEMORY):
            return out_of_memory(memory_size), 'out_of_memory'
        return ('Function execution failed: the process exited with status '
                '%d before the function returned.' % os.WEXITSTATUS(status),
                'crashed')
    number = os.WTERMSIG(status)
    # Only the out-of-memory killer of the kernel sends SIGKILL.
    if number == signal.SIGKILL or number in ABORTS and any(
            message in output_tail for message in LACKS_MEMORY):
        return out_of_memory(memory_size), 'out_of_memory'
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = 'number %d' % number
    return ('Function execution failed: the process was ended by signal %s.'
            % name, 'crashed')


def _reject_constant(name: str) -> None:
    raise ValueError(name)


# Rejects NaN and Infinity.
_decode = json.JSONDecoder(parse_constant=_reject_constant).decode


def parse_result(frame: bytes, execution_id: str) -> dict[str, Any] | None:
    """Return the result in a frame of an executor.

    :returns: ``None`` if the frame is not a result of the execution: the code
        of the user can write arbitrary frames.
    """
    try:
        result = _decode(frame.decode('utf-8'))
    except (ValueError, RecursionError):
        return None
    if not isinstance(result, dict) or not RESULT_KEYS <= set(result):
        return None
    if (result['execution_id'] != execution_id
            or result['status'] not in (SUCCESS, FAILED)
            or set(result) - RESULT_KEYS - EXTRA_KEYS
            or not isinstance(result.get('traceback', ''), str)
            or result.get('reason', USER_ERROR) not in REPORTED_REASONS):
        return None
    return result


def format_log(execution_id: str, output: str, traceback: str = '') -> str:
    """Return the log of an execution, with its first and last line."""
    if output and not output.endswith('\n'):
        output += '\n'
    return ('Start execution: %s\n%s%sFinished execution: %s\n'
            % (execution_id, output, traceback, execution_id))


def render_answer(request_id: str, result: dict[str, Any], duration: float,
                  log: str) -> bytes:
    """Return the body of an answer to /execute.

    :param result: ``status``, ``output`` and ``reason``.
    """
    return json.dumps({'execution_id': request_id,
                       'status': result['status'],
                       'reason': result.get('reason'),
                       'output': result['output'],
                       'duration': round(duration, 6), 'log': log}).encode()


def render_frame(frame: bytes, duration: float, log: str) -> bytes:
    """Return the body of an answer with the content of a valid frame.

    A large output is not encoded again.

    :param frame: frame with exactly the keys of a result.
    """
    return b'%s,"duration":%f,"log":%s}' % (
        frame.rstrip()[:-1], duration, json.dumps(log).encode())
