# SPDX-License-Identifier: Apache-2.0
"""Secrets in the database."""

from oslotest import base

from qinling.core import secrets
from qinling import exception
from qinling.tests import fixtures


class TestSecrets(base.BaseTestCase):
    def create_secrets(self, *keys):
        return secrets.Secrets(self.useFixture(fixtures.Conf(
            secrets={'encryption_keys': list(keys)})).conf)

    def test_decrypt_returns_the_encrypted_text(self):
        cipher = self.create_secrets(secrets.new_key())
        for text in ('secret', '', 'naïve 😀', 'x' * 10000):
            stored = cipher.encrypt(text)
            self.assertEqual(text, cipher.decrypt(stored))
            if text:
                self.assertNotIn(text, stored)

    def test_equal_texts_have_different_ciphertexts(self):
        cipher = self.create_secrets(secrets.new_key())
        self.assertNotEqual(cipher.encrypt('x'), cipher.encrypt('x'))

    def test_key_rotation(self):
        old, new = secrets.new_key(), secrets.new_key()
        before = self.create_secrets(old).encrypt('x')
        rotating = self.create_secrets(new, old)
        self.assertEqual('x', rotating.decrypt(before))
        after = rotating.encrypt('x')
        self.assertEqual('x', self.create_secrets(new).decrypt(after))
        self.check_unavailable('not among its keys',
                               self.create_secrets(old).decrypt, after)
        self.check_unavailable('not among its keys',
                               self.create_secrets(new).decrypt, before)

    def test_secrets_need_a_key(self):
        self.check_unavailable('the operator sets one',
                               self.create_secrets().encrypt, 'x')
        stored = self.create_secrets(secrets.new_key()).encrypt('x')
        self.check_unavailable('not among its keys',
                               self.create_secrets().decrypt, stored)

    def test_changed_ciphertexts_are_refused(self):
        cipher = self.create_secrets(secrets.new_key())
        stored = cipher.encrypt('secret')
        for wrong in (stored[:-5], stored.swapcase(), '', 'x', stored[:9]):
            self.check_unavailable('', cipher.decrypt, wrong)

    def test_invalid_keys_prevent_the_start(self):
        for key in ('x', 'x' * 43, 'ü' * 44, secrets.new_key()[:-4]):
            error = self.assertRaises(ValueError, self.create_secrets, key)
            self.assertIn('[secrets] encryption_keys', str(error))
            self.assertNotIn(key, str(error))

    def check_unavailable(self, words, action, text):
        error = self.assertRaises(exception.Unavailable, action, text)
        self.assertIn(words, str(error))
        self.assertEqual(503, error.http_code)
