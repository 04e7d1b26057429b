# SPDX-License-Identifier: Apache-2.0
"""Tests that texts, numbers and nesting of functions are storable."""

import json

from oslotest import base

from qinling.runtimes import agent_channel
from qinling.runtimes import agent_outcome
from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import workers

ODD = ('\ud83d', '\udce9', '\ude00\ud83d', '\0', '\U0001f600', '\x1b', '\x9f',
       '\uffff', '\u2028', '\ufeff')


class TestCleanText(base.BaseTestCase):
    def test_every_text_can_be_encoded(self):
        for text in ODD:
            clean = agent_outcome.clean_text('a' + text + 'b')
            clean.encode()
            self.assertNotIn('\0', clean)

    def test_valid_text_is_kept(self):
        for text in ('', 'plain\n', 'Gr\xfc\xdfe \U0001f600 \x1b[1m'):
            self.assertEqual(text, agent_outcome.clean_text(text))

    def test_answers_of_failures(self):
        for text in ODD:
            answer = json.loads(agent_outcome.render_answer(
                'e', {'status': 'failed', 'output': text, 'reason': None},
                agent_outcome.Usage(0.5, None, None),
                agent_outcome.format_log('e', text, text)))
            for value in answer.values():
                str(value).encode()
                self.assertNotIn('\0', str(value))
            self.assertNotIn('\0', answer['log'])
            json.loads(agent_outcome.render_error(text))['error'].encode()


class TestDepth(base.BaseTestCase):
    def check(self, expected, text):
        frame = b'{"execution_id": "e", "output": %s}' % text.encode()
        self.assertEqual(expected, agent_outcome.exceeds_depth(frame),
                         text[:99])

    def test_limit(self):
        for begin, end in (('[', ']'), ('{"a":', '}'), ('[{"a": [0, ',
                                                        ']}, 1]')):
            levels = begin.count('[') + begin.count('{')
            fitting = agent_outcome.MAX_DEPTH // levels
            self.check(False, begin * fitting + '1' + end * fitting)
            self.check(True, begin * (fitting + 1) + '1' + end * (fitting + 1))
            self.check(True, begin * 50000 + '1' + end * 50000)

    def test_texts_do_not_count(self):
        for text in ('[' * 999, r'\"' + '[' * 999, '\\\\', ']' * 999):
            self.check(False, '["%s", "%s", [1]]' % (text, text))
        deep = '[' * 101 + '"%s"' + ']' * 101
        for text in (']' * 999, r'\\\"' + ']' * 999, r'\\'):
            self.check(True, deep % text)

    def test_width_does_not_count(self):
        self.check(False, json.dumps([[{'a': [number]}]
                                      for number in range(1000)]))


class TestSplitting(base.BaseTestCase):
    def test_members_stay_as_they_are(self):
        number = '-123456789012345678901234567890.10e400'
        text = ('{ "a" :%s, "b":[ %s,2 ] ,\n"c\\u0041": {"d": "}"}, "e": null}'
                % (number, number))
        self.assertEqual({'a': number, 'b': '[ %s,2 ]' % number,
                          'cA': '{"d": "}"}', 'e': 'null'},
                         agent_channel.split_object(text))
        self.assertEqual({}, agent_channel.split_object(' { } '))

    def test_first_element(self):
        self.assertEqual('1.50', agent_channel.first_element('[ 1.50, 2]'))
        self.assertEqual('[[]]', agent_channel.first_element('[[[]]]'))
        self.assertIsNone(agent_channel.first_element('[ ]'))


class TestLanguages(base.BaseTestCase):
    def load(self, image, files, entry='main.main'):
        if image not in workers.images():
            self.skipTest('This machine has no %s.' % image)
        return self.useFixture(workers.Worker(
            image, agents.zipped(files), entry)).client

    def raw(self, client, **members):
        """Return the body of the answer to an execution with raw JSON."""
        body = '{"execution_id": "e", "timeout": 60, %s}' % ', '.join(
            '"%s": %s' % member for member in members.items())
        reply = client.call('POST', '/execute', body.encode())
        self.assertEqual(200, reply.status, reply.body)
        return reply.body.decode()

    def test_programs_get_and_give_every_digit(self):
        client = self.load('command', {
            'main': '#!/bin/sh\nread -r line\nline=${line#*: }\n'
                    'echo "${line%, \\"context*}"\n'})
        for value in ('{"n": 0.10000000000000001}', '{"n": 1E300}',
                      '{"n": 12345678901234567890123}', '{"n": -0.0}'):
            self.assertIn('"output": %s,' % value,
                          self.raw(client, kwargs=value).replace(
                              '},"duration', '}, "duration'))
        self.assertIn('{"n": 1.0, "__function_input": 2.50}', self.raw(
            client, kwargs='{"n": 1.0}', args='[2.50]'))
        self.assertIn('"output": 2.50', self.raw(client, args='[2.50]'))
        self.assertIn('"output": {"a":  1}',
                      self.raw(client, kwargs='{"a": \n1}'))

    def test_numbers_that_no_double_represents(self):
        for number, words in (('1E400', 'is beyond the range of a double'),
                              ('0.12345678901234567890', 'has more digits'),
                              ('1e-400', 'has more digits')):
            client = self.load('command', {
                'main': '#!/bin/sh\necho "[%s]"\n' % number})
            self.assertIn(f'The number {number} in the result of the '
                          f'function {words}', client.execute()['output'])

    def test_too_long_integer_of_python(self):
        client = self.load('python3', {'main.py': (
            'import sys\nsys.set_int_max_str_digits(0)\n'
            'def main(n): return 10 ** n\n')})
        self.assertIn('has an integer with too many digits',
                      client.execute(n=5000)['output'])

    def test_python_gets_and_gives_every_digit(self):
        client = self.load('python3', {
            'main.py': 'def main(n): return [n, n + 1]\n'})
        for number in (1 << 64, -(1 << 64), 10 ** 30, (1 << 63) - 1):
            self.assertIn('"output": [%d, %d]' % (number, number + 1),
                          self.raw(client, kwargs='{"n": %d}' % number))

    def test_names(self):
        for image in workers.images():
            for text in ('\ud83d', 'a\0b', '\U0001f600', '\udce9'):
                client = self.load(image, {'main.py': '', 'main.js': ''},
                                   text + '.' + text)
                result = client.execute()
                self.assertEqual('failed', result['status'])
                for value in (result['output'], result['log']):
                    value.encode()
                    self.assertNotIn('\0', value)
