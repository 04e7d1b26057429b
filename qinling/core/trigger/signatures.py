# SPDX-License-Identifier: Apache-2.0
"""Signatures of webhook senders.

Each form is an HMAC-SHA256 with a secret that sender and webhook share.  The
forms differ in the signed bytes and the place of the signature:

* ``github``: the body; ``X-Hub-Signature-256: sha256=<hex>``.
* ``stripe``: ``<time>.<body>``; ``Stripe-Signature: t=<time>,v1=<hex>``,
  with one ``v1`` for each secret during a rotation at Stripe.
* ``slack``: ``v0:<time>:<body>``; ``X-Slack-Signature: v0=<hex>`` and
  ``X-Slack-Request-Timestamp``.
* ``standard`` (standardwebhooks.com): ``<id>.<time>.<body>``;
  ``webhook-signature: v1,<base64>``, several separated by spaces,
  ``webhook-id`` and ``webhook-timestamp``.

Times are Unix seconds.  Sources: "Validating webhook deliveries" (GitHub),
"Verify webhook signatures manually" (Stripe), "Verifying requests from Slack",
and the specification of Standard Webhooks.
"""

import base64
import binascii
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import hmac
import re
import secrets as random
import time
import typing

from qinling import exception

_TIME = re.compile('[0-9]{1,11}')
_PREFIX = 'whsec_'
#: Bytes of the key in a secret of a Standard Webhook.
_KEY_SIZES = range(24, 65)
#: Characters of any other secret.
_SECRET_LENGTHS = range(8, 256)
#: Random bytes of a generated secret.
GENERATED_BYTES = 32

_Headers = Mapping[str, str]


class Signed(typing.NamedTuple):
    """Time, signed bytes and signatures of a delivery."""

    time: str | None
    data: bytes
    signatures: list[str]


def _read_github(headers: _Headers, body: bytes) -> Signed:
    return Signed(None, body, _strip_prefix(
        [headers.get('x-hub-signature-256', '')], 'sha256='))


def _read_stripe(headers: _Headers, body: bytes) -> Signed:
    fields = [field.strip() for field in
              headers.get('stripe-signature', '').split(',')]
    at = (_strip_prefix(fields, 't=') or [''])[0]
    return Signed(at, b'.'.join([_encode(at), body]),
                  _strip_prefix(fields, 'v1='))


def _read_slack(headers: _Headers, body: bytes) -> Signed:
    at = headers.get('x-slack-request-timestamp', '')
    return Signed(at, b':'.join([b'v0', _encode(at), body]), _strip_prefix(
        [headers.get('x-slack-signature', '')], 'v0='))


def _read_standard(headers: _Headers, body: bytes) -> Signed:
    id, at, signatures = (headers.get(f'webhook-{name}', '')
                          for name in ('id', 'timestamp', 'signature'))
    return Signed(at, b'.'.join([_encode(id), _encode(at), body]),
                  _strip_prefix(signatures.split(' '), 'v1,'))


def _encode(header: str) -> bytes:
    """Return the bytes of a header as sent."""
    return header.encode('latin-1', 'replace')


def _strip_prefix(texts: Iterable[str], prefix: str) -> list[str]:
    return [text[len(prefix):] for text in texts if text.startswith(prefix)]


def _sign_hex(secret: str, data: bytes) -> bytes:
    return hmac.digest(secret.encode(), data, 'sha256').hex().encode()


def _sign_base64(secret: str, data: bytes) -> bytes:
    return base64.b64encode(hmac.digest(_standard_key(secret), data,
                                        'sha256'))


def _standard_key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


#: Name -> (reader of a delivery, signer with a secret).
FORMS: dict[str, tuple[Callable[[_Headers, bytes], Signed],
                       Callable[[str, bytes], bytes]]] = {
    'github': (_read_github, _sign_hex),
    'stripe': (_read_stripe, _sign_hex),
    'slack': (_read_slack, _sign_hex),
    'standard': (_read_standard, _sign_base64)}


def verify(form: str, secrets: Iterable[str], headers: _Headers, body: bytes,
           tolerance: float) -> None:
    """Reject a delivery without the signature of one of the secrets.

    :param headers: dict with lower-case names.
    :param tolerance: seconds by which a signed time may differ.
    :raises SignatureRefused: the signature or the time is not valid.
    """
    read, sign = FORMS[form]
    signed = read(headers, body)
    if not signed.signatures:
        raise exception.SignatureRefused(
            reason=f'it has no signature of the form {form}.')
    if signed.time is not None:
        _check_time(signed.time, tolerance)
    expected = [sign(secret, signed.data) for secret in secrets]
    # Compare all, so that the duration reveals nothing.
    if not any([hmac.compare_digest(signature, _encode(candidate))
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
            if len(_standard_key(secret)) in _KEY_SIZES:
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
        return _PREFIX + key.decode()
    return random.token_urlsafe(GENERATED_BYTES)
