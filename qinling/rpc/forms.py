# SPDX-License-Identifier: Apache-2.0
"""Forms of values between processes: plain data.

The first part is for the message bus, where releases of different ages meet;
the second part for processes of the same release.
"""

import dataclasses
import datetime
import hashlib
import json
import typing

import orjson
from oslo_log import log

from qinling import context
from qinling.core.execution import flow_records
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling import exception
from qinling.rpc import lines

LOG = log.getLogger(__name__)

_Json = dict[str, typing.Any]
#: Times of :class:`.outcomes.Ended`.
_TIMES = ('updated_at', 'started_at')
#: Times of a new :class:`.records.ExecutionRow`.
_ROW_TIMES = ('created_at', 'lease_until', 'scheduled_at')
#: First byte of a request to run an execution, and of another call.
RUN, CALL = b'r', b'c'
#: First byte of an answer; ``REFUSED`` is an error before anything started.
RESULT, ERROR, REFUSED = b'+', b'-', b'~'
#: Sent when an engine starts with a request: before it, nothing has run.
ACCEPTED = b'a'
#: Between a target and an execution; JSON has none.
_SEPARATOR = b'\0'
#: Decoded targets to keep.
_MAX_TARGETS = 4096
_targets: dict[bytes, targets.Target] = {}
#: Digest of the forms of the second part.
FORMAT = hashlib.sha256(repr([
    [field.name for field in dataclasses.fields(kind)] for kind in (
        targets.Target, context.TraceContext, records.ExecutionRow,
        flow_records.Flow, outcomes.Ended)]).encode()).hexdigest()


def encode_message(message: records.ExecutionMessage) -> _Json:
    """Return an execution message as plain data.

    Replays and unwritten executions never go over the bus, and engines of
    the last release do not know them.
    """
    values = dataclasses.asdict(message)
    for name in ('is_replay', 'unwritten', 'write_first'):
        del values[name]
    start_at = values.pop('start_at')
    if start_at is not None:
        values['start_at'] = start_at.isoformat()
    if not message.is_controlled:
        del values['is_controlled']
    return values


def decode_message(value: _Json) -> records.ExecutionMessage:
    """Return the execution message of plain data."""
    start_at = value.get('start_at')
    return records.ExecutionMessage(**dict(
        value, trace=context.TraceContext(**value['trace']),
        start_at=start_at and datetime.datetime.fromisoformat(start_at)))


def encode_target(target: targets.Target) -> _Json:
    """Return a target as plain data.

    Without the fields that only the row records: engines of the release
    before would reject the fields.
    """
    value = dataclasses.asdict(target)
    for name in targets.RECORDED:
        del value[name]
    for name in ('offline', 'schema_digest'):
        if not value[name]:
            # An engine that does not know the field must refuse the target.
            del value[name]
    return value


def encode_ended(ended: outcomes.Ended | None) -> _Json | None:
    """Return the end of an execution as plain data."""
    if ended is None:
        return None
    times = {name: value.isoformat() for name in _TIMES
             if (value := getattr(ended, name))}
    values = {**vars(ended), **times}
    del values['starts']
    if ended.fingerprint is None:
        # API processes of the last release do not know fingerprints.
        del values['fingerprint']
    return values


def decode_ended(value: _Json | None) -> outcomes.Ended | None:
    """Return the end of an execution of plain data."""
    if value is None:
        return None
    times = {name: datetime.datetime.fromisoformat(value[name])
             for name in _TIMES if value.get(name)}
    return outcomes.Ended(**{**value, **times})


def decode_part(value: _Json | None) -> outcomes.OutputPart | None:
    """Return a part of an output, ``None`` if the engine has no more."""
    return None if value is None else outcomes.OutputPart(**value)


def encode_run(message: records.ExecutionMessage, target: targets.Target
               ) -> bytes:
    """Return the request to run a synchronous execution."""
    new = message.unwritten
    body = orjson.dumps(
        (message.trace, new.row, new.flow and new.flow.sort_at)
        if new is not None else
        (message.trace, None, message.id, message.input, message.owner,
         message.is_replay, message.is_controlled))
    return RUN + target.encoded + _SEPARATOR + body + lines.END


def decode_run(request: bytes, owner: str
               ) -> tuple[records.ExecutionMessage, targets.Target]:
    """Return the execution of a request.

    :param owner: engine that owns an execution without a row.
    """
    encoded, _, body = request.partition(_SEPARATOR)
    try:
        target = _targets[encoded]
    except KeyError:
        target = _decode_target(encoded)
    trace_fields, row_fields, *written = orjson.loads(body)
    trace = context.TraceContext(**trace_fields)
    if row_fields is None:
        id, input, message_owner, is_replay, is_controlled = written
        return records.ExecutionMessage(
            id, input, True, message_owner, trace, is_replay,
            is_controlled=is_controlled), target
    for name in _ROW_TIMES:
        if row_fields[name] is not None:
            row_fields[name] = datetime.datetime.fromisoformat(
                row_fields[name])
    row_fields['owner'], row_fields['attempt'] = owner, 1
    row = records.ExecutionRow(**row_fields)
    sort_at, = written
    flow = None if sort_at is None else flow_records.create(
        target, datetime.datetime.fromisoformat(sort_at))
    return records.NewExecution(
        row, target, trace, flow=flow).message(False), target


def _decode_target(encoded: bytes) -> targets.Target:
    """Return a target, and keep it for further executions."""
    if len(_targets) >= _MAX_TARGETS:
        _targets.clear()
    target = _targets[encoded] = targets.Target(
        **json.loads(encoded[len(RUN):]))
    return target


def encode_end(ended: outcomes.Ended | None) -> bytes:
    """Return the answer to :func:`encode_run`."""
    return RESULT + orjson.dumps(ended) + lines.END


def decode_end(data: bytes) -> outcomes.Ended | None:
    """Return the end of an execution."""
    fields = orjson.loads(data)
    if fields is None:
        return None
    for name in _TIMES:
        if fields[name] is not None:
            fields[name] = datetime.datetime.fromisoformat(fields[name])
    # The engine has started them.
    fields['starts'] = ()
    return outcomes.Ended(**fields)


def encode_call(method: str, arguments: _Json) -> bytes:
    """Return the request to call a verb of an endpoint."""
    return CALL + json.dumps([method, arguments]).encode() + lines.END


def decode_call(request: bytes) -> tuple[str, _Json]:
    """Return the verb and the arguments of a request."""
    method, arguments = json.loads(request[1:])
    return method, arguments


def encode_answer(value: typing.Any) -> bytes:
    """Return the answer of a verb."""
    return RESULT + json.dumps(value).encode() + lines.END


def encode_error(error: Exception, kind: bytes = ERROR) -> bytes:
    """Return an error as an answer of a kind."""
    if not isinstance(error, exception.QinlingError):
        LOG.error('The engine failed.', exc_info=error)
        error = exception.Unavailable(
            reason=f'the engine failed ({type(error).__name__}).')
    return kind + json.dumps([
        type(error).__name__, str(error),
        {name: value for name, value in error.fields.items()
         if isinstance(value, str | int | float)}]).encode() + lines.END


def decode_error(data: bytes) -> exception.QinlingError:
    """Return the error of an answer."""
    name, sentence, fields = json.loads(data)
    kind = getattr(exception, name, exception.Unavailable)
    error: exception.QinlingError = kind(sentence, **fields)
    return error
