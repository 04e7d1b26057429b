# SPDX-License-Identifier: Apache-2.0
"""Exceptions in the logs of executions."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import json
import typing

from qinling import stack_frames

#: Errors of Python, Node.js and the C library without a network.
NETWORK_ERRORS = (
    'Temporary failure in name resolution', 'Name or service not known',
    'Network is unreachable', 'Could not resolve host', 'EAI_AGAIN',
    'ENETUNREACH')
NETWORK_HINT = (
    'The function seems to have no network. The operator can allow one, on a '
    'single machine with [process] allow_network.')


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
    :ivar hint: what may help.
    """

    kind: str
    message: str
    frame: Frame | None = None
    hint: str = ''

    def __str__(self) -> str:
        text = f'{self.kind}: {self.message}' if self.kind else self.message
        if self.frame:
            text += f'\n  {self.frame}'
        return f'{text}\n{self.hint}' if self.hint else text


def explain(execution: Mapping[str, typing.Any], log: str) -> Failure:
    """Return the explanation of an execution that did not succeed."""
    output = read_output(execution)
    message = output if isinstance(output, str) else json.dumps(output)
    reason = execution.get('reason') or execution['status']
    if reason not in ('user_error', 'load_error', 'failed'):
        return Failure(reason, execution.get('detail') or message)
    lines = log.splitlines()
    frames = [Frame(stack_frames.shorten(frame.path), frame.line,
                    frame.function)
              for frame in stack_frames.read_frames(lines)]
    user_frames = [frame for frame in frames
                   if not stack_frames.is_foreign(frame.path)]
    frame = user_frames[-1] if user_frames else None
    has_network = not any(text in message or text in log
                          for text in NETWORK_ERRORS)
    return Failure(_find_type(lines, message), message, frame,
                   '' if has_network else NETWORK_HINT)


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
