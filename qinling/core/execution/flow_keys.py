# SPDX-License-Identifier: Apache-2.0
"""Line of an execution: the key and the head start of its flow control.

The value of a key is a text, or any JSON value in its JSON form.  Executions
without the value are in one line, whose key is empty.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import functools
import hashlib
import json
import math
import typing
import zlib

from qinling.core.execution import flow_records
from qinling.core.execution import inputs
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.function import flow_control
from qinling.core import targets
from qinling.states import Trigger

#: Longer keys are replaced by a hash.
MAX_KEY_LENGTH = 255
#: Greatest head start, and greatest delay, in seconds.
MAX_PRIORITY_SECONDS = 600
#: Locks that all lines share.
LOCKS = 1024


@dataclasses.dataclass(frozen=True)
class Line:
    """Executions of one key within a function or alias."""

    scope_id: str
    key: str

    @functools.cached_property
    def lock_number(self) -> int:
        """Return the number of the lock of the line."""
        return zlib.crc32(f'{self.scope_id}{self.key}'.encode()) % LOCKS


def create_flow(request: records.ExecutionRequest,
                target: targets.Target, row: records.ExecutionRow
                ) -> flow_records.Flow | None:
    """Return the flow control of a new execution, ``None`` without.

    Replays follow the pace of their operation instead.
    """
    settings = target.flow_control
    if settings is None or request.trigger == Trigger.REPLAY.value:
        return None
    values = _Values(request, row)
    row.flow_key = format_key(values.read(settings.get('key')))
    sort_at = row.created_at
    if 'priority' in settings:
        sort_at -= parse_priority(values.read(settings['priority']))
    return flow_records.create(target, sort_at)


class _Values:
    """Values that a key or a priority may name."""

    def __init__(self, request: records.ExecutionRequest,
                 row: records.ExecutionRow) -> None:
        self._request = request
        self._row = row

    @functools.cached_property
    def _input(self) -> typing.Any:
        value = self._request.input
        if isinstance(value, dict) and inputs.POSITIONAL not in value:
            return value
        return inputs.argument(self._row.input)

    def read(self, place: str | None) -> typing.Any:
        """Return the value at a place, ``None`` without one."""
        if place is None:
            return None
        if place == flow_control.ROUTING_KEY:
            return self._request.routing_key
        if place.startswith(flow_control.HEADER):
            headers: Mapping[str, str] = self._request.headers or {}
            return headers.get(place[len(flow_control.HEADER):])
        return follow_path(self._input, flow_control.split_path(place) or ())


def follow_path(value: typing.Any, steps: Iterable[str | int]) -> typing.Any:
    """Return the value at a path, ``None`` if the path leads nowhere."""
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return None
        elif not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def format_key(value: typing.Any) -> str:
    """Return the key of a value.

    Spaces around a key do not count, since MariaDB ignores them.
    """
    if value is None:
        return ''
    text = value if isinstance(value, str) else json.dumps(
        value, sort_keys=True)
    text = (outcomes.storable_text(text) or '').strip()
    if len(text) > MAX_KEY_LENGTH:
        return 'sha256:' + hashlib.sha256(text.encode()).hexdigest()
    return text


def parse_priority(value: typing.Any) -> datetime.timedelta:
    """Return the head start of a value, none for anything but a number."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return datetime.timedelta()
    if not math.isfinite(seconds):
        return datetime.timedelta()
    return datetime.timedelta(seconds=max(
        -MAX_PRIORITY_SECONDS, min(MAX_PRIORITY_SECONDS, seconds)))
