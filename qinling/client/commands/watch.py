# SPDX-License-Identifier: Apache-2.0
"""Repetition of a command, which shows changes until an interrupt."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import io
import shutil
import time
import typing

from qinling.client.commands import json_lines
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import units

#: Seconds between two requests, by default.
DEFAULT_SECONDS = 2.0
#: Control sequences: return to the first line, delete the rest of a line,
#: delete the lines below.
HOME, REST_OF_LINE, LINES_BELOW = '\033[H', '\033[K', '\033[J'
OPTION = options.Argument(
    '--watch', nargs='?', type=units.parse_duration, metavar='TIME',
    const=DEFAULT_SECONDS,
    help='Show the present state again and again, until an interrupt '
         f'(Ctrl-C); every {DEFAULT_SECONDS:g} s, or after each TIME. Without '
         'a terminal, print changes only.')


def repeat(app: typing.Any, args: argparse.Namespace,
           run: Callable[[], object]) -> typing.NoReturn:
    """Run a command until an interrupt, and show what has changed.

    :param app: application with the streams of the command.
    :param run: prints the present state.
    """
    streams = app.stdout, app.stderr
    views = _create_views(*streams, args)
    while True:
        texts = [Buffer(stream.isatty()) for stream in streams]
        # A screen shows one text.
        app.stdout, app.stderr = texts[0], texts[len(views) - 1]
        outputs = list(zip(views, texts))
        try:
            run()
        except exceptions.Unreachable as e:
            print(f'{e} Waiting for the server.', file=app.stderr)
            # Output that ends in the middle tells nothing about changes.
            del outputs[:-1]
        finally:
            app.stdout, app.stderr = streams
        for view, text in outputs:
            view.show(text.getvalue())
        time.sleep(args.watch)


class Buffer(io.StringIO):
    """Text for a stream.

    :param is_terminal: whether the stream is a terminal.
    """

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Return whether the text is for a terminal."""
        return self._is_terminal


class View(typing.Protocol):
    """Output of a command that is repeated."""

    def show(self, text: str) -> None:
        """Show the present output."""


class Screen:
    """Terminal with the present output and nothing else."""

    def __init__(self, stream: typing.TextIO, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds

    def show(self, text: str) -> None:
        """Draw the output over the earlier output, without a flicker."""
        title = (f'{time.strftime("%H:%M:%S")}, every '
                 f'{units.format_duration(self._seconds)}; end with Ctrl-C')
        height = shutil.get_terminal_size().lines
        lines = _limit([title, '', *text.splitlines()], height - 1)
        self._stream.write(HOME + ''.join(
            f'{line}{REST_OF_LINE}\n' for line in lines) + LINES_BELOW)
        self._stream.flush()


class Changes:
    """Stream of the outputs that differ from the output before."""

    def __init__(self, stream: typing.TextIO) -> None:
        self._stream = stream
        self._last: str | None = None

    def show(self, text: str) -> None:
        """Print the output if anything has changed."""
        if text != self._last:
            self._last = text
            self._stream.write(text)
            self._stream.flush()


class ChangedLines:
    """Stream of the lines that are not in the output before."""

    def __init__(self, stream: typing.TextIO) -> None:
        self._stream = stream
        self._last: set[str] = set()

    def show(self, text: str) -> None:
        """Print the new and changed lines."""
        lines = text.splitlines(keepends=True)
        self._stream.writelines(
            line for line in lines if line not in self._last)
        self._last = set(lines)
        self._stream.flush()


def _create_views(stdout: typing.TextIO, stderr: typing.TextIO,
                  args: argparse.Namespace) -> Sequence[View]:
    """Return the views of both streams, or of a terminal."""
    if args.formatter == json_lines.NAME:
        return ChangedLines(stdout), Changes(stderr)
    if stdout.isatty():
        return Screen(stdout, args.watch),
    return Changes(stdout), Changes(stderr)


def _limit(lines: Sequence[str], height: int) -> Sequence[str]:
    """Return the lines that fit, and a line about the others."""
    if len(lines) <= height:
        return lines
    rest = len(lines) - height + 1
    return [*lines[:height - 1], f'… {rest} lines below']
