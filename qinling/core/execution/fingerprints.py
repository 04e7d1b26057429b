# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: equal for executions that failed in the same way.

A fingerprint is a hash of the function, the reason, the type of the exception
and the innermost frames in the code of the user.  Line numbers and versions
are left out, so a failure keeps its fingerprint in the next version.
"""

import dataclasses
import hashlib
import json
import string
import typing

from qinling.core.execution import outcomes
from qinling import stack_frames

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


def explain(reason: str, result: str | None, logs: str | None,
            detail: str | None) -> Failure:
    """Return the cause of a failed execution.

    :param result: JSON text with the sentence of the failure.
    :param logs: output of the function, with the traceback at the end.
    :param detail: sentence on the cause, if the result has a fixed text.
    """
    message = detail or _read_message(result)
    if reason not in _RAISED:
        return Failure(reason, None, message)
    lines = (logs or '')[-MAX_LOG_LENGTH:].splitlines()
    frames = [frame for frame in map(
        _create_frame, stack_frames.read_frames(lines))
        if frame and not stack_frames.is_foreign(frame.file)]
    return Failure(reason, _find_type(lines, _first_line(message)), message,
                   tuple(frames[-MAX_FRAMES:]))


def _read_message(result: str | None) -> str:
    try:
        output = json.loads(result or '{}')['output']
    except (ValueError, KeyError, TypeError):
        output = ''
    text = output if isinstance(output, str) else json.dumps(output)
    return outcomes.storable_text(text[:MAX_MESSAGE_LENGTH]) or ''


def _first_line(message: str) -> str:
    return message.partition('\n')[0]


def _find_type(lines: list[str], message: str) -> str | None:
    """Return the type before the message of the exception, if known."""
    for line in reversed(lines):
        name, colon, rest = line.partition(': ')
        # Node.js writes "MyError [Error]: message".
        name = name.partition(' [')[0]
        if not name or ' ' in name:
            # Indented lines, and sentences of the service.
            continue
        if rest.startswith(message) if colon else line == message:
            return name[:MAX_NAME_LENGTH]
    return None


def _create_frame(frame: stack_frames.StackFrame) -> Frame | None:
    """Return a frame within limits, ``None`` without a path or a line."""
    if not frame.path or not (frame.line.isascii() and frame.line.isdigit()):
        return None
    return Frame(stack_frames.shorten(frame.path)[-MAX_NAME_LENGTH:],
                 int(frame.line[:9]), frame.function[:MAX_NAME_LENGTH])


def dump_frames(failure: Failure) -> list[dict[str, typing.Any]]:
    """Return the frames for JSON."""
    return [dataclasses.asdict(frame) for frame in failure.frames]
