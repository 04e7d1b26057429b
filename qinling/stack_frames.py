# SPDX-License-Identifier: Apache-2.0
"""Stack frames in the logs of executions, for client and service."""

from collections.abc import Iterator
from collections.abc import Sequence
import typing

#: Parts of paths that belong to libraries or to the service.
FOREIGN = ('/lib/python', '/python_modules/', '/node_modules/', '/qinling/',
           '/site-packages/', '<frozen ', 'node:')
#: Directory of the code in a worker.
CODE = '/code/'


class StackFrame(typing.NamedTuple):
    """Line of a traceback; ``line`` is the text of the number."""

    path: str
    line: str
    function: str


def read_frames(lines: Sequence[str]) -> Iterator[StackFrame]:
    """Yield the frames of the last traceback, the innermost last."""
    starts = [number for number, line in enumerate(lines)
              if line.startswith('Traceback (most recent call last)')]
    if starts:
        yield from filter(None, map(_read_python, lines[starts[-1]:]))
        return
    yield from reversed([frame for frame in map(_read_nodejs, lines)
                         if frame])


def _read_python(line: str) -> StackFrame | None:
    """Return the frame of ``  File "main.py", line 8, in main``."""
    if not line.startswith('  File "'):
        return None
    path, _, rest = line[8:].rpartition('", line ')
    number, _, function = rest.partition(', in ')
    return StackFrame(path, number, function) if path else None


def _read_nodejs(line: str) -> StackFrame | None:
    """Return the frame of ``    at handler (/code/index.js:6:9)``."""
    if not line.startswith('    at '):
        return None
    words = line.strip().removeprefix('at ')
    function, bracket, place = words.partition(' (')
    parts = (place.rstrip(')') if bracket else words).rsplit(':', 2)
    if len(parts) != 3:
        return None
    return StackFrame(parts[0].removeprefix('file://'), parts[1],
                      function.removeprefix('async ') if bracket else '')


def is_foreign(path: str) -> bool:
    """Return whether a path belongs to a library or to the service."""
    return any(part in path for part in FOREIGN)


def shorten(path: str) -> str:
    """Return a path below the directory of the code."""
    return path if is_foreign(path) else path.rpartition(CODE)[2]
