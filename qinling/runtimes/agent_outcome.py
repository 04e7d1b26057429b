# SPDX-License-Identifier: Apache-2.0
"""Outcomes of executions: sentences, and JSON of the answer."""

from __future__ import annotations

import collections
import json
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agent_output import Output

SUCCESS, FAILED = 'success', 'failed'
RESULT_KEYS = frozenset(('execution_id', 'status', 'output'))
EXTRA_KEYS = frozenset(('traceback', 'retire', 'reason'))
# Reasons that an executor may report; see qinling.states.ExecutionReason.
USER_ERROR = 'user_error'
REPORTED_REASONS = frozenset((
    USER_ERROR, 'load_error', 'out_of_memory', 'out_of_processes',
    'output_too_large', 'invalid_output'))

# Frame of an executor that lacks memory for an execution frame.
OUT_OF_MEMORY = b'{"out_of_memory": true}'
MAX_TEXT_LENGTH = 1 << 16  # of a sentence or a traceback of an executor
MAX_OVERHEAD_BYTES = 1024  # of the frame of a success, beside the result
MAX_DEPTH = 100  # levels of lists and objects in a result
TOO_DEEP = ('The result of the function is nested more than %d levels deep.'
            % MAX_DEPTH)
TOO_LONG_INTEGER = ('The result of the function has an integer with too many '
                    'digits.')
CANCELLED = 'Function execution was cancelled.'
FAULTY_RESULT = 'What came from the process of the function was no result.'
NO_CHANNEL = 'The function closed the channel for its result.'
# Cause of an ending, see agent_executor.py -> sentence and reason.
ENDINGS = {'closed': (NO_CHANNEL, 'crashed'),
           'cancelled': (CANCELLED, 'cancelled'),
           'returned': (FAULTY_RESULT, 'invalid_output'),
           'garbled': (FAULTY_RESULT, 'invalid_output')}
# Seconds of the run, milliseconds of the import before the first run of a
# process, else None, and the peak of the memory in bytes, if known.
Usage = collections.namedtuple('Usage', ('duration', 'import_ms',
                                         'memory_peak'))
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
    return ('The function ran out of memory; the limit is %g MiB.'
            % round(memory_size / (1 << 20), 1))


def out_of_processes(limit: int) -> str:
    """Return the sentence for a function that exceeded its processes."""
    return ('The function could not start more processes or threads; the '
            'limit is %d.' % limit)


def import_timeout(seconds: float) -> str:
    """Return the sentence for an import that took too long."""
    return 'The import of the module took longer than %g seconds.' % seconds


def explain_status(status: int, memory_size: int, output_tail: bytes = b'',
                   oom_killed: bool | None = None, imported: bool = True
                   ) -> tuple[str, str]:
    """Return sentence and reason for an executor that ended by itself.

    :param status: wait status.
    :param output_tail: end of the output.
    :param oom_killed: the kernel killed a process for lack of memory; ``None``
        if unknown.
    :param imported: whether the process ended after the import.
    """
    if not os.WIFSIGNALED(status):
        if os.WEXITSTATUS(status) and any(
                message in output_tail for message in EXITS_WITHOUT_MEMORY):
            return out_of_memory(memory_size), 'out_of_memory'
        moment = ('before the function returned' if imported
                  else 'during the import of the module')
        return ('The process of the function exited with status %d %s.'
                % (os.WEXITSTATUS(status), moment), 'crashed')
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL and oom_killed or number in ABORTS and any(
            message in output_tail for message in LACKS_MEMORY):
        return out_of_memory(memory_size), 'out_of_memory'
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = 'number %d' % number
    sentence = 'The process of the function was ended by signal %s' % name
    if not imported:
        sentence += ' during the import of the module'
    if number == signal.SIGKILL and oom_killed is None:
        sentence += (', perhaps by the kernel for lack of memory (the limit '
                     'is %g MiB)' % round(memory_size / (1 << 20), 1))
    return sentence + '.', 'crashed'


def explain_ending(cause: str, load: dict[str, Any], timeout: float
                   ) -> dict[str, Any]:
    """Return the failure of an execution that the agent ended.

    :param cause: of an ending, or ``cancelled``.
    :param load: settings of the load.
    :param timeout: seconds that the function may run.
    """
    if cause == 'timeout':
        return create_failure(
            'The function ran longer than its timeout of %g s.' % timeout,
            cause)
    if cause == 'memory':
        return create_failure(out_of_memory(load['memory_size']),
                              'out_of_memory')
    if cause == 'importing':
        return create_failure(import_timeout(load['import_timeout']),
                              'timeout')
    return create_failure(*ENDINGS[cause])


def create_failure(sentence: str, reason: str) -> dict[str, Any]:
    """Return the result of a failure."""
    return {'status': FAILED, 'output': sentence, 'reason': reason}


# Folds brackets into one kind, and deletes everything else.
_FOLDED = bytes.maketrans(b'{}', b'[]')
_NO_BRACKETS = bytes(set(range(256)) - set(b'[]{}'))


