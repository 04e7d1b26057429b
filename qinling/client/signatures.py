# SPDX-License-Identifier: Apache-2.0
"""Signatures of deliveries to webhooks, as senders create them.

Each form is an HMAC-SHA256 with a secret that sender and webhook share.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time

from qinling.client import exceptions

PREFIX = 'whsec_'


def sign(form: str, secret: str, body: bytes) -> dict[str, str]:
    """Return the headers of a signed delivery.

    :param form: ``github``, ``stripe``, ``slack`` or ``standard``.
    :raises ClientError: if the form is unknown, or the secret does not fit.
    """
    now = str(int(time.time()))
    if form == 'github':
        return {'X-Hub-Signature-256': f'sha256={_sign_hex(secret, body)}'}
    if form == 'stripe':
        signature = _sign_hex(secret, f'{now}.'.encode() + body)
        return {'Stripe-Signature': f't={now},v1={signature}'}
    if form == 'slack':
        signature = _sign_hex(secret, f'v0:{now}:'.encode() + body)
        return {'X-Slack-Request-Timestamp': now,
                'X-Slack-Signature': f'v0={signature}'}
    if form == 'standard':
        return _sign_standard(secret, now, body)
    raise exceptions.ClientError(
        f'This client cannot sign in the form {form}; update the client.')


def _sign_hex(secret: str, data: bytes) -> str:
    return hmac.digest(secret.encode(), data, 'sha256').hex()


def _sign_standard(secret: str, now: str, body: bytes) -> dict[str, str]:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise exceptions.ClientError(
            'The secret of a standard webhook is base64, with or without '
            f'{PREFIX} before it.')
    id = f'msg_{secrets.token_hex(12)}'
    data = f'{id}.{now}.'.encode() + body
    signature = base64.b64encode(hmac.digest(key, data, 'sha256')).decode()
    return {'webhook-id': id, 'webhook-timestamp': now,
            'webhook-signature': f'v1,{signature}'}
