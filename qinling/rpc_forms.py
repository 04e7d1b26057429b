# SPDX-License-Identifier: Apache-2.0
"""Forms of values on the message bus: plain data."""

import dataclasses
import datetime
import typing

from qinling import context
from qinling.core.execution import records
from qinling.core import targets

_Json = dict[str, typing.Any]
#: Times of :class:`.records.Ended`.
_TIMES = ('updated_at', 'started_at')


def encode_message(message: records.ExecutionMessage) -> _Json:
    """Return an execution message as plain data.

    Replays and unwritten executions never leave their process, and engines of
    the last release do not know them.
    """
    values = dataclasses.asdict(message)
    del values['is_replay'], values['unwritten']
    return values


def decode_message(value: _Json) -> records.ExecutionMessage:
    """Return the execution message of plain data."""
    return records.ExecutionMessage(**dict(
        value, trace=context.TraceContext(**value['trace'])))


def encode_target(target: targets.Target) -> _Json:
    """Return a target as plain data.

    Without the fields that only the row records: engines of the release
    before would reject the fields.
    """
    value = dataclasses.asdict(target)
    for name in targets.RECORDED:
        del value[name]
    if not target.offline:
        # An engine that does not know the field must refuse the target.
        del value['offline']
    return value


def encode_ended(ended: records.Ended | None) -> _Json | None:
    """Return the end of an execution as plain data."""
    if ended is None:
        return None
    times = {name: value.isoformat() for name in _TIMES
             if (value := getattr(ended, name))}
    values = {**vars(ended), **times}
    if ended.fingerprint is None:
        # API processes of the last release do not know fingerprints.
        del values['fingerprint']
    return values


def decode_ended(value: _Json | None) -> records.Ended | None:
    """Return the end of an execution of plain data."""
    if value is None:
        return None
    times = {name: datetime.datetime.fromisoformat(value[name])
             for name in _TIMES if value.get(name)}
    return records.Ended(**{**value, **times})
