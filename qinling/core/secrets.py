# SPDX-License-Identifier: Apache-2.0
"""Encryption of the secrets of users for the database.

No other module sees a key.  Decrypted secrets are used at once, and never
logged or shown.  Workers receive only the secrets of their own function.
"""

from cryptography import fernet
from oslo_config import cfg

from qinling import exception


class Secrets:
    """Encrypts with the first key and decrypts with any key.

    :raises ValueError: a configured key is not valid.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        try:
            keys = [fernet.Fernet(key)
                    for key in conf.secrets.encryption_keys]
        except ValueError:
            raise ValueError(
                '[secrets] encryption_keys must be Fernet keys: 32 bytes in '
                'URL-safe base64 each.')
        self._cipher = fernet.MultiFernet(keys) if keys else None

    def encrypt(self, text: str) -> str:
        """Return the text to store.

        :raises Unavailable: no key is configured.
        """
        if self._cipher is None:
            raise exception.Unavailable(
                reason='it has no key to keep secrets with; the operator '
                       'sets one in [secrets] encryption_keys.')
        return self._cipher.encrypt(text.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the decrypted text.

        :raises Unavailable: no configured key fits.
        """
        try:
            if self._cipher is not None:
                return self._cipher.decrypt(stored).decode()
        except fernet.InvalidToken:
            pass
        raise _no_key()

    def reencrypt(self, stored: str) -> str:
        """Return the same secret, encrypted with the first key.

        :raises Unavailable: no configured key fits.
        """
        try:
            if self._cipher is not None:
                return self._cipher.rotate(stored.encode()).decode()
        except fernet.InvalidToken:
            pass
        raise _no_key()


def _no_key() -> exception.Unavailable:
    return exception.Unavailable(
        reason='the key that a secret was stored with is not among its '
               'keys; the operator adds it to [secrets] encryption_keys.')


def is_key(text: str) -> bool:
    """Return whether a text is a key of :func:`new_key`."""
    try:
        fernet.Fernet(text)
    except ValueError:
        return False
    return True


def new_key() -> str:
    """Return a new key as text."""
    return fernet.Fernet.generate_key().decode()
