# SPDX-License-Identifier: Apache-2.0
"""Test cases for the runtimes of every language.

``qinling/tests/functions/conformance`` has a package for each language, with a
function that obeys the member ``do`` of the input.
"""

import dataclasses

from qinling.tests.unit.runtimes import agents

OUT_OF_MEMORY = 'The function ran out of memory; the limit is 64 MiB.'
EXITED = ('The process of the function exited with status %d before the '
          'function returned.')
KILLED = 'The process of the function was ended by signal %s.'
TIMEOUT = 'The function ran longer than its timeout of 0.4 s.'
TEXT = 'Gr\u00fc\u00dfe \U0001f600 "quoted" \\ \n\t\u2028 \u007f'
TOO_DEEP = 'The result of the function is nested more than 100 levels deep.'
DROPPED = 'bytes of output were dropped: the log is limited to 1048576 bytes]'

#: What cannot be the same in a language, and why it is not.
NO_EXCEPTIONS = 'a program fails by its exit status'
OWN_WORDS = 'what a program says when it lacks memory is its own affair'


@dataclasses.dataclass(frozen=True)
class Case:
    """Execution with an expected outcome.

    ``output`` is the whole output, ``begins`` the beginning of the output;
    ``log`` is the whole log between the frames, ``logged`` a part of the log.
    ``unlike`` maps a language to another ``output``, or to ``None`` for a case
    without meaning in the language.
    """

    name: str
    input: dict = dataclasses.field(default_factory=dict)
    args: tuple = ()
    timeout: float = agents.PATIENCE
    status: str = 'success'
    output: object = None
    begins: str = None
    log: str = None
    logged: str = None
    unlike: dict = dataclasses.field(default_factory=dict)


def failure(name, do, output=None, **fields):
    input_fields = {key: fields.pop(key)
                    for key in ('signal', 'size', 'reason') if key in fields}
    input_fields.update({'status': fields.pop('code')} if 'code' in fields
                        else {})
    return Case(name, {'do': do, **input_fields}, status='failed',
                output=output, **fields)


VALUES = {
    'null': None, 'true': True, 'false': False, 'integer': -7,
    'large_integer': 1 << 50, 'fraction': 0.1, 'small_fraction': 1.5e-30,
    'text': TEXT, 'empty_text': '', 'list': [1, [2.5, None], 'three', []],
    'object': {'a': {'b': [], 'c': {}}, TEXT: TEXT, '': 0},
    'large_text': 'x' * 900000, 'large_unicode': '\u00e9' * 100000,
    'many_members': {str(number): number for number in range(20000)},
    'deep': [[[[[[[[[[]]]]]]]]]],
    'brackets_in_texts': ['[' * 200, '{"' * 200, '\\"[', '\\'] * 3,
    'null_character': 'a\0b', 'half_character': 'a\ud83d',
    'controls': '\x1b\x7f',
}

# Beyond doubles and beyond 64 bits.
INTEGERS = {'odd_integer': (1 << 53) + 1, 'integer_of_64_bits': (1 << 64) - 1,
            'huge_integer': (1 << 200) + 1, 'negative': -(10 ** 30),
            'largest_integer': 10 ** 4299,
            'integers_among_texts': ['"', '\\', 10 ** 20, {'\\"': 10 ** 20},
                                     '1' * 20, '\\"', 0.1, 10 ** 20]}


def nested(levels):
    """Return lists in lists."""
    value = 0
    for _level in range(levels):
        value = [value]
    return value


CASES = [Case(f'echo_{name}', {'do': 'echo', 'value': value}, output=value)
         for name, value in VALUES.items()] + [
    Case('input_empty', output={}),
    Case('input_object', {'name': TEXT, 'n': [1]},
         output={'name': TEXT, 'n': [1]}),
    Case('input_text', args=(TEXT,), output=TEXT),
    Case('input_text_large', args=('y' * 1000000,), output='y' * 1000000),
    Case('input_text_and_members', {'n': 1}, args=('text',),
         output={'n': 1, '__function_input': 'text'}),
    Case('input_larger_than_output', {'do': 'nothing',
                                      'filler': 'x' * 4000000}),
    Case('context', {'do': 'context'}, output='e'),
    Case('nothing', {'do': 'nothing'}),
    Case('output_as_long_as_allowed', {'do': 'long', 'size': agents.MIB - 2},
         output='x' * (agents.MIB - 2)),
    failure('output_too_long', 'long', 'The result of the function is 1048577 '
            'bytes long, the limit is 1048576 bytes.', size=agents.MIB - 1,
            log='The result of the function is 1048577 bytes long, the limit '
            'is 1048576 bytes.\n'),
    failure('output_not_json', 'unserialisable',
            begins='The result of the function, '),
    Case('log', {'do': 'log'}, log='one\ntwo\nthr\u00e9e\n'),
    *(Case(f'echo_{name}', {'do': 'echo', 'value': value}, output=value)
      for name, value in INTEGERS.items()),
    failure('output_of_a_too_long_integer', 'long_integer', size=5000,
            begins='The ', logged='digits'),
    Case('result_as_deep_as_allowed', {'do': 'deep', 'size': 100},
         output=nested(100)),
    *(failure(f'result_of_{levels}_levels', 'deep', TOO_DEEP, size=levels,
              log=TOO_DEEP + '\n') for levels in (101, 985, 4000, 100000)),
    Case('log_of_bytes', {'do': 'log_bytes'},
         log='\ufffd \ufffd \ufffd\ufffd\ufffd \U0001f600 \x1b[1m\n'),
    Case('log_too_long', {'do': 'flood', 'lines': 11000}, logged=DROPPED),
    failure('exception', 'fail', 'the reason', logged='the reason',
            unlike={'command': EXITED % 1}),
    *(failure(f'exception_with_{name}', 'fail', output, reason=reason,
              logged=output, unlike={'command': None})
      for name, reason, output in (
          ('half_character', 'bad \ud83d', 'bad \\ud83d'),
          ('null_character', 'bad \0', 'bad \ufffd'),
          ('large_character', '\U0001f600', '\U0001f600'))),
    failure('exit', 'end', EXITED % 3, code=3, log=''),
    failure('exit_zero', 'end', EXITED % 0, code=0),
    failure('terminated', 'kill', KILLED % 'SIGTERM', signal='SIGTERM'),
    failure('crashed', 'kill', KILLED % 'SIGSEGV', signal='SIGSEGV'),
    failure('killed', 'kill', KILLED % 'SIGKILL, perhaps by the kernel for '
            'lack of memory (the limit is 64 MiB)', signal='SIGKILL'),
    failure('timeout_waiting', 'wait', TIMEOUT, timeout=0.4),
    failure('timeout_busy', 'spin', TIMEOUT, timeout=0.4),
    failure('memory', 'hoard', OUT_OF_MEMORY, unlike={'command': None}),
]
