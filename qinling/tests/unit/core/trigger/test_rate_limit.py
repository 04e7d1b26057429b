# SPDX-License-Identifier: Apache-2.0
"""Rate limits."""

from unittest import mock

from limits import errors
from oslotest import base

from qinling.core.trigger import rate_limit
from qinling import exception


class TestRates(base.BaseTestCase):
    def take(self, made, key='one', times=1):
        """How many of so many are let through."""
        passed = 0
        for _ in range(times):
            try:
                made.hit(key)
                passed += 1
            except exception.RateLimited as e:
                self.error = e
        return passed

    def test_so_many_and_no_more(self):
        made = rate_limit.RateLimit('5/hour', 'memory://')
        self.assertEqual(5, self.take(made, times=9))
        self.assertEqual(429, self.error.http_code)
        self.assertIn('5 per 1 hour', str(self.error))
        wait = self.error.fields['retry_after']
        self.assertIsInstance(wait, int)
        self.assertIn(wait, range(1, 7201))
        self.assertIn(f'in {wait} seconds', str(self.error))

    def test_each_by_itself(self):
        made = rate_limit.RateLimit('2/hour', 'memory://')
        self.assertEqual([2, 2], [self.take(made, key, 5)
                                  for key in ('one', 'other')])

    def test_none(self):
        made = rate_limit.RateLimit('', 'memory://')
        self.assertEqual(2000, self.take(made, times=2000))

    def test_a_storage_that_does_not_answer(self):
        """Nothing is lost because of it."""
        made = rate_limit.RateLimit('1/hour', 'memory://')
        broken = mock.Mock(side_effect=errors.StorageError(OSError('gone')))
        self.useFixture(base.fixtures.MonkeyPatch(
            'limits.strategies.SlidingWindowCounterRateLimiter.hit', broken))
        self.assertEqual(3, self.take(made, times=3))
        self.assertEqual(3, broken.call_count)

    def test_options_that_are_none(self):
        for limit in ('x', '5', '5/', '5/fortnight', '-1/minute', '/minute'):
            self.assertRaises(
                ValueError, rate_limit.RateLimit, limit, 'memory://')
        for url in ('', 'x', 'nothing://'):
            self.assertRaises(ValueError, rate_limit.RateLimit, '1/hour', url)
