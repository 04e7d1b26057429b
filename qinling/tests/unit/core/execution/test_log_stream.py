# SPDX-License-Identifier: Apache-2.0
"""Tests of logs that grow while a client reads."""

from unittest import mock

from qinling.core.execution import lifecycle
from qinling.core.execution import log_stream
from qinling.core.execution import outcomes
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.tests.unit.core.execution import test_executions

MINE = test_executions.MINE
LOG = 'begin\none\ntwo\nend\n'


class TestLogStream(test_executions.ExecutionTest):
    def setUp(self):
        super().setUp()
        self.waits = self.core.services.waits
        self.execution_id = self.create(sync=False).id
        self.claim()
        self.enterContext(mock.patch.object(
            log_stream.time, 'sleep', self.pass_time))
        #: Actions while a stream waits, in order.
        self.events = []
        self.pauses = []

    def follow(self, offset=0):
        return self.waits.follow_log(MINE, self.execution_id, offset)

    def claim(self):
        self.core.db.write(lambda tx: tx.execute(
            models.Execution.__table__.update().values(owner='engine')))

    def pass_time(self, seconds):
        self.pauses.append(seconds)
        if self.events:
            self.events.pop(0)()

    def write(self, text):
        """Let the engine have a log."""
        self.core.engine.answers['read_log'] = (
            lambda id, owner, offset: text[offset:])

    def end(self):
        self.core.engine.answers['read_log'] = None
        lifecycle.finish(self.core.db, self.execution_id, outcomes.Outcome(
            ExecutionStatus.SUCCESS, '{"output": 1}', LOG))

    def test_parts(self):
        self.write(LOG[:6])
        self.events = [lambda: self.write(LOG[:10]), self.end]
        stream = self.follow()
        self.assertEqual(['begin\n', 'one\n', 'two\nend\n'], list(stream))
        self.assertEqual((len(LOG), 'success'),
                         (stream.offset, stream.status))

    def test_offset(self):
        self.write(LOG[:10])
        self.events = [self.end]
        self.assertEqual(['e\n', 'two\nend\n'],
                         list(self.follow(8)))

    def test_ended_execution(self):
        self.end()
        self.assertEqual([LOG], list(self.follow()))
        self.assertEqual(
            [], list(self.follow(len(LOG))))
        self.assertEqual([], self.pauses)

    def test_unreachable_engine(self):
        self.core.engine.answers['read_log'] = exception.Unavailable(
            reason='the bus is down')
        self.events = [self.end]
        self.assertEqual([LOG], list(self.follow()))

    def test_longest_wait(self):
        self.conf.set_override('max_wait', 0, 'api')
        self.write('')
        stream = self.follow()
        self.assertEqual([], list(stream))
        self.assertIsNone(stream.status)

    def test_silence(self):
        self.write('')
        with mock.patch.object(log_stream, 'SILENCE_SECONDS', 0):
            self.assertEqual('', next(self.follow()))

    def test_deleted_execution(self):
        self.write('')
        self.events = [lambda: self.executions.delete(MINE, self.execution_id)]
        parts = self.follow()
        self.assertEqual([], list(parts))
        self.assertEqual(log_stream.DELETED, parts.status)

    def test_unknown_execution(self):
        self.assertRaises(exception.ExecutionNotFound, self.waits.follow_log,
                          MINE, 'unknown', 0)

    def test_threads(self):
        streams = []
        while len(streams) < self.conf.api.threads:
            try:
                streams.append(self.follow())
            except exception.TooManyExecutions:
                break
        self.assertLess(len(streams), self.conf.api.threads)
        for _number in range(2):
            streams[0].close()
        self.follow()
        self.assertRaises(exception.TooManyExecutions, self.waits.follow_log,
                          MINE, self.execution_id, 0)
