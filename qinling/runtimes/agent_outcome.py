# SPDX-License-Identifier: Apache-2.0
"""What an execution's end means, in words and in the JSON of the answer."""

import json
import os
import signal

SUCCESS, FAILED = 'success', 'failed'
RESULT_KEYS = frozenset(('execution_id', 'status', 'output'))
EXTRA_KEYS = frozenset(('traceback', 'retire'))

TIMEOUT = 'Function execution timeout.'
CANCELLED = 'Function execution was cancelled.'
FAULTY_RESULT = ('Function execution failed: what came from the process was '
                 'no result.')
NO_CHANNEL = ('Function execution failed: the function closed the channel '
              'for its result.')
# How programs abort for lack of memory, and what they say then: V8, C++, Rust.
ABORTS = frozenset((signal.SIGABRT, signal.SIGILL, signal.SIGTRAP))
LACKS_MEMORY = (b'out of memory', b'std::bad_alloc', b'memory allocation of ')
# What those say that exit: Go, and OpenBLAS, which numpy brings.
EXITS_WITHOUT_MEMORY = (
    b'fatal error: runtime: out of memory',
    b'fatal error: runtime: cannot allocate memory',
    b'OpenBLAS error: Memory allocation still failed')


def out_of_memory(memory_size):
    """The sentence for a function that wanted more than ``memory_size``."""
    return ('Function execution failed because of too much resource '
            'consumption: out of memory (the limit is %g MiB)'
            % round(memory_size / (1 << 20), 1))


def out_of_processes(limit):
    """The sentence for a function that wanted more than ``limit``."""
    return ('Function execution failed because of too much resource '
            'consumption: no more processes or threads could be started (the '
            'limit is %d)' % limit)


def of_status(status, memory_size, last_words=b''):
    """The sentence for a wait status of an executor that ended by itself.

    :param last_words: the end of what it printed.
    """
    if not os.WIFSIGNALED(status):
        if os.WEXITSTATUS(status) and any(
                words in last_words for words in EXITS_WITHOUT_MEMORY):
            return out_of_memory(memory_size)
        return ('Function execution failed: the process exited with status '
                '%d before the function returned.' % os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL or number in ABORTS and any(
            words in last_words for words in LACKS_MEMORY):
        # Nobody but the kernel's killer for lack of memory does the former.
        return out_of_memory(memory_size)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = 'number %d' % number
    return ('Function execution failed: the process was ended by signal %s.'
            % name)


def _refuse_constant(name):
    raise ValueError(name)


# The scanner of this one takes no NaN and no Infinity.
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode


def parse_result(frame, execution_id):
    """The dict in an executor's frame, ``None`` if it is no result of this
    execution: the user's code can write there whatever it likes."""
    try:
        result = _decode(frame.decode('utf-8'))
    except (ValueError, RecursionError):
        return None
    if not isinstance(result, dict) or not RESULT_KEYS <= set(result):
        return None
    if (result['execution_id'] != execution_id
            or result['status'] not in (SUCCESS, FAILED)
            or set(result) - RESULT_KEYS - EXTRA_KEYS
            or not isinstance(result.get('traceback', ''), str)):
        return None
    return result


def log_text(execution_id, printed, traceback=''):
    """The framed log of one execution."""
    if printed and not printed.endswith('\n'):
        printed += '\n'
    return ('Start execution: %s\n%s%sFinished execution: %s\n'
            % (execution_id, printed, traceback, execution_id))


def render(execution_id, status, output, duration, log):
    """The body of an answer to /execute."""
    return json.dumps({'execution_id': execution_id, 'status': status,
                       'output': output, 'duration': round(duration, 6),
                       'log': log}).encode()


def render_frame(frame, duration, log):
    """The same out of a valid frame with nothing but the result keys: its
    output is not written anew, however large it is."""
    return b'%s,"duration":%f,"log":%s}' % (
        frame.rstrip()[:-1], duration, json.dumps(log).encode())
