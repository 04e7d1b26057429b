# SPDX-License-Identifier: Apache-2.0
"""Runs of functions on this machine, with the output as it comes."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import sys
import typing

from qinling.client.commands import base
from qinling.client.commands import logs
from qinling.client.commands import progress
from qinling.client import local_project
from qinling.client import local_runner
from qinling.client import v1

#: Receiver of the parts of an output.
AddPart = Callable[[typing.Any], None]


def run_once(runner: local_runner.Runner,
             function: local_project.LocalFunction, input: typing.Any,
             add_part: AddPart | None = None) -> base.Row:
    """Run a function in a sandbox without a server.

    :param add_part: receives the output as the function yields it.
    :returns: the execution, with its ``log``.
    """
    execution: base.Row = {}
    messages = runner.run(function, input, local_runner.Options(
        streams=add_part is not None))
    # A spinner would delete a part without an end of the line.
    for name, value in messages if add_part else _show_waits(messages):
        if name == 'part' and add_part is not None:
            add_part(value)
        elif name == 'execution':
            execution = value
    return execution


def run_followed(runner: local_runner.Runner,
                 function: local_project.LocalFunction, input: typing.Any,
                 output: typing.TextIO, network: bool = False) -> base.Row:
    """Run a function in a sandbox, and print what it writes meanwhile.

    :param output: receives what the function writes.
    :param network: the function has the network of this machine.
    :returns: the execution, with its ``log``.
    """
    execution: dict[str, typing.Any] = {}
    options = local_runner.Options(follows_log=True, network=network)

    def read_parts() -> Iterator[str]:
        length = 0
        for name, value in _show_waits(runner.run(function, input, options)):
            if name == 'log':
                length += len(value)
                yield value
            elif name == 'execution':
                execution.update(value)
                yield value['log'][length:]
    _print_lines(options.id, read_parts(), output)
    return execution


def _show_waits(messages: Iterator[local_runner.Message]
                ) -> Iterator[local_runner.Message]:
    """Yield messages, with a spinner before each."""
    spinner = progress.Spinner(sys.stderr, 'Running in the sandbox')
    while True:
        with spinner.show():
            message = next(messages, None)
        if message is None:
            return
        yield message


def run(client: v1.Client, id: str, input: typing.Any,
        output: typing.TextIO) -> base.Row:
    """Run a function on a server, print what it writes; return the execution.

    An interrupt cancels the execution.

    :param id: id of the function.
    :param output: receives what the function writes.
    """
    execution = client.executions.create(
        function_id=id, sync=False, input=input)
    try:
        _print_lines(execution['id'], client.executions.follow_log(
            execution['id']), output)
        return client.executions.wait(execution['id'])
    except KeyboardInterrupt:
        client.executions.cancel(execution['id'])
        raise


def _print_lines(id: str, parts: Iterable[str], output: typing.TextIO
                 ) -> None:
    """Print the log of an execution without its first and last line."""
    frames = {prefix + id for prefix in logs.FRAMES}
    for line in split_lines(parts):
        if line.rstrip('\n') not in frames:
            output.write(line)
            output.flush()


def split_lines(parts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text that arrives in parts."""
    rest = ''
    for part in parts:
        *lines, rest = (rest + part).split('\n')
        yield from (f'{line}\n' for line in lines)
    if rest:
        yield rest
