# SPDX-License-Identifier: Apache-2.0
"""Verification of passwords: costs by the number of hashes, not by time."""

import collections
import threading
from unittest import mock

import bcrypt
from oslotest import base

from qinling.api.identity import password_file
from qinling.api.identity import password_verifier
from qinling import exception
from qinling.tests import databases

Freshness = password_verifier.Freshness


class PasswordTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.path = self.create_tempfiles([('htpasswd', '')], '')[0]
        self.write(ada=('right', 4), bob=('right', 4))
        #: Seconds of the monotonic clock.
        self.now = 1000.0
        self.patch('time.monotonic', lambda: self.now)
        self.costs = []
        self.checkpw = bcrypt.checkpw
        self.patch('bcrypt.checkpw', self.count)
        self.verifier = self.create()

    def patch(self, name, value):
        patcher = mock.patch(name, value)
        patcher.start()
        self.addCleanup(patcher.stop)

    def count(self, password, stored):
        self.costs.append(int(stored[4:6]))
        return self.checkpw(password, stored)

    def write(self, **users):
        with open(self.path, 'w') as file:
            for name, (password, cost) in users.items():
                file.write('%s:%s\n' % (name, bcrypt.hashpw(
                    password.encode(), bcrypt.gensalt(cost)).decode()))

    def create(self, threads=64):
        return password_verifier.PasswordVerifier(
            password_file.PasswordFile(self.path), threads)

    def verify(self, name='ada', password='right', address='192.0.2.1'):
        """Return the answer, or the seconds of a delay."""
        try:
            return self.verifier.verify(name, password.encode(), address)
        except exception.RateLimited as e:
            return e.fields['retry_after']

    def rounds(self, *args):
        """Return the answer of a verification and its rounds of bcrypt."""
        self.costs.clear()
        answer = self.verify(*args)
        return answer, sum(2 ** cost for cost in self.costs)


class TestCosts(PasswordTest):
    def test_unknown_names_cost_as_much_as_wrong_passwords(self):
        for name in ('ada', 'unknown', '', 'ada ', 'x' * 1000, '\0'):
            self.assertEqual((False, 16), self.rounds(name, 'wrong'), name)
            self.assertEqual([4], self.costs, name)

    def test_users_with_different_costs(self):
        self.write(ada=('right', 4), bob=('right', 7), eve=('right', 6))
        for name in ('ada', 'bob', 'eve', 'unknown'):
            self.assertEqual((False, 128), self.rounds(name, 'wrong'), name)
        self.assertEqual((True, 16), self.rounds('ada', 'right'))

    def test_passwords_that_bcrypt_cannot_hash(self):
        answers = {self.rounds(name, password) for name in ('ada', 'unknown')
                   for password in ('x' * 100,)}
        self.assertEqual(1, len(answers))

    def test_files_without_users(self):
        self.write()
        self.assertEqual((False, 1024), self.rounds())

    def test_verified_passwords_cost_no_hash(self):
        self.assertEqual([True] * 3, [self.verify() for _ in range(3)])
        self.assertEqual([4], self.costs)
        self.assertEqual((False, 16), self.rounds('ada', 'wrong'))
        self.assertNotIn('right', repr(self.verifier._cache.__dict__))

    def test_digests_of_other_processes_differ(self):
        self.verify()
        verifier = self.create()
        verifier.verify('ada', b'right', '')
        self.assertEqual(set(), set(verifier._cache._times).intersection(
            self.verifier._cache._times))

    def test_changed_files_are_read_once(self):
        self.assertTrue(self.verify())
        self.write(ada=('another', 4))
        self.assertFalse(self.verify())
        with mock.patch.object(password_file, '_parse') as parse:
            self.assertTrue(self.verify('ada', 'another'))
        parse.assert_not_called()


