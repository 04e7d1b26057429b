# SPDX-License-Identifier: Apache-2.0
"""Exceptions in the logs of executions."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import json
import typing

#: Parts of paths that belong to libraries or to the service.
FOREIGN = ('/lib/python', '/python_modules/', '/node_modules/', '/qinling/',
           '/site-packages/', '<frozen ', 'node:')
#: Directory of the code in a worker.
CODE = '/code/'


@dataclasses.dataclass(frozen=True)
class Frame:
    """Place in the code of a function."""

    path: str
    line: str
    function: str

    def __str__(self) -> str:
        place = f'{self.path}, line {self.line}'
        return f'{place}, in {self.function}' if self.function else place


@dataclasses.dataclass(frozen=True)
class Failure:
    """Explanation of a failed execution.

    :ivar kind: type of the exception, or the reason of the service.
    """

    kind: str
    message: str
    frame: Frame | None = None

    def __str__(self) -> str:
        text = f'{self.kind}: {self.message}' if self.kind else self.message
        return f'{text}\n  {self.frame}' if self.frame else text


def explain(execution: Mapping[str, typing.Any], log: str) -> Failure:
    """Return the explanation of an execution that did not succeed."""
    output = read_output(execution)
    message = output if isinstance(output, str) else json.dumps(output)
    reason = execution.get('reason') or execution['status']
    if reason not in ('user_error', 'load_error', 'failed'):
        return Failure(reason, message)
    lines = log.splitlines()
    frames = list(_read_frames(lines))
    user_frames = [frame for frame in frames
                   if not any(part in frame.path for part in FOREIGN)]
    frame = user_frames[-1] if user_frames else None
    return Failure(_find_type(lines, message), message, frame)


def read_output(execution: Mapping[str, typing.Any]) -> typing.Any:
    """Return the result of the function."""
    return json.loads(execution['result'] or '{}').get('output')


def _find_type(lines: list[str], message: str) -> str:
    """Return the type before the message of the exception."""
    first = message.partition('\n')[0]
    for line in reversed(lines):
        if line.endswith(f': {first}') and not line.startswith(' '):
            # Node.js writes "MyError [Error]: message".
            return line[:-len(first) - 2].partition(' [')[0]
    return ''


def _read_frames(lines: list[str]) -> Iterator[Frame]:
    """Yield the frames of the last traceback, the innermost last."""
    starts = [number for number, line in enumerate(lines)
              if line.startswith('Traceback (most recent call last)')]
    if starts:
        yield from filter(None, map(_read_python, lines[starts[-1]:]))
        return
    frames = [_read_nodejs(line) for line in lines]
    yield from reversed([frame for frame in frames if frame])


def _read_python(line: str) -> Frame | None:
    """Return the frame of ``  File "main.py", line 8, in main``."""
    if not line.startswith('  File "'):
        return None
    path, _, rest = line[8:].rpartition('", line ')
    number, _, function = rest.partition(', in ')
    return Frame(_shorten(path), number, function) if path else None


def _read_nodejs(line: str) -> Frame | None:
    """Return the frame of ``    at handler (/code/index.js:6:9)``."""
    if not line.startswith('    at '):
        return None
    words = line.strip().removeprefix('at ')
    function, bracket, place = words.partition(' (')
    parts = (place.rstrip(')') if bracket else words).rsplit(':', 2)
    if len(parts) != 3:
        return None
    return Frame(_shorten(parts[0].removeprefix('file://')), parts[1],
                 function.removeprefix('async ') if bracket else '')


def _shorten(path: str) -> str:
    """Return a path below the directory of the code."""
    if any(part in path for part in FOREIGN):
        return path
    return path.rpartition(CODE)[2]
