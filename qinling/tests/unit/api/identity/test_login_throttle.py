# SPDX-License-Identifier: Apache-2.0
"""Slowing down of password guessing."""

from oslotest import base

from qinling.api.identity import login_throttle
from qinling.tests.unit.api.identity import test_passwords

ADDRESS = '192.0.2.1'
FREE = login_throttle.FREE_FAILURES_OF_NAME
FREE_OF_ADDRESS = login_throttle.FREE_FAILURES_OF_ADDRESS


class TestDelays(test_passwords.PasswordTest):
    def guess(self, count, name='ada', address=ADDRESS):
        """Let an address guess as fast as possible."""
        for number in range(count):
            answer = self.verify(name, f'wrong-{number}', address)
            while answer is not False:
                self.now += answer
                answer = self.verify(name, f'wrong-{number}', address)

    def delays(self, count, name='ada', address=ADDRESS):
        """Return the delays after further wrong passwords."""
        delays = []
        for _ in range(count):
            self.guess(1, name, address)
            answer = self.verify(name, 'wrong', address)
            delays.append(answer)
        return delays

    def test_delays_double_up_to_a_limit(self):
        self.guess(FREE - 1)
        self.assertEqual([1, 2, 4, 8, 16, 30, 30, 30], self.delays(8))

    def test_unknown_names_have_the_same_delays(self):
        self.guess(FREE - 1, 'unknown')
        self.assertEqual([1, 2, 4, 8, 16, 30, 30], self.delays(7, 'unknown'))

    def test_rejected_attempts_cost_and_change_nothing(self):
        self.guess(FREE + 9)
        for passed in range(30):
            self.assertEqual((30 - passed, 0), self.rounds('ada', 'wrong'))
            self.assertEqual((30 - passed, 0), self.rounds('ada', 'right'))
            self.now += 1
        self.assertTrue(self.verify())

    def test_many_names_of_an_address(self):
        for number in range(FREE_OF_ADDRESS):
            self.guess(1, f'name-{number}')
        self.assertEqual(1, self.verify('another', 'wrong'))
        self.assertIs(False, self.verify('another', 'wrong', '192.0.2.2'))

    def test_other_addresses_do_not_lock_a_user_out(self):
        for number in range(40):
            self.guess(3, address=f'198.51.100.{number}')
        self.assertTrue(self.verify())

    def test_an_address_has_one_guess_for_an_attacked_name(self):
        for number in range(10):
            self.guess(2, address=f'198.51.100.{number}')
        self.assertIs(False, self.verify('ada', 'wrong'))
        self.assertEqual(30, self.verify('ada', 'wrong'))
        self.now += 30
        self.assertTrue(self.verify())

    def test_verified_credentials_are_never_delayed(self):
        self.verify()
        self.guess(20)
        self.assertTrue(self.verify())
        self.now += 301
        self.guess(1)
        self.assertTrue(self.verify())

    def test_a_success_forgets_own_failures_only(self):
        self.guess(4, 'ada')
        self.guess(3, 'bob')
        self.assertTrue(self.verify('ada'))
        self.guess(FREE - 1, 'ada')
        self.assertEqual([1], self.delays(1))
        records = self.verifier._throttle._addresses
        self.assertEqual(3 + FREE, records.get(
            login_throttle.network(ADDRESS), self.now).failures)

    def test_failures_are_forgotten(self):
        self.guess(20)
        self.now += login_throttle.FORGET_SECONDS + 1
        self.guess(1, 'another', '192.0.2.9')
        self.assertEqual(3, len(self.verifier._throttle))
        self.assertEqual([False] * FREE, [
            self.verify('ada', 'wrong') for _ in range(FREE)])


class TestRecords(base.BaseTestCase):
    def test_size(self):
        throttle = login_throttle.LoginThrottle()
        for number in range(login_throttle.MAX_RECORDS + 100):
            throttle.record_failure(f'{number}' * 9, f'{number}')
        self.assertEqual(3 * login_throttle.MAX_RECORDS, len(throttle))

    def test_networks(self):
        for address, key in (
                ('192.0.2.1', '192.0.2.1'), ('::ffff:192.0.2.1', '192.0.2.1'),
                ('2001:db8::1', '2001:db8::/64'),
                ('2001:db8::2:3', '2001:db8::/64'),
                ('203.0.113.9, 192.0.2.1', '192.0.2.1'),
                ('192.0.2.1:4711', '192.0.2.1'),
                ('"[2001:db8::1]:80"', '2001:db8::/64'),
                ('[2001:db8::1]', '2001:db8::/64'),
                ('', ''), ('x' * 1000, 'x' * 64)):
            self.assertEqual(key, login_throttle.network(address))