class TestCache(PasswordTest):
    def states(self, *seconds):
        """Return the states of verified credentials after some seconds."""
        cache = password_verifier.CredentialCache()
        cache.add(b'digest')
        start = self.now
        result = []
        for value in seconds:
            self.now = start + value
            result.append(cache.look_up(b'digest'))
        self.now = start
        return result

    def test_one_request_verifies_again(self):
        self.assertEqual(
            [Freshness.FRESH, Freshness.DUE, Freshness.FRESH, Freshness.DUE,
             Freshness.STALE],
            self.states(239, 240, 241, 246, 301))

    def test_size(self):
        cache = password_verifier.CredentialCache()
        for number in range(5000):
            cache.add(b'%d' % number)
            cache.look_up(b'0')
        self.assertEqual(password_verifier.MAX_CREDENTIALS, len(cache))
        self.assertIs(Freshness.FRESH, cache.look_up(b'0'))
        self.assertIs(Freshness.UNKNOWN, cache.look_up(b'1'))

    def test_clients_in_use_never_wait(self):
        self.verify()
        for _ in range(100):
            self.now += 10
            self.assertTrue(self.verify())
        self.assertEqual(5, len(self.costs))

    def test_a_refresh_does_not_need_a_slot(self):
        self.verify()
        self.now += 250
        with mock.patch.object(password_verifier, 'TURN_SECONDS', 0), (
                self.verifier._gate.enter()):
            self.verifier._gate._slots = threading.Semaphore(0)
            self.assertTrue(self.verify())
            self.verifier._gate._slots = threading.Semaphore(1)

    def test_old_credentials_are_hashed_again(self):
        self.verify()
        self.now += 301
        self.assertEqual((True, 16), self.rounds())
        self.assertEqual((True, 0), self.rounds())


class TestGate(PasswordTest):
    def setUp(self):
        super().setUp()
        self.running = self.peak = 0
        self.lock = threading.Lock()
        self.go_on = threading.Event()

    def count(self, password, stored):
        with self.lock:
            self.running += 1
            self.peak = max(self.peak, self.running)
        self.go_on.wait(databases.PATIENCE)
        with self.lock:
            self.running -= 1
        return super().count(password, stored)

    def start(self, count, rejected, *args):
        """Start verifications and return their answers and threads.

        :param rejected: verifications that fail before the first hash ends.
        """
        answers = collections.Counter()

        def verify():
            try:
                answers[self.verify(*args)] += 1
            except exception.Unavailable:
                answers['busy'] += 1
                if answers['busy'] == rejected:
                    self.go_on.set()
        threads = [threading.Thread(target=verify) for _ in range(count)]
        for thread in threads:
            thread.start()
        return answers, threads

    def join(self, threads):
        for thread in threads:
            thread.join(databases.PATIENCE)

    def test_bounds(self):
        self.verifier = self.create(threads=8)
        self.patch('qinling.api.identity.password_verifier.TURN_SECONDS',
                   databases.PATIENCE)
        slots = self.verifier._gate.slots
        self.assertIn(slots, (1, 2))
        answers, threads = self.start(slots + 4 + 7, 7)
        self.join(threads)
        # The others waited, and found the verified password in the cache.
        self.assertEqual({True: slots + 4, 'busy': 7}, answers)
        self.assertLessEqual(self.peak, slots)
        self.assertLessEqual(len(self.costs), slots)

    def test_waits_are_short(self):
        self.patch('qinling.api.identity.password_verifier.TURN_SECONDS',
                   0.01)
        slots = self.verifier._gate.slots
        answers, threads = self.start(slots + 1, 1)
        self.join(threads)
        self.assertEqual({True: slots, 'busy': 1}, answers)

    def test_parallel_guesses_are_counted(self):
        self.go_on.set()
        answers, threads = self.start(20, 0, 'ada', 'wrong')
        self.join(threads)
        self.assertEqual({1, False}, set(answers))
        # Two slots may pass the check before the failure of the other.
        self.assertLessEqual(answers[False], 7)
