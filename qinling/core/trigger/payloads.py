# SPDX-License-Identifier: Apache-2.0
"""Payloads: what a function receives from a delivery; ids of deliveries."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import typing

from qinling.core.trigger import multipart_form
from qinling.core.trigger import rate_limit
from qinling.core.trigger import texts
from qinling import exception
from qinling import strict_json

FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
KEY = 'idempotency-key'
#: Headers with the id of a delivery.
_ID_HEADERS = (KEY, 'webhook-id', 'x-github-delivery')
#: Form of the sender -> signed place of the id, where anything is signed: a
#: header, or a member of the body.
_SIGNED_IDS = {'github': 'x-github-delivery', 'standard': 'webhook-id',
               'stripe': 'id', 'slack': 'event_id'}
#: Headers that reveal the form of a sender without verification.
_FORM_HEADERS = {'stripe-signature': 'stripe', 'x-slack-signature': 'slack'}

_Json = dict[str, typing.Any]


@dataclasses.dataclass
class Delivery:
    """A request to the URL of a webhook.

    :param headers: dict with lower-case names.
    :param query: text behind the question mark.
    :param read: reads the body, or raises the error that rejects the body.
    :ivar is_signed: a signature covers the body, and not the query.
    :ivar usage: of the rate limit, after the delivery was counted.
    """

    method: str
    headers: dict[str, str]
    query: str
    read: Callable[[], bytes]
    is_signed: bool = False
    usage: rate_limit.Usage | None = None

    @functools.cached_property
    def body(self) -> bytes:
        """Return the body."""
        return self.read()

    @functools.cached_property
    def json(self) -> _Json:
        """Return the JSON object in the body, else an empty dict.

        :raises Invalid: the object cannot be stored.
        """
        try:
            value = strict_json.loads(texts.decode_json(
                self.body, self.headers.get('content-type', '')),
                any_unicode=True, rounded=True)
        except strict_json.NotStorable as e:
            raise exception.Invalid(f'The body cannot be stored. {e}')
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def media_type(self) -> str:
        """Return the media type of the body, without parameters."""
        return self.headers.get('content-type', '').partition(
            ';')[0].strip().lower()


def merged(delivery: Delivery) -> _Json:
    """Return query parameters, form fields and JSON members in one dict.

    Repeated names become lists; other bodies count as empty.  Without a
    signature of the query, only the signed body counts.

    :raises Invalid: the body cannot be read or stored.
    """
    lists: dict[str, list[typing.Any]] = {}
    for name, value in _pairs(delivery):
        # Functions never receive ``id``, the id of the webhook in the path.
        if name != 'id':
            lists.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values
            for name, values in lists.items()}


def _pairs(delivery: Delivery) -> Iterator[tuple[str, typing.Any]]:
    if not delivery.is_signed:
        yield from texts.parse_urlencoded(delivery.query.encode('latin-1'))
    media_type = delivery.media_type
    encoding = delivery.headers.get('content-encoding', '').strip().lower()
    if encoding not in ('', 'identity'):
        raise exception.Invalid(
            f'The body has the Content-Encoding {encoding}; send the body '
            'unencoded, or give the webhook the payload "request".')
    if media_type == FORM:
        yield from texts.parse_urlencoded(
            delivery.body, delivery.headers['content-type'])
    elif media_type == MULTIPART:
        yield from multipart_form.parse(
            delivery.body, delivery.headers['content-type'])
    elif media_type == 'application/json' or media_type.endswith('+json'):
        yield from delivery.json.items()


def request(delivery: Delivery) -> _Json:
    """Return the whole request.

    :returns: ``method``, ``headers``, ``query`` (name -> list of texts),
        ``body`` and ``is_base64``.
    """
    query: dict[str, list[str]] = {}
    for name, value in texts.parse_urlencoded(
            delivery.query.encode('latin-1')):
        query.setdefault(name, []).append(value)
    return {'method': delivery.method, 'headers': delivery.headers,
            'query': query, **texts.content(delivery.body)}


#: Name -> function that returns the input of the execution.
PAYLOADS: dict[str, Callable[[Delivery], _Json]] = {
    'merged': merged, 'request': request}


def sender_id(form: str | None, delivery: Delivery
              ) -> tuple[str | None, str | None]:
    """Return the id of the delivery at the sender.

    Every retry has the same id.  A signed id takes precedence, so a recorded
    delivery cannot run again under another id.

    :param form: form of the signature, or ``None``.
    :returns: (source of the id, id), or ``(None, None)``.
    """
    if form is None:
        form = next((_FORM_HEADERS[name] for name in _FORM_HEADERS
                     if name in delivery.headers), None)
    signed = _SIGNED_IDS.get(form) if form else None
    if signed and signed not in _ID_HEADERS:
        with contextlib.suppress(exception.Invalid):
            id = delivery.json.get(signed)
            if isinstance(id, str) and id:
                return signed, id
    for name in (signed, *_ID_HEADERS):
        if name and delivery.headers.get(name):
            return name, delivery.headers[name]
    return None, None
