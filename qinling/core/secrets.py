# SPDX-License-Identifier: Apache-2.0
"""Secrets that users entrust to the service, encrypted for the database.

Nothing else of the service sees a key; and what is decrypted is used at
once, and neither logged nor shown.  Only the secrets of a function are sent
to workers: to those that serve this function.
"""

from cryptography import fernet

from qinling import exception


class Secrets:
    """Encrypts with the first of the keys and decrypts with any.

    :raises ValueError: a configured key is none.
    """

    def __init__(self, conf):
        try:
            keys = [fernet.Fernet(key)
                    for key in conf.secrets.encryption_keys]
        except ValueError:
            raise ValueError(
                '[secrets] encryption_keys must be Fernet keys: 32 bytes in '
                'URL-safe base64 each.')
        self._cipher = fernet.MultiFernet(keys) if keys else None

    def encrypt(self, text):
        """The text to store.

        :raises Unavailable: there is no key.
        """
        if self._cipher is None:
            raise exception.Unavailable(
                reason='it has no key to keep secrets with; the operator '
                       'sets one in [secrets] encryption_keys.')
        return self._cipher.encrypt(text.encode()).decode()

    def decrypt(self, stored):
        """What was encrypted.

        :raises Unavailable: none of the keys has encrypted it.
        """
        return self._opened('decrypt', stored)

    def renew(self, stored):
        """The same text, encrypted with the first of the keys.

        :raises Unavailable: none of the keys has encrypted it.
        """
        return self._opened('rotate', stored)

    def _opened(self, verb, stored):
        try:
            if self._cipher is not None:
                return getattr(self._cipher, verb)(stored).decode()
        except fernet.InvalidToken:
            pass
        raise _no_key()


def _no_key():
    return exception.Unavailable(
        reason='the key that a secret was stored with is not among its '
               'keys; the operator adds it to [secrets] encryption_keys.')


def new_key():
    """A new key, as text."""
    return fernet.Fernet.generate_key().decode()
