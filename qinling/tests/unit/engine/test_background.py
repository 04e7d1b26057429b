# SPDX-License-Identifier: Apache-2.0
"""Failures in the background threads of an engine."""

import logging

import fixtures
from oslotest import base

from qinling.core.execution import records
from qinling.engine import background
from qinling.engine import queue
from qinling import exception
from qinling.tests import databases
from qinling.tests.unit.engine import base as engine_base

#: Errors -> whether the log has a traceback.
ERRORS = ((exception.TemporaryError('full'), False),
          (exception.PermanentError('gone'), False),
          (exception.Unavailable(reason='the database is away'), False),
          (KeyError('bug'), True))


class TestEnd(base.BaseTestCase):
    def test_calls_after_the_end_are_refused(self):
        threads = background.Background()
        threads.stop()
        self.assertRaises(exception.Unavailable, threads.submit, str)


class TestFailures(base.BaseTestCase):
    def check(self, act, error, has_traceback, sentence):
        """Check the log after a failure."""
        with fixtures.FakeLogger(level=logging.WARNING) as logger:
            act()
            databases.wait_until(lambda: str(error) in logger.output)
        self.assertIn(sentence, logger.output)
        self.assertEqual(has_traceback, 'Traceback' in logger.output)

    def test_background(self):
        threads = background.Background()
        self.addCleanup(threads.stop)
        for error, has_traceback in ERRORS:
            def fail(error=error):
                raise error
            self.check(lambda: threads.submit(fail).result(), error,
                       has_traceback, 'Could not finish')

    def test_queue(self):
        class Consumer:
            def run_queued(self, message, target):
                raise message.id
        fair_queue = queue.FairQueue(1, 1 << 30, Consumer())
        self.addCleanup(fair_queue.close)
        for error, has_traceback in ERRORS[2:]:
            message = records.ExecutionMessage(error, '', False)
            self.check(lambda: fair_queue.put(message, engine_base.target()),
                       error, has_traceback, 'the reaper will requeue')
