# SPDX-License-Identifier: Apache-2.0
"""What a function gets of a delivery, and what tells deliveries apart."""

import base64
import dataclasses
import functools
import io
import json
import urllib.parse

import multipart

FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
#: Parts that a multipart body may have.
PARTS = 1000
KEY = 'idempotency-key'
#: Headers in which senders say which delivery it is.
_IDS = (KEY, 'webhook-id', 'x-github-delivery')
#: Where those of a form say it, which is signed if anything is: a header, or
#: a member of the body.
_OWN = {'github': 'x-github-delivery', 'standard': 'webhook-id',
        'stripe': 'id', 'slack': 'event_id'}
#: What tells the form of a sender that nobody verifies.
_TELLING = {'stripe-signature': 'stripe', 'x-slack-signature': 'slack'}


@dataclasses.dataclass
class Delivery:
    """What somebody has sent to a webhook.

    :param headers: dict with lower-case names.
    :param query: the text behind the question mark.
    :param read: function that reads the body; it raises what refuses it.
    """

    method: str
    headers: dict
    query: str
    read: object

    @functools.cached_property
    def body(self):
        """The bytes of the body."""
        return self.read()

    @functools.cached_property
    def json(self):
        """The JSON object in the body; empty when there is none."""
        try:
            value = json.loads(self.body, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def media(self):
        """The media type of the body, without its parameters."""
        return self.headers.get('content-type', '').partition(
            ';')[0].strip().lower()


def _refuse(name):
    raise ValueError(f'{name} is not JSON.')


def merged(delivery):
    """One dict of query parameters, form fields and members of a JSON
    object.

    What occurs more than once becomes a list; whatever else a body holds
    counts as empty.
    """
    found = {}
    for name, value in _pairs(delivery):
        # A function was never given this one, which is that of the webhook
        # in the path.
        if name != 'id':
            found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values
            for name, values in found.items()}


def _pairs(delivery):
    yield from _urlencoded(delivery.query)
    media = delivery.media
    if media == FORM:
        yield from _urlencoded(delivery.body.decode('utf-8', 'replace'))
    elif media == MULTIPART:
        yield from _parts(delivery)
    elif media == 'application/json' or media.endswith('+json'):
        yield from delivery.json.items()


def _urlencoded(text):
    return urllib.parse.parse_qsl(text, keep_blank_values=True)


def _parts(delivery):
    """(name, value) of a multipart form; a form that breaks off is none.

    :returns: list; the value of a file is a dict, see :func:`_file`.
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
                    part_limit=PARTS)]
    except (multipart.MultipartError, UnicodeError, LookupError, ValueError):
        return []


def _file(part):
    """A file as ``filename``, ``content_type`` and the keys of
    :func:`_content`."""
    return {'filename': part.filename, 'content_type': part.content_type,
            **_content(part.raw)}


def _content(data):
    """Bytes as ``body``: text if they are UTF-8, else base64, which
    ``is_base64`` tells."""
    try:
        return {'body': data.decode(), 'is_base64': False}
    except UnicodeDecodeError:
        return {'body': base64.b64encode(data).decode(), 'is_base64': True}


def request(delivery):
    """The request as it came: ``method``, ``headers``, ``query`` (name ->
    list of texts), ``body`` and ``is_base64``."""
    query = {}
    for name, value in _urlencoded(delivery.query):
        query.setdefault(name, []).append(value)
    return {'method': delivery.method, 'headers': delivery.headers,
            'query': query, **_content(delivery.body)}


#: name -> function of a delivery that makes the arguments of the function
PAYLOADS = {'merged': merged, 'request': request}


def sender_id(form, delivery):
    """What the sender calls the delivery, the same for each try.

    What is signed goes first, so that nobody can have a delivery that he
    has seen run again under another name.

    :param form: that of the signature, or ``None``.
    :returns: (where it says so, what); ``(None, None)`` when it does not.
    """
    if form is None:
        form = next((_TELLING[name] for name in _TELLING
                     if name in delivery.headers), None)
    own = _OWN.get(form)
    if own and own not in _IDS:
        found = delivery.json.get(own)
        if isinstance(found, str) and found:
            return own, found
    for name in (own, *_IDS):
        if delivery.headers.get(name):
            return name, delivery.headers[name]
    return None, None
