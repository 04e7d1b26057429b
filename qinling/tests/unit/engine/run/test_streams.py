# SPDX-License-Identifier: Apache-2.0
"""Streamed executions of an engine."""

import threading

from oslotest import base as test_base

from qinling.engine.run import output_buffer
from qinling.engine.run import streams
from qinling import exception
from qinling.tests.unit.engine import base

PATIENCE = 60
HEAD = {'status_code': 200, 'headers': {}}


class TestOutputBuffer(test_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.buffer = output_buffer.OutputBuffer()

    def read(self, offset=-1, seconds=0):
        part = self.buffer.read(offset, seconds)
        return part.output, part.head, part.is_open

    def add(self, *values):
        for value in values:
            self.buffer.add(value)

    def test_texts(self):
        self.add('ab', '', 'cde')
        self.assertEqual(('abcde', None, True), self.read())
        for offset in range(5):
            self.assertEqual('abcde'[offset:], self.read(offset)[0])
        self.assertEqual(('', None, True), self.read(5))
        self.buffer.end()
        self.assertEqual(('', None, False), self.read(5))

    def test_values(self):
        self.add({'n': 1}, None, [2])
        self.assertEqual([{'n': 1}, None, [2]], self.read()[0])
        self.assertEqual([[2]], self.read(2)[0])

    def test_head(self):
        self.add(HEAD)
        self.assertEqual(('', HEAD, True), self.read(seconds=PATIENCE))
        self.add('text')
        self.assertEqual(('text', HEAD, True), self.read(0))

    def test_head_among_values(self):
        self.add(1, HEAD)
        self.assertEqual(([1, HEAD], None, True), self.read())

    def test_mixed_output_of_a_lying_worker(self):
        self.add('a', 1, 'b')
        self.assertEqual('ab', self.read()[0])
        self.buffer = output_buffer.OutputBuffer()
        self.add(1, 'a', 2)
        self.assertEqual([1, 2], self.read()[0])

    def test_empty_output(self):
        self.buffer.end()
        self.assertEqual(('', None, False), self.read(seconds=PATIENCE))

    def test_parts_are_bounded(self):
        size = output_buffer.MAX_PART_LENGTH
        self.add(*['x' * 1000] * 200)
        self.buffer.end()
        first, _, is_open = self.read()
        self.assertTrue(is_open)
        self.assertLess(len(first), size + 1000)
        rest, _, _ = self.read(len(first))
        self.assertLess(len(rest), size + 1000)

    def test_reader_waits(self):
        results = []
        thread = threading.Thread(
            target=lambda: results.append(self.read(1, PATIENCE)))
        self.add('a')
        thread.start()
        self.add('b')
        thread.join(PATIENCE)
        self.assertEqual([('b', None, True)], results)

    def test_wait_until_read(self):
        self.add('a')
        self.buffer.end()
        self.buffer.wait_until_read(0)
        thread = threading.Thread(
            target=self.buffer.wait_until_read, args=(PATIENCE,))
        thread.start()
        self.read()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())


class Runner:
    """Runner whose executions yield a text and wait for ``proceed``."""

    error = None

    def __init__(self):
        self.proceed = threading.Event()
        self.ids = []

    def run(self, message, target, claimed):
        self.ids.append(message.id)
        claimed.stream.add('text')
        self.proceed.wait(PATIENCE)
        if self.error is not None:
            raise self.error


class TestStreams(test_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.runner = Runner()
        self.addCleanup(self.runner.proceed.set)
        self.streams = streams.Streams(self.runner, 4)
        self.target = base.target()

    def start(self, id='e'):
        self.streams.start(base.message(id, True, None), self.target)

    def read_to_the_end(self, id='e'):
        offset, text = -1, ''
        while (part := self.streams.read(id, offset, PATIENCE)) is not None:
            text += part.output
            offset = len(text)
            if not part.is_open:
                return text
        raise AssertionError('The stream has no end.')

    def test_parts_and_end(self):
        self.start()
        part = self.streams.read('e', -1, PATIENCE)
        self.assertEqual(('text', True), (part.output, part.is_open))
        self.runner.proceed.set()
        self.assertEqual('text', self.read_to_the_end())

    def test_unknown_stream(self):
        self.assertIsNone(self.streams.read('unknown', -1, PATIENCE))

    def test_message_that_comes_twice(self):
        self.start()
        self.start()
        self.runner.proceed.set()
        self.read_to_the_end()
        self.assertEqual(['e'], self.runner.ids)

    def test_errors_end_the_stream(self):
        for error in (exception.Unavailable(reason='away'), ValueError()):
            self.runner.error = error
            self.start(type(error).__name__)
            self.runner.proceed.set()
            self.assertEqual('text', self.read_to_the_end(
                type(error).__name__))

    def test_limit(self):
        started = 0
        while started < 4:
            try:
                self.start(str(started))
            except exception.Unavailable:
                break
            started += 1
        self.assertIn(started, range(1, 4))
        self.runner.proceed.set()
        for number in range(started):
            self.read_to_the_end(str(number))
        self.start('next')
        self.assertEqual('text', self.read_to_the_end('next'))
