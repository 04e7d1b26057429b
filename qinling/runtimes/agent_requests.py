# SPDX-License-Identifier: Apache-2.0
"""Bodies of the calls to the agent."""

from __future__ import annotations

import collections
import io
import json

from agent_http import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Settings of /load -> type.
LOAD_KEYS: dict[str, Any] = {
    'function_id': str, 'function_version': int, 'entry': str,
    'memory_size': int, 'slots': int, 'max_log_size': int,
    'max_result_size': int, 'max_unpacked_size': int, 'environment': dict,
    'import_timeout': (int, float), 'cpu': int}

# Settings of /load with a default: seconds of an import, beside the timeout of
# the execution that waits for the import; thousandths of a core.
LOAD_DEFAULTS = {'import_timeout': 60, 'cpu': 1000}

MAX_IMPORT_MS = 1e9

Request = collections.namedtuple('Request', ('id', 'timeout', 'frame',
                                             'is_streamed'))


def parse_object(text: bytes | bytearray) -> dict[str, Any]:
    """Return the JSON object in a body.

    :raises RequestError: 400, the body is not a JSON object.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, 'The body is not JSON: %s.' % error) from error
    if not isinstance(value, dict):
        raise RequestError(400, 'The body is not a JSON object.')
    return value


def parse_load(body: bytes | bytearray
               ) -> tuple[dict[str, Any], list[io.BytesIO]]:
    """Return the settings and the packages in a /load body.

    The setting ``sizes`` has the bytes of each package; the default is a
    single package.

    :raises RequestError: 400, the body is not valid.
    """
    end = body.find(b'\n')
    if end < 0:
        raise RequestError(400, 'The settings are not ended by a line feed.')
    settings = {**LOAD_DEFAULTS, **parse_object(body[:end])}
    for name, kind in LOAD_KEYS.items():
        if not isinstance(settings.get(name), kind):
            raise RequestError(
                400, 'The setting %s is missing or of a wrong type.' % name)
    rest = memoryview(body)[end + 1:]
    sizes = settings.get('sizes', [len(rest)])
    if (not isinstance(sizes, list)
            or not all(isinstance(size, int) and size >= 0 for size in sizes)
            or sum(sizes) != len(rest)):
        raise RequestError(400, 'The sizes are not those of the packages.')
    packages = []
    for size in sizes:
        packages.append(io.BytesIO(rest[:size]))
        rest = rest[size:]
    return settings, packages


def parse_log(body: bytes | bytearray) -> tuple[str, int]:
    """Return execution id and offset in a /log body.

    :raises RequestError: 400, the body is not valid.
    """
    fields = parse_object(body)
    execution_id, offset = fields.get('execution_id'), fields.get('offset')
    if (not isinstance(execution_id, str) or isinstance(offset, bool)
            or not isinstance(offset, int) or offset < 0):
        raise RequestError(
            400, 'execution_id must be a text, and offset a number.')
    return execution_id, offset


def parse_execution(body: bytes | bytearray) -> Request:
    """Return the request in an /execute body; its frame is the body.

    :raises RequestError: 400, the body is not valid.
    """
    fields = parse_object(body)
    execution_id, timeout = fields.get('execution_id'), fields.get('timeout')
    if not isinstance(execution_id, str) or not execution_id:
        raise RequestError(400, 'The execution_id is missing or not a text.')
    if (isinstance(timeout, bool) or not isinstance(timeout, (int, float))
            or not 0 < timeout < 1e6):
        raise RequestError(400, 'The timeout is missing or not a number.')
    if (not isinstance(fields.get('args', []), list)
            or not isinstance(fields.get('kwargs', {}), dict)
            or not isinstance(fields.get('context', {}), dict)):
        raise RequestError(
            400, 'args must be a list, kwargs and context objects.')
    return Request(execution_id, timeout, body, fields.get('stream') is True)


def parse_import(frame: bytes) -> tuple[float, bool]:
    """Return the milliseconds in an import frame, and whether to fork.

    :raises ValueError: the frame is not valid.
    """
    try:
        fields = json.loads(frame)
        return (round(min(max(0.0, fields['import_ms']), MAX_IMPORT_MS), 3),
                fields.get('forkable') is True)
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(error) from None
