# SPDX-License-Identifier: Apache-2.0
"""Signatures of deliveries to webhooks, as senders create them.

:func:`sign` takes a request and returns the signed request: most senders add
headers, Twilio also a query, Mailgun and Microsoft members of the body.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
import dataclasses
import hashlib
import hmac
import json
import secrets
import time
import typing
import urllib.parse

from qinling.client import exceptions

PREFIX = 'whsec_'
FORM = 'application/x-www-form-urlencoded'


@dataclasses.dataclass(frozen=True)
class Request:
    """Request to a webhook.

    :param url: URL of the webhook as the service shows the URL.
    """

    body: bytes
    url: str = ''
    content_type: str = 'application/json'
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


def sign(form: str, secret: str, request: Request) -> Request:
    """Return a signed delivery.

    :param form: a form of signatures of the service.
    :raises ClientError: if the form is unknown, or the secret or the body
        does not fit.
    """
    if form not in FORMS:
        raise exceptions.ClientError(
            f'This client cannot sign in the form {form}; use one of: '
            f'{", ".join(FORMS)}, or update the client.')
    return FORMS[form](secret, request)


def _add_headers(request: Request, **headers: str) -> Request:
    return dataclasses.replace(request, headers={
        **request.headers, **{name.replace('_', '-'): value
                              for name, value in headers.items()}})


def _now() -> str:
    return str(int(time.time()))


def _sign_hex(secret: str, data: bytes) -> str:
    return hmac.digest(secret.encode(), data, 'sha256').hex()


def _sign_base64(secret: bytes, data: bytes, digest: str = 'sha256') -> str:
    return base64.b64encode(hmac.digest(secret, data, digest)).decode()


def _sign_github(secret: str, request: Request) -> Request:
    return _add_headers(request, X_Hub_Signature_256='sha256='
                        + _sign_hex(secret, request.body))


def _sign_stripe(secret: str, request: Request) -> Request:
    now = _now()
    signature = _sign_hex(secret, f'{now}.'.encode() + request.body)
    return _add_headers(request, Stripe_Signature=f't={now},v1={signature}')


def _sign_slack(secret: str, request: Request) -> Request:
    now = _now()
    signature = _sign_hex(secret, f'v0:{now}:'.encode() + request.body)
    return _add_headers(request, X_Slack_Request_Timestamp=now,
                        X_Slack_Signature=f'v0={signature}')


def _sign_standard(secret: str, request: Request) -> Request:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise exceptions.ClientError(
            'The secret of a standard webhook is base64, with or without '
            f'{PREFIX} before it.')
    id, now = f'msg_{secrets.token_hex(12)}', _now()
    signature = _sign_base64(key, f'{id}.{now}.'.encode() + request.body)
    return _add_headers(request, webhook_id=id, webhook_timestamp=now,
                        webhook_signature=f'v1,{signature}')


def _sign_gitlab(secret: str, request: Request) -> Request:
    return _add_headers(request, X_Gitlab_Token=secret)


def _sign_shopify(secret: str, request: Request) -> Request:
    return _add_headers(request, X_Shopify_Hmac_Sha256=_sign_base64(
        secret.encode(), request.body))


def _sign_twilio(secret: str, request: Request) -> Request:
    data = request.url
    if request.content_type.partition(';')[0].strip().lower() == FORM:
        data += ''.join(name + value for name, value in sorted(set(
            urllib.parse.parse_qsl(request.body.decode('utf-8', 'replace'),
                                   keep_blank_values=True))))
    else:
        sign = '&' if '?' in data else '?'
        digest = hashlib.sha256(request.body).hexdigest()
        data = f'{data}{sign}bodySHA256={digest}'
        request = dataclasses.replace(request, url=data)
    return _add_headers(request, X_Twilio_Signature=_sign_base64(
        secret.encode(), data.encode(), 'sha1'))


def _sign_mailgun(secret: str, request: Request) -> Request:
    now, token = _now(), secrets.token_hex(25)
    return _change_body(request, lambda body: body.update(signature={
        'timestamp': now, 'token': token,
        'signature': _sign_hex(secret, f'{now}{token}'.encode())}))


def _sign_microsoft(secret: str, request: Request) -> Request:
    def change(body: dict[str, typing.Any]) -> None:
        items = body.get('value')
        if not isinstance(items, list) or not all(
                isinstance(item, dict) for item in items):
            raise exceptions.ClientError(
                'A notification of Microsoft Graph has a list of objects in '
                'the member "value".')
        for item in items:
            item['clientState'] = secret
    return _change_body(request, change)


def _change_body(request: Request,
                 change: Callable[[dict[str, typing.Any]], None]) -> Request:
    """Return a request with a changed JSON object."""
    try:
        body = json.loads(request.body or b'{}')
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise exceptions.ClientError(
            'The signature is part of the body, which must be a JSON '
            'object.')
    change(body)
    return dataclasses.replace(request, body=json.dumps(body).encode())


#: Name of a form -> function that signs.
FORMS: dict[str, Callable[[str, Request], Request]] = {
    'github': _sign_github, 'stripe': _sign_stripe, 'slack': _sign_slack,
    'standard': _sign_standard, 'gitlab': _sign_gitlab,
    'shopify': _sign_shopify, 'twilio': _sign_twilio,
    'mailgun': _sign_mailgun, 'meta': _sign_github,
    'microsoft': _sign_microsoft}
