# SPDX-License-Identifier: Apache-2.0
"""Commands for failures: groups of executions that failed alike."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
import typing

from qinling.client.commands import base
from qinling.client.commands import failures
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import selection
from qinling.client.commands import tables
from qinling.client import http

#: Characters of a cause in a table.
MAX_CAUSE_LENGTH = 60


def show_function(row: base.Row, lookup: names.Names) -> str:
    """Return the function, and the latest version that failed."""
    return names.show_target({
        **row, 'function_alias': None, 'function_version': max(
            row['function_versions'], default=0)}, lookup)


def show_cause(row: base.Row, _lookup: names.Names) -> str:
    """Return the exception or the reason, with the message."""
    kind = row['exception_type'] or row['reason']
    text = f'{kind}: {row["message"]}'.partition('\n')[0]
    return (text if len(text) <= MAX_CAUSE_LENGTH
            else text[:MAX_CAUSE_LENGTH - 3] + '...')


def show_place(row: base.Row, _lookup: names.Names) -> str:
    """Return the innermost frame in the code of the function."""
    if not row['frames']:
        return ''
    frame = row['frames'][-1]
    return f'{frame["file"]}:{frame["line"]}'


class Failure(base.Noun):
    """Noun of the commands for failures."""

    collection = 'failures'
    word = 'failure'
    columns: base.Columns = (
        'id', 'function_id', 'function_versions', 'reason', 'exception_type',
        'message', 'count', 'created_at', 'last_seen_at',
        'last_execution_id')
    detail_columns: base.Columns = ('frames', 'project_id', 'updated_at')
    brief: base.Briefs = (
        base.Brief('Fingerprint', tables.show_field('id')),
        base.Brief('Count', tables.show_field('count')),
        base.Brief('Function', show_function),
        base.Brief('Cause', show_cause), base.Brief('Place', show_place),
        base.Brief('Last seen', tables.show_field('last_seen_at')))
    filters = ('function_id', 'function_version', 'reason',
               'exception_type', 'created_at', 'last_seen_at', 'count',
               'all_projects', 'project_id')
    naming = 'Fingerprint'

    def resolve(self, reference: str) -> str:
        return reference


class List(Failure, tables.List):
    """List failures, for people the last 20.

    Executions that failed for the same reason, with the same exception at
    the same place of a function, are one failure.
    """

    default_limit = 20
    sortable = ('created_at', 'updated_at', 'id', 'last_seen_at', 'count')
    empty = ('No failures; a failed execution appears here a few seconds '
             'after its end.')
    arguments = (
        options.Argument('function', nargs='?', metavar='FUNCTION',
                         help='Only failures of the function with this id or '
                              'name.'),
        selection.VERSION, selection.SINCE)

    def list_rows(self, args: argparse.Namespace,
                  **query: typing.Any) -> Iterable[base.Row]:
        query.update(http.drop_none({
            'function_id': args.function and self.client.functions.find_id(
                args.function),
            'function_version': args.function_version,
            'last_seen_at': args.since and f'gte:{args.since}'}))
        return super().list_rows(args, **query)

    def build_query(self, args: argparse.Namespace) -> dict[str, typing.Any]:
        """Return the query, by default with the last failures first."""
        query = super().build_query(args)
        if not query['sort_key']:
            query.update(sort_key='last_seen_at', sort_dir='desc')
        return query


class Show(Failure, base.Get):
    """Show a failure, with the place in the code and the message."""

    def fetch(self, args: argparse.Namespace) -> base.Row:
        self.next_step = ('function execution list --filter '
                          f'fingerprint={args.failure}')
        return super().fetch(args)

    def format_for_people(self, row: base.Row, names: Sequence[str],
                          args: argparse.Namespace) -> list[typing.Any]:
        """Return values with commands in place of REST paths."""
        return failures.format_fields(
            self, names, super().format_for_people(row, names, args))
