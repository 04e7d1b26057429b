# SPDX-License-Identifier: Apache-2.0
"""Tests of programs as functions."""

import sys
import zipfile

from oslotest import base

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import workers

EXITED = ('The process of the function exited with status %d before the '
          'function returned.')


def executable(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o100755 << 16
    return entry


class TestCommand(base.BaseTestCase):
    def load(self, text, entry='main', **settings):
        """Return a client for the program ``main`` or for ``{name: text}``."""
        files = text if isinstance(text, dict) else {
            executable('main'): '#!/bin/sh\n' + text}
        return self.useFixture(workers.Worker(
            'command', agents.zipped(files), entry, **settings)).client

    def check_failed(self, result):
        """Return the sentence of a failure, after a check of the log."""
        self.assertEqual('failed', result['status'], result)
        self.assertIn(result['output'], result['log'])
        return result['output']

    def test_entries(self):
        files = {'main': '#!/bin/sh\necho 1', 'bin/run.sh':
                 '#!/bin/sh\necho 2', 'main.py': '#!/bin/sh\necho 3'}
        for entry, output in (('main.main', 1), ('main', 1), ('main.py', 3),
                              ('bin/run.sh', 2)):
            client = self.load(files, entry)
            self.assertEqual(output, client.execute()['output'], entry)

    def test_program_that_maps_much_and_uses_little(self):
        # As Go does.
        client = self.load({'main': f"""#!{sys.executable}
import mmap
mmap.mmap(-1, 200 << 20, flags=mmap.MAP_PRIVATE)
try:
    mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE)
except OSError:
    print('"bounded"')
"""}, memory_size=32 << 20)
        self.assertEqual('bounded', client.execute()['output'])

    def test_program_out_of_memory(self):
        client = self.load('echo "fatal error: runtime: out of memory" >&2\n'
                           'seq 1000 >&2; exit 2', memory_size=32 << 20)
        for _ in range(2):
            self.assertEqual(
                'The function ran out of memory; the limit is 32 MiB.',
                client.execute()['output'])

    def test_no_such_file(self):
        client = self.load('echo 1', 'other.main')
        self.assertEqual('The package has no file other.main or other (entry '
                         'other.main).', self.check_failed(client.execute()))

    def test_no_executable_bit(self):
        client = self.load({'main': '#!/bin/sh\necho 1'})
        self.assertEqual(1, client.execute()['output'])

    def test_files_that_cannot_execute(self):
        for text, reason in (
                ('echo 1', 'it is no program of this kind of machine'),
                ('#!/no/such/shell\n', 'the interpreter in its first line')):
            client = self.load({'main': text})
            self.assertIn(f'main cannot be executed: {reason}',
                          self.check_failed(client.execute()))

    def test_program_that_reads_nothing(self):
        # It may still be ending when the next line comes.
        client = self.load('echo \'"said"\'; sleep 0.01')
        for _ in range(20):
            self.assertEqual('said', client.execute(x='y')['output'])

    def test_program_that_ends_while_the_next_line_comes(self):
        client = self.load('read -r line; echo 1; sleep 0.01')
        for _ in range(20):
            self.assertEqual(1, client.execute(x='y' * 100000)['output'])

    def test_each_line_is_read_once(self):
        # A program that takes a line and dies of it has been executed.
        client = self.load('''
            read -r line; echo 1
            read -r line; echo got >> lines; exit 4''')
        self.assertEqual(1, client.execute()['output'])
        result = client.execute()
        self.assertEqual(EXITED % 4, result['output'])
        self.assertEqual(1, client.execute()['output'])

    def test_answer_without_line_feed(self):
        client = self.load('printf "[1, 2]"')
        self.assertEqual([1, 2], client.execute()['output'])
        client = self.load('printf "[1, 2]"; exit 1')
        self.assertEqual(EXITED % 1, client.execute()['output'])

    def test_answer_before_a_failure(self):
        client = self.load('echo 5; exit 9')
        for _ in range(3):
            self.assertEqual(5, client.execute()['output'])

    def test_other_answers_than_json(self):
        for text, part in (('echo', "begins with ''"),
                           ('echo {', "begins with '{'"),
                           ('echo NaN', 'NaN is no value of JSON'),
                           (r"printf '\377\n'", 'utf-8')):
            client = self.load(text)
            self.assertIn(part, self.check_failed(client.execute()))
            self.assertIn(part, self.check_failed(client.execute()))

    def test_more_than_an_answer(self):
        client = self.load('''
            n=0
            while read -r line; do n=$((n + 1)); printf '%d\\n"more"\\n' $n
            done''')
        self.assertEqual([1, 1], [client.execute()['output']
                                  for _ in range(2)])

    def test_endless_answer(self):
        client = self.load('cat /dev/zero')
        self.assertEqual('The function ran longer than its timeout of 0.4 s.',
                         client.execute(timeout=0.4)['output'])

    def test_large_input_and_output(self):
        client = self.load('sed \'s/.*"x": //; s/}, "context.*//\'',
                           max_result_size=8 * agents.MIB)
        # sed waits for the end of its input unless it is told not to.
        self.assertEqual('The function ran longer than its timeout of 0.4 s.',
                         client.execute(timeout=0.4, x='y')['output'])
        client = self.load('sed -u \'s/.*"x": //; s/}, "context.*//\'',
                           max_result_size=8 * agents.MIB)
        for size in (10, 4 * agents.MIB):
            self.assertEqual('y' * size,
                             client.execute(x='y' * size)['output'])

    def test_children_do_not_outlive_a_timeout(self):
        client = self.load('sleep 61 & echo $! >&2; wait')
        result = client.execute(timeout=3)
        pid = int(result['log'].split('\n')[1])
        self.assertTrue(agents.wait_until(lambda: not agents.alive(pid)))

    def test_child_that_holds_the_output(self):
        client = self.load('sleep 61 & exit 3')
        self.assertEqual(EXITED % 3, client.execute()['output'])

    def test_context_and_environment(self):
        client = self.load(
            'read -r line; echo "$line" >&2; echo "\\"$MODE\\""',
            environment={'MODE': 'fast'})
        result = client.execute(context={'os_session': None, 'token': 't'})
        self.assertEqual('fast', result['output'])
        self.assertIn('{"input": {}, "context": {"token": "t"}}',
                      result['log'])
