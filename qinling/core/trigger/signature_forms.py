# SPDX-License-Identifier: Apache-2.0
"""Forms in which senders of webhooks sign.

The forms differ in the signed bytes and the place of the signature.  Most are
an HMAC-SHA256 with a secret that sender and webhook share:

* ``github``: the body; ``X-Hub-Signature-256: sha256=<hex>``.  ``meta``
  likewise.
* ``stripe``: ``<time>.<body>``; ``Stripe-Signature: t=<time>,v1=<hex>``,
  with one ``v1`` for each secret during a rotation at Stripe.
* ``slack``: ``v0:<time>:<body>``; ``X-Slack-Signature: v0=<hex>`` and
  ``X-Slack-Request-Timestamp``.
* ``standard`` (standardwebhooks.com): ``<id>.<time>.<body>``;
  ``webhook-signature: v1,<base64>``, several separated by spaces,
  ``webhook-id`` and ``webhook-timestamp``.
* ``shopify``: the body; ``X-Shopify-Hmac-Sha256: <base64>``.
* ``twilio``: HMAC-SHA1 of the URL and the sorted fields of the form, or of
  the URL alone, which then has the SHA-256 of the body as ``bodySHA256``;
  ``X-Twilio-Signature: <base64>``.
* ``mailgun``: ``<time><token>``, which the body contains with the signature.

Two senders send the secret itself: ``gitlab`` in ``X-Gitlab-Token``,
``microsoft`` (Graph) as ``clientState`` in the body.

Times are Unix seconds.  Sources: "Validating webhook deliveries" (GitHub),
"Verify webhook signatures manually" (Stripe), "Verifying requests from Slack",
the specification of Standard Webhooks, "Deliver webhooks through HTTPS"
(Shopify), "Webhooks security" (Twilio), "Securing webhooks" (Mailgun),
"Webhooks" (GitLab, Meta), "Receive change notifications through webhooks"
(Microsoft Graph).
"""

import base64
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import hashlib
import hmac
import json
import typing

from qinling.core.trigger import multipart_form
from qinling.core.trigger import texts
from qinling import exception

PREFIX = 'whsec_'
#: Headers that contain the secret itself.
SECRET_HEADERS = {'gitlab': 'x-gitlab-token'}
_FORM = 'application/x-www-form-urlencoded'
_MULTIPART = 'multipart/form-data'
_TWILIO_DIGEST = 'bodySHA256='
#: Names of the fields of Mailgun.
_MAILGUN = ('timestamp', 'token', 'signature')


@dataclasses.dataclass
class Message:
    """The parts of a delivery that senders sign.

    :param headers: dict with lower-case names.
    :param url: the URL as the sender sees the URL.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str = ''

    @property
    def media_type(self) -> str:
        """Return the media type of the body, without parameters."""
        return self.headers.get('content-type', '').partition(
            ';')[0].strip().lower()

    def read_object(self) -> dict[str, typing.Any]:
        """Return the JSON object in the body, else an empty dict."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def read_fields(self) -> list[tuple[str, str]]:
        """Return the fields of the form in the body, without files."""
        content_type = self.headers.get('content-type', '')
        pairs: Iterable[tuple[str, typing.Any]] = ()
        try:
            if self.media_type == _FORM:
                pairs = texts.parse_urlencoded(self.body, content_type)
            elif self.media_type == _MULTIPART:
                pairs = multipart_form.parse(self.body, content_type)
        except exception.Invalid:
            return []
        return [(name, value) for name, value in pairs
                if isinstance(value, str)]


class Signed(typing.NamedTuple):
    """Time, signed bytes in their variants, and signatures of a delivery."""

    time: str | None
    data: Sequence[bytes]
    signatures: Sequence[str]


def _read_github(message: Message) -> Signed:
    return Signed(None, [message.body], _strip_prefix(
        [message.headers.get('x-hub-signature-256', '')], 'sha256='))


def _read_stripe(message: Message) -> Signed:
    fields = [field.strip() for field in
              message.headers.get('stripe-signature', '').split(',')]
    at = (_strip_prefix(fields, 't=') or [''])[0]
    return Signed(at, [b'.'.join([encode(at), message.body])],
                  _strip_prefix(fields, 'v1='))


def _read_slack(message: Message) -> Signed:
    at = message.headers.get('x-slack-request-timestamp', '')
    return Signed(at, [b':'.join([b'v0', encode(at), message.body])],
                  _strip_prefix([message.headers.get(
                      'x-slack-signature', '')], 'v0='))


