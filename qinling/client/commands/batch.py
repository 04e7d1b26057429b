# SPDX-License-Identifier: Apache-2.0
"""Many executions with few requests."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import typing

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client.commands import targets
from qinling.client import exact_json
from qinling.client import exceptions
from qinling.client import v1

#: Fields of the summary.
COLUMNS = ('group_id', 'accepted', 'rejected', 'ids')
#: Executions of one request.
MAX_EXECUTIONS = 1000
FILE = options.Argument(
    '--batch', metavar='FILE',
    help='Run asynchronously once for each line of a file, - for standard '
         'input. A line is the input, in JSON; without --function and '
         '--function-alias, a line is an object with function or '
         'function_alias, and input.')


class Batched(base.Show):
    """Base of the command with the option ``--batch``."""

    def list_columns(self, args: argparse.Namespace) -> Sequence[str]:
        """Return the names of all printable fields."""
        return (super().list_columns(args) if args.batch is None
                else COLUMNS)


@dataclasses.dataclass
class Summary:
    """Result of a batch.

    :ivar group_id: the group of the first request.
    """

    group_id: str | None = None
    ids: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)
    failed: int = 0

    @property
    def failure(self) -> str | None:
        """Return the sentence for the exit code 1, if any."""
        if self.errors:
            return (f'Rejected: {len(self.errors)} of '
                    f'{len(self.errors) + len(self.ids)} executions.\n'
                    + '\n'.join(self.errors))
        if self.failed:
            return f'Failed: {self.failed} of {len(self.ids)} executions.'
        return None

    def build_output(self, is_table: bool) -> base.Output:
        """Return names and values for the output; ids for programs only."""
        values = (self.group_id, len(self.ids), len(self.errors), self.ids)
        size = len(COLUMNS) - is_table
        return COLUMNS[:size], values[:size]


def run(command: base.Command, args: argparse.Namespace) -> Summary:
    """Start an execution for each line of a file."""
    client, summary = command.client, Summary()
    text = options.read_file(args.batch, 'batch')
    target = None
    if args.function or args.function_alias:
        target = targets.build_target(client, args, True)
    lines = [(number, line) for number, line in
             enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise exceptions.ClientError(
            'The batch is empty; write one execution in JSON on each line.')
    values = list(_parse(client, lines, target is not None))
    numbers = [number for number, _line in lines]
    for start in range(0, len(values), MAX_EXECUTIONS):
        part = values[start:start + MAX_EXECUTIONS]
        answer = client.executions.create_batch(
            **target, inputs=part) if target else (
                client.executions.create_batch(executions=part))
        summary.group_id = summary.group_id or answer['group_id']
        _collect(summary, answer, numbers[start:])
    if args.wait:
        summary.failed = sum(row['status'] != 'success' for row in
                             client.executions.wait_all(summary.ids))
    return summary


def _parse(client: v1.Client, lines: list[tuple[int, str]],
           is_input: bool) -> Iterator[typing.Any]:
    """Yield the values of the lines."""
    ids: dict[str, str] = {}
    for number, line in lines:
        try:
            value = exact_json.loads(line)
        except ValueError:
            raise exceptions.ClientError(
                f'Line {number} of the batch is not JSON; quote a text.')
        if is_input:
            yield value
            continue
        if not isinstance(value, dict):
            raise exceptions.ClientError(
                f'Line {number} of the batch is not an object; specify the '
                'function with --function, or in each line.')
        if name := value.pop('function', None):
            if name not in ids:
                ids[name] = client.functions.find_id(name)
            value['function_id'] = ids[name]
        yield dict(value, sync=False)


def _collect(summary: Summary, answer: base.Row, numbers: list[int]) -> None:
    """Add the answer to one request to a summary."""
    for number, item in zip(numbers, answer['executions']):
        if error := item.get('error'):
            summary.errors.append(f'Line {number}: {error["faultstring"]} '
                                  f'(HTTP {error["code"]})')
        else:
            summary.ids.append(item['id'])