def exceeds_depth(frame: bytes) -> bool:
    """Return whether the value of a member in a JSON object nests too deeply.

    Invalid JSON may give any answer.
    """
    levels = MAX_DEPTH + 1  # with the object itself
    if frame.count(b'[') + frame.count(b'{') <= levels:
        return False
    # Backslashes occur in strings only, so that afterwards every second part
    # between quotes is outside of strings.
    plain = frame.replace(b'\\\\', b'').replace(b'\\"', b'')
    brackets = b''.join(plain.split(b'"')[::2]).translate(
        _FOLDED, _NO_BRACKETS)
    for _level in range(levels):
        rest = brackets.replace(b'[]', b'')
        if len(rest) == len(brackets):
            return False
        brackets = rest
    return bool(brackets)


def clean_text(text: str) -> str:
    """Return a text that every encoding and every database can store.

    The code of the user controls texts: half surrogates are escaped, and NUL
    is replaced.
    """
    if not text.isascii():
        text = text.encode('utf-8', 'backslashreplace').decode()
    return text.replace('\0', '\ufffd') if '\0' in text else text


def _reject_constant(name: str) -> None:
    raise ValueError(name)


def _parse_float(text: str) -> float:
    number = float(text)
    if number - number:
        raise ValueError(text)
    return number


# Rejects NaN, Infinity, and numbers that become infinite.
_decode = json.JSONDecoder(parse_constant=_reject_constant,
                           parse_float=_parse_float).decode


def parse_result(frame: bytes, execution_id: str, memory_size: int,
                 max_result_size: int) -> dict[str, Any] | None:
    """Return the result in a frame of an executor.

    :param memory_size: limit in bytes.
    :param max_result_size: limit in bytes.
    :returns: ``None`` if the frame is not a result of the execution: the code
        of the user can write arbitrary frames.  ``retire`` is set if the
        frame does not prove that the executor is between two executions.
    """
    if frame == OUT_OF_MEMORY:
        return {'status': FAILED, 'output': out_of_memory(memory_size),
                'reason': 'out_of_memory', 'retire': True}
    if exceeds_depth(frame):
        return _unreadable(TOO_DEEP)
    try:
        result = _decode(frame.decode('utf-8'))
    except (ValueError, RecursionError) as error:
        if 'integer string' not in str(error):
            return None
        return _unreadable(TOO_LONG_INTEGER)
    if not isinstance(result, dict) or not RESULT_KEYS <= set(result):
        return None
    if (result['execution_id'] != execution_id
            or set(result) - RESULT_KEYS - EXTRA_KEYS
            or not _is_text(result.get('traceback', ''))
            or result.get('reason', USER_ERROR) not in REPORTED_REASONS):
        return None
    if result['status'] == SUCCESS:
        is_valid = len(frame) <= max_result_size + MAX_OVERHEAD_BYTES
    else:
        is_valid = result['status'] == FAILED and _is_text(result['output'])
    return result if is_valid else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT_LENGTH


def _unreadable(sentence: str) -> dict[str, Any]:
    """Return the failure for a frame that may belong to any execution."""
    return {'status': FAILED, 'output': sentence, 'reason': 'invalid_output',
            'traceback': sentence + '\n', 'retire': True}


def begin_log(execution_id: str) -> str:
    """Return the first line of the log of an execution."""
    return 'Start execution: %s\n' % execution_id


def format_log(execution_id: str, output: str, traceback: str = '') -> str:
    """Return the log of an execution, with its first and last line."""
    if output and not output.endswith('\n'):
        output += '\n'
    return clean_text('%s%s%sFinished execution: %s\n' % (
        begin_log(execution_id), output, traceback, execution_id))


def format_partial_log(execution_id: str, output: Output, offset: int
                       ) -> str:
    """Return the log of a running execution, from an offset in characters."""
    first = begin_log(execution_id)
    return clean_text(first[offset:]
                      + output.read_text(max(0, offset - len(first))))


def render_answer(request_id: str, result: dict[str, Any], usage: Usage,
                  log: str) -> bytes:
    """Return the body of an answer to /execute.

    :param result: ``status``, ``output`` and ``reason``.
    """
    output = result['output']
    if result['status'] == FAILED and isinstance(output, str):
        output = clean_text(output)
    return json.dumps({'execution_id': request_id,
                       'status': result['status'],
                       'reason': result.get('reason'),
                       'output': output,
                       'duration': round(usage.duration, 6),
                       'import_ms': usage.import_ms,
                       'memory_peak': usage.memory_peak,
                       'log': log}).encode()


def render_error(sentence: str) -> bytes:
    """Return the body of an error."""
    return json.dumps({'error': clean_text(sentence)}).encode()


def render_frame(frame: bytes, usage: Usage, log: str) -> bytes:
    """Return the body of an answer with the content of a valid frame.

    A large output is not encoded again.

    :param frame: frame with exactly the keys of a result.
    """
    import_ms = memory_peak = b'null'
    if usage.import_ms is not None:
        import_ms = b'%.3f' % usage.import_ms
    if usage.memory_peak is not None:
        memory_peak = b'%d' % usage.memory_peak
    return b'%s,"duration":%f,"import_ms":%s,"memory_peak":%s,"log":%s}' % (
        frame.rstrip()[:-1], usage.duration, import_ms, memory_peak,
        json.dumps(log).encode())
