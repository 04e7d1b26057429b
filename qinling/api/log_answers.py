# SPDX-License-Identifier: Apache-2.0
"""Answers with the log of an execution, whole or as it grows."""

from collections.abc import Callable
from collections.abc import Iterator
import json
import typing

from qinling.api import pecan_patches
from qinling.api import stream
from qinling.api import types
from qinling.core.execution import log_stream
from qinling.core.execution import waits as waits_module
from qinling import exception

TEXT, EVENTS = 'text/plain', 'text/event-stream'
#: Query key -> converter.
QUERY: dict[str, Callable[[str], typing.Any]] = {
    'offset': types.parse_integer, 'follow': types.parse_boolean}
#: Header of a client of events that connects again.
LAST_EVENT_ID = 'HTTP_LAST_EVENT_ID'


def check_offset(offset: int) -> int:
    """Return an offset in characters.

    :raises Invalid: the offset is negative.
    """
    if offset < 0:
        raise exception.Invalid('offset must not be negative.')
    return offset


def create_text(log: str) -> stream.Response:
    """Return the answer with a log."""
    data = log.encode()
    return stream.Response([data], len(data), content_type=TEXT,
                           charset='utf-8')


def create_stream(waits: waits_module.Waits, req: pecan_patches.Request,
                  id: str, offset: int) -> stream.Response:
    """Return the answer with a growing log, as text or as events.

    :raises ExecutionNotFound: the caller sees no such execution.
    :raises TooManyExecutions: no thread is free for a stream.
    """
    has_events = EVENTS in req.environ.get('HTTP_ACCEPT', '')
    text = req.environ.get(LAST_EVENT_ID, '')
    if has_events and text.isdecimal():
        offset = types.parse_integer(text)
    parts = waits.follow_log(req.ctx, id, offset)
    encode = encode_events if has_events else encode_texts
    return stream.Response(
        Body(parts, encode(parts)), charset='utf-8', cache_control='no-store',
        content_type=EVENTS if has_events else TEXT)


class Body:
    """Body of an answer that grows; closing releases its thread."""

    def __init__(self, parts: log_stream.LogStream, data: Iterator[bytes]
                 ) -> None:
        self._data = data
        self.close = parts.close

    def __iter__(self) -> Iterator[bytes]:
        return self._data


def encode_texts(parts: log_stream.LogStream) -> Iterator[bytes]:
    """Yield the parts of a log that are not empty."""
    for text in parts:
        if text:
            yield text.encode()


def encode_events(parts: log_stream.LogStream) -> Iterator[bytes]:
    """Yield parts of a log as server-sent events.

    The id of an event is the offset of the next one.  The event ``end`` has
    the status of the execution; a stream without it goes on when the client
    connects again with ``Last-Event-ID``.
    """
    for text in parts:
        yield (_encode_event('log', {'text': text}, parts.offset)
               if text else b': no output\n\n')
    if parts.status is not None:
        yield _encode_event('end', {'status': parts.status}, parts.offset)


def _encode_event(name: str, data: dict[str, typing.Any], offset: int
                  ) -> bytes:
    return (f'event: {name}\nid: {offset}\ndata: {json.dumps(data)}\n\n'
            .encode())
