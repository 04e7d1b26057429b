# SPDX-License-Identifier: Apache-2.0
"""Payloads: what a function receives from a delivery; ids of deliveries."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import functools
import typing

from qinling.core.trigger import content_codings
from qinling.core.trigger import multipart_form
from qinling.core.trigger import rate_limit
from qinling.core.trigger import signature_forms
from qinling.core.trigger import texts
from qinling import exception
from qinling import strict_json

FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
KEY = 'idempotency-key'
#: Headers with the id of a delivery.
_ID_HEADERS = (KEY, 'webhook-id', 'x-github-delivery', 'x-shopify-webhook-id',
               'i-twilio-idempotency-token')
#: Form of the sender -> signed place of the id, where anything is signed: a
#: header, or a member of the body.
_SIGNED_IDS = {'github': 'x-github-delivery', 'standard': 'webhook-id',
               'stripe': 'id', 'slack': 'event_id',
               'shopify': 'x-shopify-webhook-id',
               'twilio': 'i-twilio-idempotency-token'}
#: Headers that reveal the form of a sender without verification.
_FORM_HEADERS = {'stripe-signature': 'stripe', 'x-slack-signature': 'slack'}

_Json = dict[str, typing.Any]


@dataclasses.dataclass
class Delivery:
    """A request to the URL of a webhook.

    :param headers: dict with lower-case names.
    :param query: text behind the question mark.
    :param read: reads the body, or raises the error that rejects the body.
    :param path: what follows the URL of the webhook, with a slash.
    :param url: the URL as the sender sees the URL.
    :param pairs: (name, value) of each header as sent.
    :param max_size: bytes of a decompressed body.
    :ivar is_signed: a signature covers the body, and not the query.
    :ivar usage: of the rate limit, after the delivery was counted.
    :ivar verdict: result of the check of the signature.
    :ivar entry: row of the delivery on record, if the delivery is kept.
    """

    method: str
    headers: dict[str, str]
    query: str
    read: Callable[[], bytes]
    path: str = ''
    url: str = ''
    source_address: str | None = None
    pairs: Sequence[tuple[str, str]] = ()
    max_size: int = 6 << 20
    is_signed: bool = False
    usage: rate_limit.Usage | None = None
    verdict: str = 'unchecked'
    entry: typing.Any = None

    @functools.cached_property
    def body(self) -> bytes:
        """Return the body."""
        return self.read()

    @property
    def body_if_read(self) -> bytes | None:
        """Return the body, ``None`` if nothing has read the body."""
        return self.__dict__.get('body')

    @functools.cached_property
    def content(self) -> bytes:
        """Return the body without its compression.

        :raises Invalid, TooLarge: the body cannot be decompressed.
        """
        return content_codings.decode(
            self.body, self.headers.get('content-encoding', ''),
            self.max_size)

    @property
    def message(self) -> signature_forms.Message:
        """Return the parts that senders sign."""
        return signature_forms.Message(self.headers, self.body, self.url)

    @functools.cached_property
    def json(self) -> _Json:
        """Return the JSON object in the body, else an empty dict.

        :raises Invalid: the object cannot be stored.
        """
        try:
            value = strict_json.loads(texts.decode_json(
                self.content, self.headers.get('content-type', '')),
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
    if media_type == FORM:
        yield from texts.parse_urlencoded(
            delivery.content, delivery.headers['content-type'])
    elif media_type == MULTIPART:
        yield from multipart_form.parse(
            delivery.content, delivery.headers['content-type'])
    elif media_type == 'application/json' or media_type.endswith('+json'):
        yield from delivery.json.items()
    else:
        # A damaged body of any type is refused.
        _ = delivery.content


def request(delivery: Delivery) -> _Json:
    """Return the whole request.

    :returns: ``method``, ``headers``, ``query`` (name -> list of texts),
        ``body`` and ``is_base64``; ``path`` if the URL has a suffix, and
        ``repeated_headers`` (name -> list of texts) if a header is repeated.
    """
    query: dict[str, list[str]] = {}
    for name, value in texts.parse_urlencoded(
            delivery.query.encode('latin-1')):
        query.setdefault(name, []).append(value)
    values = {'method': delivery.method, 'headers': delivery.headers,
              'query': query, **texts.content(delivery.body)}
    if delivery.path:
        values['path'] = delivery.path
    repeated = _list_repeated(delivery)
    if repeated:
        values['repeated_headers'] = repeated
    return values


def _list_repeated(delivery: Delivery) -> dict[str, list[str]]:
    """Return the values of headers that a request has several times."""
    lists: dict[str, list[str]] = {}
    for name, value in delivery.pairs:
        lists.setdefault(name.lower(), []).append(value)
    return {name: values for name, values in lists.items()
            if len(values) > 1 and name in delivery.headers}


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
    if form == 'mailgun':
        # The signature covers only the token, not the body.
        return form, signature_forms.read_mailgun_token(delivery.message)
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
