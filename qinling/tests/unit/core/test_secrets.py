# SPDX-License-Identifier: Apache-2.0
"""Secrets in the database."""

from oslotest import base

from qinling.core import secrets
from qinling import exception
from qinling.tests import fixtures


class TestSecrets(base.BaseTestCase):
    def of(self, *keys):
        return secrets.Secrets(self.useFixture(fixtures.Conf(
            secrets={'encryption_keys': list(keys)})).conf)

    def test_there_and_back(self):
        made = self.of(secrets.new_key())
        for text in ('secret', '', 'naïve 😀', 'x' * 10000):
            stored = made.encrypt(text)
            self.assertEqual(text, made.decrypt(stored))
            if text:
                self.assertNotIn(text, stored)

    def test_the_same_text_looks_different(self):
        made = self.of(secrets.new_key())
        self.assertNotEqual(made.encrypt('x'), made.encrypt('x'))

    def test_changing_the_key(self):
        old, new = secrets.new_key(), secrets.new_key()
        before = self.of(old).encrypt('x')
        both = self.of(new, old)
        self.assertEqual('x', both.decrypt(before))
        after = both.encrypt('x')
        self.assertEqual('x', self.of(new).decrypt(after))
        self.unavailable('not among its keys', self.of(old).decrypt, after)
        self.unavailable('not among its keys', self.of(new).decrypt, before)

    def test_without_a_key(self):
        self.unavailable('the operator sets one', self.of().encrypt, 'x')
        stored = self.of(secrets.new_key()).encrypt('x')
        self.unavailable('not among its keys', self.of().decrypt, stored)

    def test_what_was_changed_in_the_database(self):
        made = self.of(secrets.new_key())
        stored = made.encrypt('secret')
        for wrong in (stored[:-5], stored.swapcase(), '', 'x', stored[:9]):
            self.unavailable('', made.decrypt, wrong)

    def test_keys_that_are_none(self):
        for key in ('x', 'x' * 43, 'ü' * 44, secrets.new_key()[:-4]):
            error = self.assertRaises(ValueError, self.of, key)
            self.assertIn('[secrets] encryption_keys', str(error))
            self.assertNotIn(key, str(error))

    def unavailable(self, words, action, text):
        error = self.assertRaises(exception.Unavailable, action, text)
        self.assertIn(words, str(error))
        self.assertEqual(503, error.http_code)
