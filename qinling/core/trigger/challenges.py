# SPDX-License-Identifier: Apache-2.0
"""Challenges: requests by which senders check a URL before its first use.

The service answers itself and runs no function:

* Slack sends a signed body with ``type`` ``url_verification``, and expects
  its ``challenge``.
* Meta sends ``GET`` with ``hub.mode=subscribe``, and expects
  ``hub.challenge``; ``hub.verify_token`` must be the id of the webhook.
* Microsoft Graph sends ``validationToken`` in the query, and expects the
  token as plain text.

The answer is text that is no page of a browser.
"""

import typing

from qinling.core.trigger import payloads
from qinling.core.trigger import texts
from qinling import exception

#: Signatures whose senders send challenges.
FORMS = ('slack', 'meta', 'microsoft')
#: Characters of an answer.
MAX_LENGTH = 4096
_SLACK_TYPE = b'url_verification'


def find_open(webhook: typing.Any, delivery: payloads.Delivery
              ) -> str | None:
    """Return the answer to a challenge without a signature, or ``None``.

    :raises SignatureRefused: the challenge is for another webhook.
    """
    if webhook.signature == 'microsoft' and delivery.method == 'POST':
        return _read_query(delivery).get('validationToken')
    if webhook.signature != 'meta' or delivery.method != 'GET':
        return None
    query = _read_query(delivery)
    if query.get('hub.mode') != 'subscribe':
        return None
    if query.get('hub.verify_token') != webhook.id:
        raise exception.SignatureRefused(
            reason='its hub.verify_token is not the id of this webhook; set '
                   'the id as the verify token at the sender.')
    return query.get('hub.challenge')


def may_be_signed(webhook: typing.Any, delivery: payloads.Delivery) -> bool:
    """Return whether a delivery may be a challenge with a signature."""
    return (webhook.signature == 'slack' and delivery.method == 'POST'
            and _SLACK_TYPE in delivery.body)


def find_signed(delivery: payloads.Delivery) -> str | None:
    """Return the answer to a challenge whose signature is valid."""
    if delivery.json.get('type') != _SLACK_TYPE.decode():
        return None
    challenge = delivery.json.get('challenge')
    return challenge if isinstance(challenge, str) else None


def _read_query(delivery: payloads.Delivery) -> dict[str, str]:
    if len(delivery.query) > MAX_LENGTH:
        return {}
    return dict(texts.parse_urlencoded(delivery.query.encode('latin-1')))
