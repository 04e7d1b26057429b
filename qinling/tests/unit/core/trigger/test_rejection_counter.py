# SPDX-License-Identifier: Apache-2.0
"""Counting refused deliveries."""

from oslotest import base

from qinling.core.trigger import rejection_counter
from qinling.db import models
from qinling import exception
from qinling.tests import databases
from qinling.tests import fixtures

#: Seconds: longer than any test, and so short that it is over soon.
NEVER, SOON = 3600, 0.02


class RefusalsTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.webhook = self.core.insert(models.Webhook)
        self.logged = self.useFixture(base.fixtures.FakeLogger(
            'qinling.core.trigger.rejection_counter'))
        self.writes = []
        write = self.core.db.write
        self.core.db.write = lambda *args, **kwargs: (
            self.writes.append(1), write(*args, **kwargs))[1]

    def of(self, window):
        made = rejection_counter.RejectionCounter(self.core.db, window)
        self.addCleanup(made.close)
        return made

    def count(self, id=None):
        return self.core.row(models.Webhook, id or self.webhook).refused


class TestRefusals(RefusalsTest):
    def test_the_first_is_seen_at_once(self):
        self.of(NEVER).count(self.webhook, exception.TooLarge(reason='it'))
        self.assertEqual(1, self.count())
        self.assertIn(f'Rejected 1 deliveries of webhook {self.webhook}: The '
                      'request is too large: it', self.logged.output)

    def test_a_flood_is_two_writes_and_a_few_lines(self):
        made = self.of(NEVER)
        for _ in range(1000):
            made.count(self.webhook,
                       exception.SignatureRefused(reason='wrong.'))
            made.count(self.webhook, exception.TooLarge(reason='it'))
        made.close()
        self.assertEqual(2000, self.count())
        self.assertEqual(2, len(self.writes))
        self.assertEqual(3, self.logged.output.count('\n'))
        for text in (f'Rejected 999 deliveries of webhook {self.webhook}: The '
                     'delivery is refused: wrong.',
                     f'Rejected 1000 deliveries of webhook {self.webhook}: '
                     'The request is too large'):
            self.assertIn(text, self.logged.output)

    def test_the_end_of_a_window(self):
        made = self.of(SOON)
        for number in range(1, 4):
            for _ in range(5):
                made.count(self.webhook, exception.TooLarge(reason='it'))
            databases.wait_until(lambda: self.count() == 5 * number)

    def test_the_end_of_quiet_windows(self):
        made = self.of(SOON)
        made.count(self.webhook, exception.TooLarge(reason='it'))
        databases.wait_until(lambda: made._timer is None)
        made.count(self.webhook, exception.TooLarge(reason='it'))
        self.assertEqual(2, self.count())

    def test_many_webhooks(self):
        made = self.of(NEVER)
        ids = [self.webhook,
               *(self.core.insert(models.Webhook) for _ in range(3))]
        for place, id in enumerate(ids):
            for _ in range(place + 1):
                made.count(id, exception.TooLarge(reason='it'))
        made.close()
        self.assertEqual([1, 2, 3, 4], [self.count(id) for id in ids])

    def test_what_is_gone(self):
        made = self.of(NEVER)
        made.count('nothing', exception.TooLarge(reason='it'))
        made.count(self.webhook, exception.TooLarge(reason='it'))
        made.close()
        self.assertEqual(1, self.count())

    def test_it_is_no_change_of_the_webhook(self):
        before = self.core.row(models.Webhook, self.webhook)
        self.of(NEVER).count(self.webhook, exception.TooLarge(reason='it'))
        after = self.core.row(models.Webhook, self.webhook)
        self.assertEqual((before.revision, None),
                         (after.revision, after.updated_at))

    def test_a_database_that_does_not_answer(self):
        """A refusal stays a refusal."""
        def fail(*_args, **_kwargs):
            raise exception.Unavailable(reason='it')
        self.core.db.write = fail
        self.of(NEVER).count(self.webhook, exception.TooLarge(reason='it'))
        self.assertIn('Could not count rejected deliveries',
                      self.logged.output)

    def test_close_without_anything(self):
        made = self.of(NEVER)
        made.close()
        made.close()
        self.assertEqual([], self.writes)
