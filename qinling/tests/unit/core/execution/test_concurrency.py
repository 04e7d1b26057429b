# SPDX-License-Identifier: Apache-2.0

import random

from oslotest import base

from qinling.core.execution import concurrency


class Slot(concurrency.Slot):
    def create_rejection(self):
        return KeyError(self._key)


class TestConcurrencyLimiter(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.limiter = concurrency.ConcurrencyLimiter(64)

    def acquire_all(self, project, function):
        """Return the number of acquired threads at the limit."""
        count = 0
        while self.limiter.acquire(project, function):
            count += 1
        return count

    def test_functions_cannot_use_all_threads(self):
        self.assertEqual(43, self.acquire_all('p', 'f'))

    def test_projects_cannot_use_all_threads(self):
        for number in range(9):
            self.acquire_all('p', f'f{number}')
        self.assertFalse(self.limiter.acquire('p', 'new'))
        self.assertFalse(self.limiter.has_room('p'))
        self.assertEqual(11, self.acquire_all('q', 'f'))

    def test_projects_converge_to_equal_counts(self):
        names = [f'p{number}' for number in range(15)]
        rng = random.Random(1)
        owners = [name for name in names for _
                  in range(self.acquire_all(name, 'f'))]
        for _ in range(5000):
            # All projects compete for each released thread.
            self.limiter.release(owners.pop(rng.randrange(len(owners))), 'f')
            owners += [name for name in rng.sample(names, len(names))
                       if self.limiter.acquire(name, 'f')]
        numbers = [owners.count(name) for name in names]
        self.assertGreater(min(numbers), 1)
        self.assertLess(max(numbers), 8)

    def test_single_thread_serves_one_execution(self):
        self.limiter = concurrency.ConcurrencyLimiter(1)
        for _ in range(2):
            with Slot(self.limiter, 'p', 'f'):
                self.assertRaises(
                    KeyError, Slot(self.limiter, 'q', 'f').__enter__)

    def test_released_threads_can_be_acquired(self):
        count = self.acquire_all('p', 'f')
        for _ in range(count):
            self.limiter.release('p', 'f')
        self.assertEqual(count, self.acquire_all('q', 'g'))