def _read_standard(message: Message) -> Signed:
    id, at, signatures = (message.headers.get(f'webhook-{name}', '')
                          for name in ('id', 'timestamp', 'signature'))
    return Signed(at, [b'.'.join([encode(id), encode(at), message.body])],
                  _strip_prefix(signatures.split(' '), 'v1,'))


def _read_shopify(message: Message) -> Signed:
    return Signed(None, [message.body], _list_header(
        message, 'x-shopify-hmac-sha256'))


def _read_twilio(message: Message) -> Signed:
    signatures = _list_header(message, 'x-twilio-signature')
    digests = [pair[len(_TWILIO_DIGEST):] for pair in
               message.url.partition('?')[2].split('&')
               if pair.startswith(_TWILIO_DIGEST)]
    if digests:
        if digests != [hashlib.sha256(message.body).hexdigest()]:
            signatures = []
        fields = b''
    else:
        # A repeated pair counts once.
        fields = ''.join(name + value for name, value in sorted(
            set(message.read_fields()))).encode('utf-8', 'replace')
    return Signed(None, [encode(url) + fields for url in
                         _list_port_variants(message.url)], signatures)


def _list_port_variants(url: str) -> list[str]:
    """Return a URL with the port, and without: senders differ."""
    scheme, sign, rest = url.partition('://')
    host, slash, path = rest.partition('/')
    bare, colon, port = host.rpartition(':')
    if not colon or not port.isdigit():
        bare = host
    default = '443' if scheme == 'https' else '80'
    return [f'{scheme}{sign}{name}{slash}{path}' for name in dict.fromkeys(
        (host, bare, f'{bare}:{default}'))]


def _read_mailgun_fields(message: Message) -> list[str]:
    """Return the time, the token and the signature, empty if missing."""
    fields = message.read_object().get('signature')
    if not isinstance(fields, dict):
        fields = dict(message.read_fields())
    return [text if isinstance(text, str) else '' for text in map(
        fields.get, _MAILGUN)]


def read_mailgun_token(message: Message) -> str:
    """Return the token of a delivery of Mailgun."""
    return _read_mailgun_fields(message)[1]


def _read_mailgun(message: Message) -> Signed:
    at, token, signature = _read_mailgun_fields(message)
    return Signed(at, [encode(at) + encode(token)],
                  [signature] if signature and token else [])


def _read_gitlab(message: Message) -> Signed:
    return Signed(None, [b''], _list_header(message, 'x-gitlab-token'))


def _read_microsoft(message: Message) -> Signed:
    items = message.read_object().get('value')
    states = [item.get('clientState') if isinstance(item, dict) else None
              for item in items] if isinstance(items, list) else []
    # One notification of a stranger refuses all.
    if not states or not isinstance(states[0], str) or any(
            state != states[0] for state in states):
        return Signed(None, [b''], [])
    return Signed(None, [b''], [states[0]])


def _list_header(message: Message, name: str) -> list[str]:
    value = message.headers.get(name, '')
    return [value] if value else []


def encode(header: str) -> bytes:
    """Return the bytes of a header as sent."""
    return header.encode('latin-1', 'replace')


def _strip_prefix(texts: Iterable[str], prefix: str) -> list[str]:
    return [text[len(prefix):] for text in texts if text.startswith(prefix)]


def _sign_hex(secret: str, data: bytes) -> bytes:
    return hmac.digest(secret.encode(), data, 'sha256').hex().encode()


def _sign_base64(secret: str, data: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret.encode(), data, 'sha256'))


def _sign_sha1(secret: str, data: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret.encode(), data, 'sha1'))


def _sign_standard(secret: str, data: bytes) -> bytes:
    return base64.b64encode(hmac.digest(decode_key(secret), data, 'sha256'))


def _repeat_secret(secret: str, _data: bytes) -> bytes:
    return secret.encode()


def decode_key(secret: str) -> bytes:
    """Return the key in the secret of a Standard Webhook.

    :raises ValueError: the secret is not in base64.
    """
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


#: Name -> (reader of a delivery, signer with a secret).
FORMS: dict[str, tuple[Callable[[Message], Signed],
                       Callable[[str, bytes], bytes]]] = {
    'github': (_read_github, _sign_hex),
    'stripe': (_read_stripe, _sign_hex),
    'slack': (_read_slack, _sign_hex),
    'standard': (_read_standard, _sign_standard),
    'gitlab': (_read_gitlab, _repeat_secret),
    'shopify': (_read_shopify, _sign_base64),
    'twilio': (_read_twilio, _sign_sha1),
    'mailgun': (_read_mailgun, _sign_hex),
    'meta': (_read_github, _sign_hex),
    'microsoft': (_read_microsoft, _repeat_secret)}
