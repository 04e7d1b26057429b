# SPDX-License-Identifier: Apache-2.0
"""Payloads: what a function receives from a delivery; ids of deliveries."""

import base64
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import functools
import io
import json
import typing
import urllib.parse

import multipart

FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
#: Parts of a multipart body.
MAX_PARTS = 1000
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
    """

    method: str
    headers: dict[str, str]
    query: str
    read: Callable[[], bytes]

    @functools.cached_property
    def body(self) -> bytes:
        """Return the body."""
        return self.read()

    @functools.cached_property
    def json(self) -> _Json:
        """Return the JSON object in the body, else an empty dict."""
        try:
            value = json.loads(self.body, parse_constant=_reject_constant)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def media_type(self) -> str:
        """Return the media type of the body, without parameters."""
        return self.headers.get('content-type', '').partition(
            ';')[0].strip().lower()


def _reject_constant(name: str) -> None:
    raise ValueError(f'{name} is not JSON.')


def merged(delivery: Delivery) -> _Json:
    """Return query parameters, form fields and JSON members in one dict.

    Repeated names become lists; other bodies count as empty.
    """
    lists: dict[str, list[typing.Any]] = {}
    for name, value in _pairs(delivery):
        # Functions never receive ``id``, the id of the webhook in the path.
        if name != 'id':
            lists.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values
            for name, values in lists.items()}


def _pairs(delivery: Delivery) -> Iterator[tuple[str, typing.Any]]:
    yield from _parse_urlencoded(delivery.query)
    media_type = delivery.media_type
    if media_type == FORM:
        yield from _parse_urlencoded(delivery.body.decode('utf-8', 'replace'))
    elif media_type == MULTIPART:
        yield from _parse_multipart(delivery)
    elif media_type == 'application/json' or media_type.endswith('+json'):
        yield from delivery.json.items()


def _parse_urlencoded(text: str) -> list[tuple[str, str]]:
    return urllib.parse.parse_qsl(text, keep_blank_values=True)


def _parse_multipart(delivery: Delivery
                     ) -> Iterable[tuple[str, typing.Any]]:
    """Return the (name, value) pairs of a form, none for a broken form.

    The value of a file is a dict; see :func:`_file`.
    """
    _, options = multipart.parse_options_header(
        delivery.headers['content-type'])
    size = len(delivery.body) + 1
    try:
        return [(part.name, _file(part) if part.filename is not None
                 else part.raw.decode('utf-8', 'replace'))
                for part in multipart.MultipartParser(
                    io.BytesIO(delivery.body), options.get('boundary', ''),
                    spool_limit=size, memory_limit=size, disk_limit=size,
                    part_limit=MAX_PARTS)]
    except (multipart.MultipartError, UnicodeError, LookupError, ValueError):
        return []


def _file(part: typing.Any) -> _Json:
    return {'filename': part.filename, 'content_type': part.content_type,
            **_content(part.raw)}


def _content(data: bytes) -> _Json:
    """Return ``body`` and ``is_base64``: UTF-8 text, else base64."""
    try:
        return {'body': data.decode(), 'is_base64': False}
    except UnicodeDecodeError:
        return {'body': base64.b64encode(data).decode(), 'is_base64': True}


def request(delivery: Delivery) -> _Json:
    """Return the whole request.

    :returns: ``method``, ``headers``, ``query`` (name -> list of texts),
        ``body`` and ``is_base64``.
    """
    query: dict[str, list[str]] = {}
    for name, value in _parse_urlencoded(delivery.query):
        query.setdefault(name, []).append(value)
    return {'method': delivery.method, 'headers': delivery.headers,
            'query': query, **_content(delivery.body)}


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
        id = delivery.json.get(signed)
        if isinstance(id, str) and id:
            return signed, id
    for name in (signed, *_ID_HEADERS):
        if name and delivery.headers.get(name):
            return name, delivery.headers[name]
    return None, None
