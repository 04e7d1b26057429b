# SPDX-License-Identifier: Apache-2.0
"""Counts of rejected deliveries."""

from oslotest import base

from qinling.core.trigger import rejection_counter
from qinling.db import models
from qinling import exception
from qinling.tests import databases
from qinling.tests import fixtures

#: Windows in seconds: longer than any test, and very short.
LONG_WINDOW, SHORT_WINDOW = 3600, 0.02


class CounterTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.webhook = self.core.insert(models.Webhook)
        self.logger = self.useFixture(base.fixtures.FakeLogger(
            'qinling.core.trigger.rejection_counter'))
        self.writes = []
        write = self.core.db.write
        self.core.db.write = lambda *args, **kwargs: (
            self.writes.append(1), write(*args, **kwargs))[1]

    def create_counter(self, window):
        counter = rejection_counter.RejectionCounter(self.core.db, window)
        self.addCleanup(counter.close)
        return counter

    def count(self, id=None):
        return self.core.row(models.Webhook, id or self.webhook).refused


class TestRejectionCounter(CounterTest):
    def test_first_rejection_is_counted_at_once(self):
        self.create_counter(LONG_WINDOW).count(self.webhook,
                                               exception.TooLarge(reason='it'))
        self.assertEqual(1, self.count())
        self.assertIn(f'Rejected 1 deliveries of webhook {self.webhook}: The '
                      'request is too large: it', self.logger.output)

    def test_floods_cause_few_writes_and_lines(self):
        counter = self.create_counter(LONG_WINDOW)
        for _ in range(1000):
            counter.count(self.webhook,
                          exception.SignatureRefused(reason='wrong.'))
            counter.count(self.webhook, exception.TooLarge(reason='it'))
        counter.close()
        self.assertEqual(2000, self.count())
        self.assertEqual(2, len(self.writes))
        self.assertEqual(3, self.logger.output.count('\n'))
        for text in (f'Rejected 999 deliveries of webhook {self.webhook}: The '
                     'delivery is refused: wrong.',
                     f'Rejected 1000 deliveries of webhook {self.webhook}: '
                     'The request is too large'):
            self.assertIn(text, self.logger.output)

    def test_windows_end_with_a_write(self):
        counter = self.create_counter(SHORT_WINDOW)
        for number in range(1, 4):
            for _ in range(5):
                counter.count(self.webhook, exception.TooLarge(reason='it'))
            databases.wait_until(lambda: self.count() == 5 * number)

    def test_quiet_windows_stop_the_timer(self):
        counter = self.create_counter(SHORT_WINDOW)
        counter.count(self.webhook, exception.TooLarge(reason='it'))
        databases.wait_until(lambda: counter._timer is None)
        counter.count(self.webhook, exception.TooLarge(reason='it'))
        self.assertEqual(2, self.count())

    def test_many_webhooks(self):
        counter = self.create_counter(LONG_WINDOW)
        ids = [self.webhook,
               *(self.core.insert(models.Webhook) for _ in range(3))]
        for place, id in enumerate(ids):
            for _ in range(place + 1):
                counter.count(id, exception.TooLarge(reason='it'))
        counter.close()
        self.assertEqual([1, 2, 3, 4], [self.count(id) for id in ids])

    def test_unknown_webhooks_are_ignored(self):
        counter = self.create_counter(LONG_WINDOW)
        counter.count('nothing', exception.TooLarge(reason='it'))
        counter.count(self.webhook, exception.TooLarge(reason='it'))
        counter.close()
        self.assertEqual(1, self.count())

    def test_counts_do_not_change_the_revision(self):
        before = self.core.row(models.Webhook, self.webhook)
        self.create_counter(LONG_WINDOW).count(self.webhook,
                                               exception.TooLarge(reason='it'))
        after = self.core.row(models.Webhook, self.webhook)
        self.assertEqual((before.revision, None),
                         (after.revision, after.updated_at))

    def test_database_outage_is_logged(self):
        def fail(*_args, **_kwargs):
            raise exception.Unavailable(reason='it')
        self.core.db.write = fail
        self.create_counter(LONG_WINDOW).count(self.webhook,
                                               exception.TooLarge(reason='it'))
        self.assertIn('Could not count rejected deliveries',
                      self.logger.output)

    def test_close_without_rejections(self):
        counter = self.create_counter(LONG_WINDOW)
        counter.close()
        counter.close()
        self.assertEqual([], self.writes)
