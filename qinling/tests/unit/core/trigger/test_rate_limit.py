# SPDX-License-Identifier: Apache-2.0
"""Rate limits."""

import sys
import threading
import time
from unittest import mock

from limits import errors
from oslotest import base

from qinling.core.trigger import rate_limit
from qinling import exception


class TestRateLimit(base.BaseTestCase):
    def count_hits(self, rate, key='one', times=1):
        """Return the number of admitted hits."""
        passed = 0
        for _ in range(times):
            try:
                rate.hit(key)
                passed += 1
            except exception.RateLimited as e:
                self.error = e
        return passed

    def test_hits_beyond_the_limit_raise(self):
        rate = rate_limit.RateLimit('5/hour', 'memory://')
        self.assertEqual(5, self.count_hits(rate, times=9))
        self.assertEqual(429, self.error.http_code)
        self.assertIn('5 per 1 hour', str(self.error))
        wait = self.error.fields['retry_after']
        self.assertIsInstance(wait, int)
        self.assertIn(wait, range(1, 7201))
        self.assertIn(f'in {wait} seconds', str(self.error))

    def test_hits_tell_what_remains(self):
        rate = rate_limit.RateLimit('3/minute', 'memory://')
        usages = [rate.hit('one') for _ in range(3)]
        self.assertEqual([(3, 60, remaining) for remaining in (2, 1, 0)], [
            (usage.quota, usage.window, usage.remaining)
            for usage in usages])
        for usage in usages:
            self.assertIn(usage.reset, range(1, 121))
        self.assertEqual(0, self.count_hits(rate))
        self.assertEqual((3, 60, 0), tuple(
            self.error.fields[name]
            for name in ('quota', 'window', 'remaining')))

    def test_counters_expire_in_one_thread(self):
        rate = rate_limit.RateLimit('3/second', 'memory://')
        memory = rate._storage
        memory.timer.join()
        with mock.patch.object(rate_limit, 'EXPIRY_SECONDS', 0.01), \
                mock.patch.object(threading, 'Timer',
                                  wraps=threading.Timer) as timer:
            rate.hit('one')
            first = memory.timer
            first.join()
        # The library alone would begin with a timer, too.
        self.assertEqual(1, timer.call_count)
        rate.hit('two')
        self.addCleanup(memory.timer.cancel)
        later = memory.timer
        self.assertTrue(later.daemon)
        with mock.patch.object(threading, 'Timer') as timer:
            for number in range(50):
                rate.hit(str(number))
        timer.assert_not_called()
        self.assertTrue(memory.storage)
        with mock.patch('time.time', return_value=time.time() + 60):
            later.function()
        self.assertFalse(memory.storage)

    def test_keys_have_separate_limits(self):
        rate = rate_limit.RateLimit('2/hour', 'memory://')
        self.assertEqual([2, 2], [self.count_hits(rate, key, 5)
                                  for key in ('one', 'other')])

    def test_empty_limit_is_unlimited(self):
        rate = rate_limit.RateLimit('', 'memory://')
        self.assertEqual(2000, self.count_hits(rate, times=2000))

    def test_storage_outage_admits_hits(self):
        """Admit all deliveries during the outage."""
        rate = rate_limit.RateLimit('1/hour', 'memory://')
        broken = mock.Mock(side_effect=errors.StorageError(OSError('gone')))
        self.useFixture(base.fixtures.MonkeyPatch(
            'limits.strategies.SlidingWindowCounterRateLimiter.hit', broken))
        self.assertEqual(3, self.count_hits(rate, times=3))
        self.assertEqual(3, broken.call_count)

    def test_invalid_options_raise(self):
        for limit in ('x', '5', '5/', '5/fortnight', '-1/minute', '/minute'):
            self.assertRaises(
                ValueError, rate_limit.RateLimit, limit, 'memory://')
        for url in ('', 'x', 'nothing://'):
            self.assertRaises(ValueError, rate_limit.RateLimit, '1/hour', url)

    def test_missing_library_names_the_extra(self):
        with mock.patch.dict(sys.modules, {'redis': None}):
            error = self.assertRaises(ValueError, rate_limit.RateLimit,
                                      '1/hour', 'redis://127.0.0.1:1')
        self.assertIn("pip install '.[redis]'", str(error))
