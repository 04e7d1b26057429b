# SPDX-License-Identifier: Apache-2.0
"""Streamed results of functions, from the function to the agent's client."""

import json

from oslotest import base

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import workers

PYTHON = '''
import asyncio

def texts():
    yield 'a'
    yield ''
    yield b'\\xc3'
    yield bytearray(b'\\xa9')

async def later():
    yield 'a'
    await asyncio.sleep(0)
    yield 'b'

def values():
    yield {'n': [1]}
    yield None

def head():
    yield {'status_code': 201, 'headers': {'A': 'b'}}
    yield 'x'
    yield 'y'

def status():
    return iter([{'status_code': 204}])

def empty():
    yield from ()

def failing():
    yield 'a'
    raise ValueError('bad')

def mixed():
    yield 'a'
    yield 1

def reversed():
    yield 1
    yield 'a'

def binary():
    yield b'\\xff'

def object():
    yield {1, 2}

def long():
    while True:
        yield 'x' * 100000

def closing():
    try:
        while True:
            yield 'x' * 100000
    finally:
        print('closed')

def plain():
    return 'whole'

def dying():
    import os
    yield 'a'
    os._exit(3)

def main(do):
    return globals()[do]()
'''
NODEJS = '''
const does = {
  async* texts() {
    yield 'a';
    yield '';
    yield new Uint8Array([0xc3]);
    yield Buffer.from([0xa9]);
  },
  async* later() {
    yield 'a';
    await new Promise(setImmediate);
    yield 'b';
  },
  * values() { yield { n: [1] }; yield null; },
  async* head() {
    yield { status_code: 201, headers: { A: 'b' } };
    yield 'x';
    yield 'y';
  },
  async* status() { yield { status_code: 204 }; },
  async* empty() {},
  async* failing() { yield 'a'; throw new Error('bad'); },
  async* mixed() { yield 'a'; yield 1; },
  async* reversed() { yield 1; yield 'a'; },
  async* binary() { yield Buffer.from([0xff]); },
  async* object() { yield new Set([1]); },
  async* long() { for (;;) yield 'x'.repeat(100000); },
  async* closing() {
    try {
      for (;;) yield 'x'.repeat(100000);
    } finally {
      console.log('closed');
    }
  },
  plain: () => 'whole',
  async* dying() { yield 'a'; process.exit(3); },
};
exports.main = ({ do: name }) => does[name]();
'''
FILES = {'python3': ('main.py', PYTHON), 'nodejs': ('main.js', NODEJS)}


class Streams:
    """Tests of one language."""

    def setUp(self):
        super().setUp()
        if self.image not in workers.images():
            self.skipTest('This machine has no Node.js.')
        name, code = FILES[self.image]
        self.worker = self.useFixture(workers.Worker(
            self.image, agents.zipped({name: code}), 'main.main'))
        self.client = self.worker.client

    def stream(self, do):
        """Return the parts of a result, and the last line."""
        body = json.dumps({
            'execution_id': 'e', 'args': [], 'kwargs': {'do': do},
            'context': {}, 'timeout': agents.PATIENCE, 'stream': True})
        lines = self.client.stream('/execute', body.encode())
        self.assertNotIn('chunk', lines[-1])
        return [line['chunk'] for line in lines[:-1]], lines[-1]

    def check(self, do, parts, output):
        received, end = self.stream(do)
        self.assertEqual((parts, 'success', output),
                         (received, end['status'], end['output']), end)
        # Without a stream, the result is the same.
        self.assertEqual(output, self.client.execute(do=do)['output'])

    def check_fails(self, do, parts, sentence, reason='invalid_output'):
        received, end = self.stream(do)
        self.assertEqual((parts, 'failed', reason),
                         (received, end['status'], end['reason']), end)
        self.assertIn(sentence, end['output'])
        result = self.client.execute(do=do)
        self.assertEqual(end['output'], result['output'])
        return end

    def test_texts(self):
        self.check('texts', ['a', '\u00e9'], 'a\u00e9')
        self.check('later', ['a', 'b'], 'ab')

    def test_values(self):
        self.check('values', [{'n': [1]}, None], [{'n': [1]}, None])
        self.check('empty', [], [])

    def test_head(self):
        head = {'status_code': 201, 'headers': {'A': 'b'}}
        self.check('head', [head, 'x', 'y'], {**head, 'body': 'xy'})
        self.check('status', [{'status_code': 204}],
                   {'status_code': 204, 'body': ''})

    def test_result_without_parts(self):
        self.check('plain', [], 'whole')

    def test_failures(self):
        end = self.check_fails('failing', ['a'], 'bad', 'user_error')
        self.assertIn('bad', end['log'])
        self.check_fails('mixed', ['a'], 'after texts')
        self.check_fails('reversed', [1], 'after other values')
        self.check_fails('binary', [], 'UTF-8')
        self.check_fails('object', [], '')
        self.check('later', ['a', 'b'], 'ab')

    def test_limit(self):
        received, end = self.stream('long')
        self.assertEqual(10, len(received))
        self.assertEqual('output_too_large', end['reason'])
        self.assertIn('the limit of 1048576 bytes', end['output'])

    def test_generator_is_closed(self):
        self.assertIn('closed', self.stream('closing')[1]['log'])

    def test_death(self):
        self.check_fails('dying', ['a'], 'exited with status 3', 'crashed')


class TestPython(Streams, base.BaseTestCase):
    image = 'python3'


class TestNodejs(Streams, base.BaseTestCase):
    image = 'nodejs'


class TestHostility(base.BaseTestCase):
    """Frames that the code of a user writes itself."""

    CODE = '''
import os, struct

def main(frames):
    directory = '/proc/self/fd/'
    number = max(int(name) for name in os.listdir(directory)
                 if os.path.lexists(directory + name)
                 and 'socket' in os.readlink(directory + name))
    for frame, count in frames:
        data = struct.pack('>I', len(frame)) + frame.encode()
        for _number in range(count):
            os.write(number, data)
    return 'end'
'''

    def stream(self, *frames):
        client = self.useFixture(agents.Agent()).connect()
        client.load(agents.zipped({'main.py': self.CODE}))
        return client.stream('/execute', json.dumps({
            'execution_id': 'e', 'kwargs': {'frames': frames},
            'timeout': agents.PATIENCE, 'stream': True}).encode())

    def test_line_feeds(self):
        lines = self.stream(('{"chunk":\n"a"}', 1))
        self.assertEqual({'chunk': 'a'}, lines[0])
        self.assertEqual('end', lines[1]['output'])

    def test_flood(self):
        lines = self.stream(('{"chunk": "%s"}' % ('x' * 100000), 100))
        self.assertLess(len(lines), 90)
        self.assertEqual(('failed', 'invalid_output'),
                         (lines[-1]['status'], lines[-1]['reason']))
