# SPDX-License-Identifier: Apache-2.0

import random

from oslotest import base

from qinling.core.execution import concurrency


class TestShares(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.shares = concurrency.ConcurrencyLimiter(64)

    def fill(self, project, function):
        """How many slots somebody gets."""
        found = 0
        while self.shares.acquire(project, function):
            found += 1
        return found

    def test_a_function_leaves_some(self):
        self.assertEqual(43, self.fill('p', 'f'))

    def test_so_does_a_project(self):
        for number in range(9):
            self.fill('p', f'f{number}')
        self.assertFalse(self.shares.acquire('p', 'new'))
        self.assertFalse(self.shares.has_room('p'))
        self.assertEqual(11, self.fill('q', 'f'))

    def test_in_the_end_all_have_the_same(self):
        names = [f'p{number}' for number in range(15)]
        chance = random.Random(1)
        held = [name for name in names for _ in range(self.fill(name, 'f'))]
        for _ in range(5000):
            # What is held ends by and by, and all want what it had.
            self.shares.release(held.pop(chance.randrange(len(held))), 'f')
            held += [name for name in chance.sample(names, len(names))
                     if self.shares.acquire(name, 'f')]
        numbers = [held.count(name) for name in names]
        self.assertGreater(min(numbers), 1)
        self.assertLess(max(numbers), 8)

    def test_one_slot_is_enough_for_one(self):
        self.shares = concurrency.ConcurrencyLimiter(1)
        for _ in range(2):
            with self.shares.slot('p', 'f', KeyError):
                self.assertRaises(
                    KeyError, self.shares.slot('q', 'f', KeyError).__enter__)

    def test_what_is_given_back_is_free(self):
        taken = self.fill('p', 'f')
        for _ in range(taken):
            self.shares.release('p', 'f')
        self.assertEqual(taken, self.fill('q', 'g'))
