# SPDX-License-Identifier: Apache-2.0
"""Who has sent a delivery: the signatures of webhook senders.

Each form is an HMAC-SHA256 with a secret that the sender and the webhook
share.  They differ in what is signed and where the signature is:

* ``github``: the body; ``X-Hub-Signature-256: sha256=<hex>``.
* ``stripe``: ``<time>.<body>``; ``Stripe-Signature: t=<time>,v1=<hex>``,
  with one ``v1`` for each secret while Stripe changes them.
* ``slack``: ``v0:<time>:<body>``; ``X-Slack-Signature: v0=<hex>`` and
  ``X-Slack-Request-Timestamp``.
* ``standard`` (standardwebhooks.com): ``<id>.<time>.<body>``;
  ``webhook-signature: v1,<base64>``, of which there may be several with
  spaces between them, ``webhook-id`` and ``webhook-timestamp``.

Times are Unix seconds.  The sources are the senders' own documents:
"Validating webhook deliveries" (GitHub), "Verify webhook signatures manually"
(Stripe), "Verifying requests from Slack", and the specification of Standard
Webhooks.
"""

import base64
import binascii
import hmac
import re
import secrets as random
import time

from qinling import exception

_TIME = re.compile('[0-9]{1,11}')
_PREFIX = 'whsec_'
#: Bytes of the key in a secret of a Standard Webhook.
_KEY_SIZES = range(24, 65)
#: Characters of any other secret.
_TEXT_SIZES = range(8, 256)
#: Random bytes in a secret that is made here.
_SIZE = 32


def _github(headers, body):
    return None, body, _marked([headers.get('x-hub-signature-256', '')],
                               'sha256=')


def _stripe(headers, body):
    fields = [each.strip() for each in
              headers.get('stripe-signature', '').split(',')]
    at = (_marked(fields, 't=') or [''])[0]
    return at, b'.'.join([_raw(at), body]), _marked(fields, 'v1=')


def _slack(headers, body):
    at = headers.get('x-slack-request-timestamp', '')
    return at, b':'.join([b'v0', _raw(at), body]), _marked(
        [headers.get('x-slack-signature', '')], 'v0=')


def _standard(headers, body):
    id, at, found = (headers.get(f'webhook-{name}', '')
                     for name in ('id', 'timestamp', 'signature'))
    return at, b'.'.join([_raw(id), _raw(at), body]), _marked(
        found.split(' '), 'v1,')


def _raw(header):
    """A header as it was sent."""
    return header.encode('latin-1', 'replace')


def _marked(texts, mark):
    return [text[len(mark):] for text in texts if text.startswith(mark)]


def _hex(secret, signed):
    return hmac.digest(secret.encode(), signed, 'sha256').hex().encode()


def _base64(secret, signed):
    return base64.b64encode(hmac.digest(_key(secret), signed, 'sha256'))


def _key(secret):
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


#: name -> (function of headers and body that finds the time, what is signed
#: and the signatures; function of a secret and what is signed that signs)
FORMS = {'github': (_github, _hex), 'stripe': (_stripe, _hex),
         'slack': (_slack, _hex), 'standard': (_standard, _base64)}


def verify(form, secrets, headers, body, tolerance):
    """Refuse a delivery that was not signed with one of the secrets.

    :param headers: dict with lower-case names.
    :param tolerance: seconds by which a signed time may be off.
    :raises SignatureRefused: it was not, or its time is too far away.
    """
    read, sign = FORMS[form]
    at, signed, found = read(headers, body)
    if not found:
        raise exception.SignatureRefused(
            reason=f'it has no signature of the form {form}.')
    if at is not None:
        _check_time(at, tolerance)
    expected = [sign(secret, signed) for secret in secrets]
    # All are compared, so that the time tells nothing about any.
    if not any([hmac.compare_digest(one, _raw(other))
                for one in expected for other in found]):
        raise exception.SignatureRefused(
            reason='its signature is not one with the secret of this '
                   'webhook.')


def _check_time(text, tolerance):
    if not _TIME.fullmatch(text):
        raise exception.SignatureRefused(
            reason='its time is missing, or is not in Unix seconds.')
    if abs(time.time() - int(text)) > tolerance:
        raise exception.SignatureRefused(
            reason='its time is more than '
                   f'{tolerance} seconds from that of this host.')


def check_secret(form, secret):
    """Refuse a secret that a sender of this form cannot have.

    :raises Invalid: it is none.
    """
    if form == 'standard':
        try:
            if len(_key(secret)) in _KEY_SIZES:
                return
        except (binascii.Error, ValueError):
            pass
        raise exception.Invalid(
            'The secret of a standard webhook is 24 to 64 bytes in base64, '
            'with or without "whsec_" before it.')
    if len(secret) not in _TEXT_SIZES or not secret.isprintable():
        raise exception.Invalid(
            'A secret has 8 to 255 printable characters.')


def new_secret(form):
    """A secret for a sender of this form."""
    if form == 'standard':
        key = base64.b64encode(random.token_bytes(_SIZE))
        return _PREFIX + key.decode()
    return random.token_urlsafe(_SIZE)
