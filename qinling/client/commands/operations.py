# SPDX-License-Identifier: Apache-2.0
"""Commands for operations: one action on many executions."""

import argparse
from collections.abc import Sequence
import os
import typing

from qinling.client.commands import base
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import progress
from qinling.client.commands import selection
from qinling.client.commands import tables
from qinling.client import exceptions

ACTIONS = ('rerun', 'cancel', 'delete')
#: Filters of executions that an operation may have.
FILTERS = tuple(name for name in selection.FILTERS
                if name not in ('all_projects', 'project_id'))
CONFIRMATION = ('y', 'yes')


def show_progress(row: base.Row, _lookup: names.Names) -> str:
    """Return how many executions the operation has met."""
    text = f'{row["done"] + row["skipped"]} of {row["total"]}'
    return f'{text}, {row["skipped"]} skipped' if row['skipped'] else text


def show_filter(row: base.Row, _lookup: names.Names) -> str:
    """Return the filter as on the command line."""
    return ' '.join(f'{name}={text}' for name, texts in row['filter'].items()
                    for text in texts) or 'all'


class Operation(base.Noun):
    """Noun of the commands for operations."""

    collection = 'operations'
    word = 'operation'
    columns: base.Columns = (
        'id', 'action', 'filter', 'function_version', 'rate', 'status',
        'status_reason', 'total', 'done', 'skipped', 'created_at')
    detail_columns: base.Columns = (
        'skip_reasons', 'function_alias', 'ignore', 'network', 'different',
        'user_id', 'project_id', 'updated_at')
    brief: base.Briefs = (
        base.Brief('Id', tables.show_field('id')),
        base.Brief('Action', tables.show_field('action')),
        base.Brief('Filter', show_filter),
        base.Brief('Status', tables.show_field('status')),
        base.Brief('Progress', show_progress), tables.CREATED)
    filters: base.Columns = ('status', 'action', 'all_projects', 'project_id')
    naming = 'Id'

    def resolve(self, reference: str) -> str:
        return reference


List = base.define('List operations.', Operation, tables.List,
                   default_limit=20, sortable=(
                       'created_at', 'updated_at', 'id', 'status'),
                   empty='There are no operations.')


class Watch(Operation, base.Show):
    """Base of the commands that may wait for the end of an operation."""

    def await_end(self, row: base.Row) -> base.Row:
        """Return the operation after its end, or when a user paused it."""
        with progress.show_bar(self.app.stderr, 'Executions', '') as update:
            for row in self.resources.poll(row['id']):
                if update:
                    update(row['done'] + row['skipped'], row['total'])
        if row['status'] != 'done' or row['skipped']:
            self.failure = describe_end(row)
        return row


def describe_end(row: base.Row) -> str:
    """Return why some executions of an operation were left out."""
    if row['status'] != 'done':
        return (f'Operation {row["id"]} is {row["status"]}: '
                f'{row["status_reason"]}')
    reasons = '\n'.join(f'  {count} times: {reason}' for reason, count
                        in row['skip_reasons'].items())
    return f'{row["skipped"]} executions were skipped.\n{reasons}'


class Create(Watch):
    """Rerun, cancel or delete the executions that the options select.

    Shows their number and asks before anything happens. Executions that are
    created later are left alone.
    """

    arguments = (
        options.Argument('action', choices=ACTIONS,
                         help='What to do with each execution.'),
        options.Argument('--function', metavar='FUNCTION',
                         help='Only executions of the function with this id '
                              'or name.'),
        *selection.ARGUMENTS,
        options.Argument(
            '--filter', dest='filters', action='append', default=[],
            metavar='KEY=VALUE', help='Only executions with this value, as in '
            f'lists. Can be repeated. Keys: {", ".join(FILTERS)}.'),
        options.Argument('--all', action='store_true',
                         help='All executions of the project, if no other '
                              'option selects any.'),
        options.Argument(
            '--onto', metavar='N', help='Version of reruns; "original", the '
            'default, is the version of the repeated execution, "current" '
            'the present target of the alias or function.'),
        options.Argument('--rate', type=float, metavar='N',
                         help='At most so many executions per second.'),
        options.Argument('--dry-run', action='store_true',
                         help='Only show the number of executions.'),
        options.Argument('--yes', action='store_true', help='Do not ask.'),
        options.add_wait('until the operation has ended'))

    def list_columns(self, args: argparse.Namespace) -> Sequence[str]:
        return ('total',) if args.dry_run else super().list_columns(args)

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the operation, or for a dry run the number."""
        if not args.dry_run:
            return super().take_action(args)
        return ('total',), (self.count(args),)

    def count(self, args: argparse.Namespace) -> int:
        """Return the number of executions that the options select."""
        return int(self.resources.create(
            **self.build_fields(args), dry_run=True)['total'])

    def build_fields(self, args: argparse.Namespace) -> dict[str, typing.Any]:
        """Return the fields of the operation."""
        conditions = names.parse_filters(self.client, args.filters)
        for key in conditions:
            tables.check_key('filter', key, FILTERS)
        for key, value in selection.build_query(self.client, args).items():
            conditions.setdefault(key, []).append(str(value))
        if not (conditions or args.all):
            raise exceptions.ClientError(
                'No option selects executions. Add a condition such as '
                '--function or --filter, or --all for all executions of the '
                'project.')
        return {'action': args.action, 'filter': conditions,
                'all': args.all or None, 'rate': args.rate,
                'function_version': args.onto}

    def fetch(self, args: argparse.Namespace) -> base.Row:
        count = self.count(args)
        if not (args.yes or self.confirm(args.action, count)):
            raise exceptions.ClientError('Nothing was done.')
        row = self.resources.create(**self.build_fields(args),
                                    idempotency_key=os.urandom(16).hex())
        if args.wait:
            return self.await_end(row)
        self.next_step = f'function operation show {row["id"]}'
        return row

    def confirm(self, action: str, count: int) -> bool:
        """Return whether a person at the terminal agrees.

        :raises ClientError: without a terminal.
        """
        question = f'{action.capitalize()} {count} executions?'
        if not self.app.stdin.isatty():
            raise exceptions.ClientError(
                f'{question} Add --yes to agree without a terminal.')
        print(f'{question} [y/N] ', end='', file=self.app.stderr, flush=True)
        answer: str = self.app.stdin.readline()
        return answer.strip().lower() in CONFIRMATION


class Show(Operation, base.Get):
    """Show an operation, with its progress."""


class _Change(base.Addressed, Watch):
    """Base of the commands that change an operation."""

    verb: str

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row: base.Row = self.resources.change(args.operation, self.verb)
        return row


class Pause(_Change):
    """Keep the remaining executions of an operation until you decide."""

    verb = 'pause'


class Resume(_Change):
    """Continue a paused operation."""

    verb = 'resume'
    arguments = (options.add_wait('until the operation has ended'),)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row = super().fetch(args)
        return self.await_end(row) if args.wait else row


class Cancel(_Change):
    """End an operation; the remaining executions stay as they are."""

    verb = 'cancel'
