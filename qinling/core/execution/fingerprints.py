# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: equal for executions that failed in the same way.

A fingerprint is a hash of the function, the reason, the type of the exception
and the innermost frames in the code of the user.  Line numbers and versions
are left out, so a failure keeps its fingerprint in the next version.
"""

from collections.abc import Iterator
import dataclasses
import hashlib
import json
import string
import typing

from qinling.core.execution import records

#: Frames that belong to libraries or to the service have one of these parts.
FOREIGN = ('/lib/python', '/python_modules/', '/node_modules/', '/qinling/',
           '/site-packages/', '<frozen ', 'node:')
#: Directory of the code in a worker.
CODE = '/code/'
#: Reasons whose logs may have a traceback.
_RAISED = ('user_error', 'load_error')
#: Hexadecimal digits of a fingerprint.
LENGTH = 16
#: Innermost frames in a fingerprint, and frames that a group shows.
MAX_HASHED_FRAMES, MAX_FRAMES = 3, 10
#: Characters of the text of a log that are searched, from the end.
MAX_LOG_LENGTH = 1 << 16
MAX_MESSAGE_LENGTH, MAX_NAME_LENGTH = 1000, 255
_WITHOUT_DIGITS = str.maketrans('', '', string.digits)


@dataclasses.dataclass(frozen=True)
class Frame:
    """Place in the code of a function."""

    file: str
    line: int
    function: str


@dataclasses.dataclass(frozen=True)
class Failure:
    """Cause of a failed execution; the innermost frame is the last."""

    reason: str
    exception_type: str | None
    message: str
    frames: tuple[Frame, ...] = ()

    def fingerprint(self, function_id: str) -> str:
        """Return the fingerprint for a function."""
        words = [function_id, self.reason, self.exception_type or '']
        for frame in self.frames[-MAX_HASHED_FRAMES:]:
            words += frame.file, frame.function
        if not self.frames and self.reason in _RAISED:
            # Messages often contain ids and times.
            words.append(_first_line(self.message).translate(
                _WITHOUT_DIGITS))
        text = '\0'.join(words).encode('utf-8', 'replace')
        return hashlib.sha256(text).hexdigest()[:LENGTH]


def explain(reason: str, result: str | None, logs: str | None) -> Failure:
    """Return the cause of a failed execution.

    :param result: JSON text with the sentence of the failure.
    :param logs: output of the function, with the traceback at the end.
    """
    message = _read_message(result)
    if reason not in _RAISED:
        return Failure(reason, None, message)
    lines = (logs or '')[-MAX_LOG_LENGTH:].splitlines()
    frames = [frame for frame in _read_frames(lines)
              if not any(part in frame.file for part in FOREIGN)]
    return Failure(reason, _find_type(lines, _first_line(message)), message,
                   tuple(frames[-MAX_FRAMES:]))


def _read_message(result: str | None) -> str:
    try:
        output = json.loads(result or '{}')['output']
    except (ValueError, KeyError, TypeError):
        output = ''
    text = output if isinstance(output, str) else json.dumps(output)
    return records.storable_text(text[:MAX_MESSAGE_LENGTH]) or ''


def _first_line(message: str) -> str:
    return message.partition('\n')[0]


def _find_type(lines: list[str], message: str) -> str | None:
    """Return the type before the message of the exception, if known."""
    for line in reversed(lines):
        name, colon, rest = line.partition(': ')
        if not name or name.startswith(' '):
            continue
        if rest.startswith(message) if colon else line == message:
            # Node.js writes "MyError [Error]: message".
            return name.partition(' [')[0][:MAX_NAME_LENGTH]
    return None


def _read_frames(lines: list[str]) -> Iterator[Frame]:
    """Yield the frames of the last traceback, the innermost last."""
    starts = [number for number, line in enumerate(lines)
              if line.startswith('Traceback (most recent call last)')]
    if starts:
        yield from filter(None, map(_read_python, lines[starts[-1]:]))
        return
    yield from reversed([frame for frame in map(_read_nodejs, lines)
                         if frame])


def _read_python(line: str) -> Frame | None:
    """Return the frame of ``  File "main.py", line 8, in main``."""
    if not line.startswith('  File "'):
        return None
    path, _, rest = line[8:].rpartition('", line ')
    number, _, function = rest.partition(', in ')
    return _create_frame(path, number, function)


def _read_nodejs(line: str) -> Frame | None:
    """Return the frame of ``    at handler (/code/index.js:6:9)``."""
    if not line.startswith('    at '):
        return None
    words = line.strip().removeprefix('at ')
    function, bracket, place = words.partition(' (')
    parts = (place.rstrip(')') if bracket else words).rsplit(':', 2)
    if len(parts) != 3:
        return None
    return _create_frame(parts[0].removeprefix('file://'), parts[1],
                         function.removeprefix('async ') if bracket else '')


def _create_frame(path: str, line: str, function: str) -> Frame | None:
    """Return a frame with the path below the directory of the code."""
    if not path or not (line.isascii() and line.isdigit()):
        return None
    if not any(part in path for part in FOREIGN):
        path = path.rpartition(CODE)[2]
    return Frame(path[-MAX_NAME_LENGTH:], int(line[:9]),
                 function[:MAX_NAME_LENGTH])


def dump_frames(failure: Failure) -> list[dict[str, typing.Any]]:
    """Return the frames for JSON."""
    return [dataclasses.asdict(frame) for frame in failure.frames]
