# SPDX-License-Identifier: Apache-2.0
"""Outputs that core reads while the function yields them."""

import json

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core import idempotency
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.tests import fixtures
from qinling.tests.unit.core.execution import test_executions

MINE = test_executions.MINE


class TestOutputStream(test_executions.ExecutionTest):
    def setUp(self):
        super().setUp()
        self.engine = self.core.engine
        self.engine.answers.update(start_stream='engine',
                                   read_stream=self.read)
        #: Answers of the engine: parts, or actions with one.
        self.parts = []
        self.offsets = []

    def read(self, id, owner, offset, _seconds):
        self.assertEqual('engine', owner)
        self.started = id
        self.offsets.append(offset)
        part = self.parts.pop(0)
        return part() if callable(part) else part

    def open(self, idempotent=None, **options):
        request = fixtures.execution_request(self.function.id)
        stream = self.core.services.triggers.open_stream(
            MINE, request, idempotent, **options)
        self.addCleanup(stream.close)
        return stream

    def end(self, output='abc', status=ExecutionStatus.SUCCESS, part=None):
        lifecycle.finish(self.core.db, self.started, outcomes.Outcome(
            status, json.dumps({'output': output})))
        return part

    def ending(self, part=None, **outcome):
        return lambda: self.end(part=part, **outcome)

    def test_parts(self):
        self.parts = [
            outcomes.OutputPart(''), outcomes.OutputPart('ab'),
            self.ending(outcomes.OutputPart('c', is_open=False))]
        stream = self.open()
        self.assertFalse(stream.has_parts)
        self.assertEqual(['', 'ab', 'c'], [part.output for part in stream])
        self.assertEqual(([-1, -1, 2], 'success'),
                         (self.offsets, stream.row.status))
        self.assertTrue(stream.has_parts)

    def test_lost_engine(self):
        self.parts = [outcomes.OutputPart('a'), self.ending()]
        self.assertEqual(['a', 'bc'], [part.output for part in self.open()])

    def test_lost_engine_with_a_head(self):
        head = {'status_code': 200}
        self.parts = [outcomes.OutputPart('a', head), self.ending(
            output={**head, 'body': 'abc'})]
        self.assertEqual(['a', 'bc'], [part.output for part in self.open()])

    def test_unreachable_engine(self):
        def fail():
            self.end()
            raise exception.Unavailable(reason='the bus is down')
        self.parts = [outcomes.OutputPart('a'), fail]
        self.assertEqual(['a', 'bc'], [part.output for part in self.open()])

    def test_function_without_parts(self):
        self.parts = [self.ending(outcomes.OutputPart('', is_open=False))]
        stream = self.open()
        self.assertEqual([''], [part.output for part in stream])
        self.assertFalse(stream.has_parts)

    def test_failure(self):
        self.parts = [outcomes.OutputPart('a'), self.ending(
            output='why', status=ExecutionStatus.FAILED)]
        stream = self.open()
        self.assertEqual(['a', []], [part.output for part in stream])
        self.assertEqual('failed', stream.row.status)

    def test_no_engine(self):
        self.engine.answers['start_stream'] = exception.Unavailable(
            reason='none')
        self.assertRaises(exception.Unavailable, self.open)
        self.assertEqual([], self.core.db.read(
            lambda tx: list(tx.execute(models.Execution.__table__.select()))))

    def test_engine_that_has_the_execution_but_does_not_answer(self):
        def start(message, _target):
            self.started = message.id
            lifecycle.claim(self.core.db, self.started, 'other', models.now())
            self.end()
            raise exception.Unavailable(reason='silent')
        self.engine.answers['start_stream'] = start
        stream = self.open()
        self.assertEqual([[]], [part.output for part in stream])
        self.assertEqual('success', stream.row.status)

    def test_closing_cancels_if_wanted(self):
        for cancels in (False, True):
            stream = self.open(cancels=cancels)
            self.assertEqual(cancels, stream.needs_reader)
            stream.close()
            stream.close()
            self.assertEqual(
                'cancelled' if cancels else 'running',
                self.core.services.executions.get(
                    MINE, stream.row.id).status)
        self.assertEqual(1, self.engine.verbs().count('cancel'))

    def test_closing_after_the_end_cancels_nothing(self):
        self.parts = [self.ending(outcomes.OutputPart('a', is_open=False))]
        stream = self.open(cancels=True)
        list(stream)
        stream.close()
        self.assertNotIn('cancel', self.engine.verbs())

    def test_repeated_request(self):
        self.parts = [self.ending(outcomes.OutputPart('abc', is_open=False))]
        key = idempotency.create_request('key', ['scope'])
        first = self.open(key)
        list(first)
        again = self.open(idempotency.create_request('key', ['scope']))
        self.assertEqual(first.row.id, again.row.id)
        self.assertEqual([[]], [part.output for part in again])
        self.assertEqual(1, self.engine.verbs().count('start_stream'))

    def test_threads(self):
        streams = []
        while len(streams) < self.conf.api.threads:
            try:
                streams.append(self.open())
            except exception.TooManyExecutions:
                break
        self.assertLess(len(streams), self.conf.api.threads)
        streams[0].close()
        self.open()
