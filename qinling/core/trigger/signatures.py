# SPDX-License-Identifier: Apache-2.0
"""Verification of the signatures of webhook senders, and their secrets.

:mod:`.signature_forms` describes how each sender signs.
"""

import base64
import binascii
from collections.abc import Iterable
import hmac
import re
import secrets as random
import time

from qinling.core.trigger import signature_forms
from qinling import exception

Message = signature_forms.Message
FORMS = signature_forms.FORMS
_TIME = re.compile('[0-9]{1,11}')
#: Bytes of the key in a secret of a Standard Webhook.
_KEY_SIZES = range(24, 65)
#: Characters of any other secret.
_SECRET_LENGTHS = range(8, 256)
#: Random bytes of a generated secret.
GENERATED_BYTES = 32


def verify(form: str, secrets: Iterable[str], message: Message,
           tolerance: float) -> None:
    """Reject a delivery without the signature of one of the secrets.

    :param tolerance: seconds by which a signed time may differ.
    :raises SignatureRefused: the signature or the time is not valid.
    """
    read, sign = FORMS[form]
    signed = read(message)
    if not signed.signatures:
        raise exception.SignatureRefused(
            reason=f'it has no signature of the form {form}.')
    if signed.time is not None:
        _check_time(signed.time, tolerance)
    expected = [sign(secret, data) for secret in secrets
                for data in signed.data]
    # Compare all, so that the duration reveals nothing.
    if not any([hmac.compare_digest(signature,
                                    signature_forms.encode(candidate))
                for signature in expected
                for candidate in signed.signatures]):
        raise exception.SignatureRefused(
            reason='its signature is not one with the secret of this '
                   'webhook.')


def _check_time(text: str, tolerance: float) -> None:
    if not _TIME.fullmatch(text):
        raise exception.SignatureRefused(
            reason='its time is missing, or is not in Unix seconds.')
    if abs(time.time() - int(text)) > tolerance:
        raise exception.SignatureRefused(
            reason='its time is more than '
                   f'{tolerance} seconds from that of this host.')


def check_secret(form: str, secret: str) -> None:
    """Check that senders of a form can have a secret.

    :raises Invalid: the secret does not fit.
    """
    if form == 'standard':
        try:
            if len(signature_forms.decode_key(secret)) in _KEY_SIZES:
                return
        except (binascii.Error, ValueError):
            pass
        raise exception.Invalid(
            'The secret of a standard webhook is 24 to 64 bytes in base64, '
            'with or without "whsec_" before it.')
    if len(secret) not in _SECRET_LENGTHS or not secret.isprintable():
        raise exception.Invalid(
            'A secret has 8 to 255 printable characters.')


def new_secret(form: str) -> str:
    """Return a random secret for senders of a form."""
    if form == 'standard':
        key = base64.b64encode(random.token_bytes(GENERATED_BYTES))
        return signature_forms.PREFIX + key.decode()
    # A program would take a hyphen in front for the beginning of an option.
    while (secret := random.token_urlsafe(GENERATED_BYTES))[0] == '-':
        continue
    return secret
