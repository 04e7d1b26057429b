# SPDX-License-Identifier: Apache-2.0
"""Answers with the output of an execution while the function yields it."""

from collections.abc import Iterator
import json
import typing

from webob import acceptparse

from qinling.api import log_answers
from qinling.api import pecan_patches
from qinling.api import stream
from qinling.api import webhook_http
from qinling.core.execution import log_stream
from qinling.core.execution import outcomes
from qinling.core.execution import output_stream
from qinling.core.execution import records
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.web import connection as connection_module

TEXT, EVENTS = log_answers.TEXT, log_answers.EVENTS
MEDIA_TYPES = ('application/json', EVENTS, TEXT)
#: Field of a request for a streamed output.
CANCEL = 'cancel_on_disconnect'
LINES = 'application/x-ndjson'
#: Empty parts between two comments, which find clients that left.
COMMENT_INTERVAL = 10


class Incomplete(ConnectionError):
    """The output has no end: the client must not take it for complete."""


def parse_wish(req: pecan_patches.Request, values: dict[str, typing.Any]
               ) -> bool | None:
    """Return whether a client that leaves cancels its execution.

    :param values: fields of the request.
    :returns: ``None`` if the client does not ask for the output in parts.
    :raises Invalid: the fields do not fit the answer.
    """
    accept = req.environ.get('HTTP_ACCEPT', '')
    if _prefers_events(accept) or accept.strip() == TEXT:
        if values.get('sync') is False:
            raise exception.Invalid(
                'Only synchronous executions stream their output; omit sync.')
        return bool(values.get(CANCEL))
    if CANCEL in values:
        raise exception.Invalid(
            'cancel_on_disconnect needs a streamed output; send "Accept: '
            'text/event-stream".')
    return None


def _prefers_events(accept: str) -> bool:
    """Return whether a client names events, and likes JSON no better."""
    if EVENTS not in accept:
        return False
    offers = acceptparse.create_accept_header(accept).acceptable_offers(
        [EVENTS, MEDIA_TYPES[0]])
    return bool(offers) and offers[0][0] == EVENTS


def create_response(req: pecan_patches.Request,
                    parts: output_stream.OutputStream) -> stream.Response:
    """Return the answer to a request with a wish of :func:`parse_wish`."""
    has_events = req.environ['HTTP_ACCEPT'].strip() != TEXT
    encode = encode_events if has_events else encode_texts
    response = stream.Response(
        Body(req, parts, encode(parts)), status=201, charset='utf-8',
        cache_control='no-store', content_type=EVENTS if has_events else TEXT)
    response.headers[webhook_http.EXECUTION_HEADER] = parts.row.id
    return response


def check_client(req: pecan_patches.Request,
                 parts: output_stream.OutputStream) -> None:
    """Raise an error if an execution needs a client, and the client left.

    Servers of others report a client only when they send.

    :raises Incomplete: the client left.
    """
    is_connected = req.environ.get(connection_module.IS_CONNECTED)
    if parts.needs_reader and is_connected is not None and (
            not is_connected()):
        raise Incomplete('the client left')


class Body:
    """Body of an answer; closing closes the parts.

    :param data: the encoded parts, empty in a silence.
    """

    def __init__(self, req: pecan_patches.Request,
                 parts: output_stream.OutputStream, data: Iterator[bytes]
                 ) -> None:
        self._req = req
        self._parts = parts
        self._data = data
        self.close = parts.close

    def __iter__(self) -> Iterator[bytes]:
        """Yield data.

        :raises Incomplete: the client left, the function failed, or the
            execution was deleted.
        """
        try:
            for data in self._data:
                if not data:
                    check_client(self._req, self._parts)
                yield data
        except exception.ExecutionDeleted as e:
            raise Incomplete(str(e))


def encode_events(parts: output_stream.OutputStream) -> Iterator[bytes]:
    """Yield server-sent events.

    ``start`` has the id of the execution, ``output`` a text or a value,
    ``head`` the head of an HTTP answer, and ``end`` the status.
    """
    yield _encode_event('start', id=parts.row.id)
    try:
        yield from _encode_parts(parts)
    except exception.ExecutionDeleted as e:
        yield _encode_event('end', status=log_stream.DELETED, reason=None,
                            detail=None, output=str(e))
        return
    row, output = parts.row, _read_output(parts.row)
    if row.status == ExecutionStatus.SUCCESS:
        whole = b'' if parts.has_parts else _encode_event(
            'output', **_name_output(output))
        yield whole + _encode_event('end', status=row.status)
    else:
        yield _encode_event('end', status=row.status, reason=row.reason,
                            detail=row.detail, output=output)


def _encode_parts(parts: output_stream.OutputStream) -> Iterator[bytes]:
    """Yield the events between start and end, and comments in a silence.

    :raises ExecutionDeleted: the execution was deleted meanwhile.
    """
    has_head, silences = False, 0
    for part in parts:
        data = b''
        if part.head is not None and not has_head:
            has_head, data = True, _encode_event('head', **part.head)
        data += b''.join(_encode_output(part))
        silences = 0 if data else silences + 1
        if silences == COMMENT_INTERVAL:
            silences, data = 0, b': no output\n\n'
        yield data


def _encode_output(part: outcomes.OutputPart) -> Iterator[bytes]:
    if isinstance(part.output, str):
        if part.output:
            yield _encode_event('output', text=part.output)
        return
    for value in part.output:
        yield _encode_event('output', value=value)


def _name_output(output: typing.Any) -> dict[str, typing.Any]:
    return {'text' if isinstance(output, str) else 'value': output}


def _encode_event(name: str, **data: typing.Any) -> bytes:
    return f'event: {name}\ndata: {json.dumps(data)}\n\n'.encode()


def encode_texts(parts: output_stream.OutputStream) -> Iterator[bytes]:
    """Yield texts as they are, and other values as lines of JSON.

    :raises Incomplete: the execution has not succeeded.
    """
    # Sends the head with the id of the execution, also before a failure.
    yield b''
    for part in parts:
        yield encode_part(part)
    if parts.row.status != ExecutionStatus.SUCCESS:
        raise Incomplete(f'execution {parts.row.id} is {parts.row.status}')
    if not parts.has_parts:
        output = _read_output(parts.row)
        yield encode_part(outcomes.OutputPart(
            output if isinstance(output, str) else [output]))


def encode_part(part: outcomes.OutputPart) -> bytes:
    """Return a part of an output as texts or lines of JSON."""
    if isinstance(part.output, str):
        return part.output.encode('utf-8', 'replace')
    return ''.join(json.dumps(value) + '\n' for value in part.output).encode()


def _read_output(row: records.ExecutionRow) -> typing.Any:
    return json.loads(row.result or '{}').get('output')
