# SPDX-License-Identifier: Apache-2.0
"""Commands for replays: recorded executions on another version."""

import argparse
from collections.abc import Iterable
import itertools
import re
import typing

from qinling.client.commands import base
from qinling.client.commands import debugger
from qinling.client.commands import names
from qinling.client.commands import operations
from qinling.client.commands import options
from qinling.client.commands import recorded
from qinling.client.commands import tables
from qinling.client import exceptions

#: Different executions that a command prints.
MAX_PRINTED = 10
UUID = re.compile('[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-'
                  '[0-9a-f]{12}')


def show_differences(row: base.Row, _lookup: names.Names) -> str:
    """Return the differences, one a line."""
    return '\n'.join(map(describe_difference, row['differences']))


def describe_difference(difference: base.Row) -> str:
    """Return one difference."""
    return (f'{difference["path"]}: {show_value(difference["old"])} -> '
            f'{show_value(difference["new"])}')


def show_value(value: str | None) -> str:
    """Return a value of a difference."""
    return '(missing)' if value is None else value


class Replay(operations.Watch):
    """Repeat an execution; or run those of an alias on another version.

    An execution runs again on the server, or with --local on this machine,
    with the same input, code and settings. The executions of an alias are
    compared: the exit code is 1 if any has another status or output.
    """

    arguments = (
        options.Argument('reference', metavar='EXECUTION|ALIAS',
                         help='Id of an execution, or name of an alias.'),
        options.Argument(
            '--function-version', metavar='N', type=options.parse_positive,
            help='Number of the version to try the executions of the alias '
                 'on. The program qinling accepts --version N, too.'),
        options.Argument(
            '--local', action='store_true',
            help='Run the execution on this machine, in the sandbox of '
                 'production.'),
        debugger.OPTION, debugger.PORT,
        options.Argument(
            '--secret', metavar='NAME', action='append', default=[],
            help='Secret of the function, read from the environment variable '
                 'with this name, for --local. Can be repeated.'),
        options.Argument('--last', type=options.parse_positive, metavar='N',
                         help='The last N executions through the alias; '
                              'default 100.'),
        options.Argument(
            '--filter', dest='filters', action='append', default=[],
            metavar='KEY=VALUE', help='Only executions with this value, as in '
            'lists. Can be repeated.'),
        options.Argument(
            '--ignore', action='append', metavar='POINTER',
            help='JSON pointer to leave out, such as /output/time. Can be '
                 'repeated.'),
        options.Argument('--rate', type=float, metavar='N',
                         help='At most so many executions per second.'),
        options.Argument(
            '--network', action='store_true',
            help='Permit the function to use the network as always; it has '
                 'no network otherwise.'),
        options.add_wait('until the replay has ended'))

    def run(self, args: argparse.Namespace) -> int:
        """Repeat an execution, or replay those of an alias.

        :raises ClientError: if the options exclude each other.
        """
        is_local = args.local or args.debugger or args.port or args.secret
        if args.function_version is not None:
            if is_local:
                raise exceptions.ClientError(
                    '--local is for one execution; omit --function-version.')
            return super().run(args)
        if not UUID.fullmatch(args.reference):
            raise exceptions.ClientError(
                f'{args.reference} is no id of an execution; add '
                '--function-version to replay the executions of an alias.')
        if is_local and not args.local:
            raise exceptions.ClientError(
                'Debuggers and --secret need --local.')
        recorded.repeat(self, args)
        return 0

    def fetch(self, args: argparse.Namespace) -> base.Row:
        conditions = names.parse_filters(self.client, args.filters)
        row: base.Row = self.resources.replay(
            args.reference, args.function_version, last=args.last,
            filter=conditions or None, ignore=args.ignore, rate=args.rate,
            network=args.network)
        if not args.wait:
            self.next_step = f'function operation show {row["id"]}'
            return row
        row = self.await_end(row)
        if row['different']:
            self.failure = self.describe_results(row)
        return row

    def describe_results(self, row: base.Row) -> str:
        """Return the differences of the first executions."""
        lines = [f'{row["different"]} of {row["done"]} executions are '
                 'different.']
        results = self.resources.list_results(
            row['id'], different=True, limit=MAX_PRINTED)
        for result in itertools.islice(results, MAX_PRINTED):
            lines.append(f'Execution {result["source_id"]}:')
            lines += [f'  {describe_difference(difference)}'
                      for difference in result['differences']]
        command = self.describe_command('operation result list', row['id'],
                                        '--different')
        return '\n'.join([*lines, f'Show all: {command}'])


class ListResults(base.Addressed, operations.Operation, tables.List):
    """List the results of a replay."""

    columns: base.Columns = (
        'id', 'source_id', 'execution_id', 'different', 'differences',
        'duration_ratio')
    detail_columns: base.Columns = (
        'old_log_size', 'new_log_size', 'operation_id', 'project_id',
        'created_at', 'updated_at')
    brief: base.Briefs = (
        base.Brief('Recorded', tables.show_field('source_id')),
        base.Brief('Replayed', tables.show_field('execution_id')),
        base.Brief('Differences', show_differences))
    owned = False
    filters = ('different',)
    default_limit = 20
    sortable = ('created_at', 'updated_at', 'id')
    empty = 'The replay has no such result.'
    arguments = (options.Argument(
        '--different', action='store_true', default=None,
        help='Only executions with another status or output.'),)

    def list_rows(self, args: argparse.Namespace,
                  **query: typing.Any) -> Iterable[base.Row]:
        if args.different:
            query['different'] = True
        rows: Iterable[base.Row] = self.resources.list_results(
            args.operation, **query)
        return rows
