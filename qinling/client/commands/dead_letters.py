# SPDX-License-Identifier: Apache-2.0
"""Commands for dead letters."""

import argparse
import typing

from qinling.client.commands import base
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client.commands import targets
from qinling.client import exceptions

FILTERS = ('function_id', 'function_version', 'function_alias', 'trigger',
           'source_id', 'execution_id', 'created_at', 'first_at', 'attempts')


class DeadLetter(base.Noun):
    """Noun of the commands for dead letters."""

    collection = 'dead_letters'
    word = 'dead_letter'
    columns: base.Columns = (
        'id', 'created_at', 'first_at', 'trigger', 'source_id',
        'function_alias', 'function_id', 'function_version', 'attempts',
        'reason', 'execution_id', 'size')
    detail_columns: base.Columns = ('payload', 'project_id', 'updated_at')
    brief: base.Briefs = (
        base.Brief('Id', tables.show_field('id')),
        base.Brief('Trigger', tables.show_field('trigger')), tables.TARGET,
        base.Brief('Attempts', tables.show_field('attempts')),
        base.Brief('Size', tables.show_field('size')), tables.CREATED,
        base.Brief('Reason', tables.show_field('reason')))
    filters = (*FILTERS, 'all_projects', 'project_id')
    naming = 'Id'

    def resolve(self, reference: str) -> str:
        return reference


List = base.define(
    'List dead letters.', DeadLetter, tables.List, default_limit=20,
    sortable=('created_at', 'updated_at', 'id', 'first_at', 'trigger',
              'attempts', 'size'),
    empty='There are no dead letters.')
Show = base.define('Show a dead letter with its payload.', DeadLetter,
                   base.Get)
Delete = base.define('Delete dead letters.', DeadLetter, base.Delete)


class Redrive(DeadLetter, base.Show):
    """Run the payloads of dead letters, and delete the letters."""

    columns: base.Columns = ('count', 'redriven', 'reason')
    detail_columns: base.Columns = ()
    arguments = (
        options.Argument('references', metavar='DEAD_LETTER', nargs='*',
                         help='Id of the dead letter; can be repeated.'),
        options.Argument(
            '--filter', dest='filters', action='append', default=[],
            metavar='KEY=VALUE',
            help='All letters with this value in place of ids; can be '
                 f'repeated. Keys: {", ".join(FILTERS)}.'),
        options.Argument('--all', action='store_true',
                         help='All letters of the project.'),
        options.Argument('--dry-run', action='store_true',
                         help='With --filter or --all: only show the '
                              'number.'),
        *targets.ARGUMENTS)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        if bool(args.references) == bool(args.filters or args.all):
            raise exceptions.ClientError(
                'Specify either dead letters, or --filter, or --all.')
        target = (targets.build_target(self.client, args)
                  if args.function or args.function_alias else {})
        if not target and args.function_version is not None:
            target = {'function_version': args.function_version}
        return (self.redrive_some(args, target) if args.references
                else self.redrive_all(args, target))

    def redrive_some(self, args: argparse.Namespace,
                     target: dict[str, typing.Any]) -> base.Row:
        """Redrive the letters with the ids."""
        if args.dry_run:
            raise exceptions.ClientError(
                '--dry-run needs --filter or --all.')
        for id in args.references:
            row = self.resources.redrive(id, **target)
            self.note(f'Execution {row["id"]} runs the payload of {id}.')
        number = len(args.references)
        return {'count': number, 'redriven': number, 'reason': None}

    def redrive_all(self, args: argparse.Namespace,
                    target: dict[str, typing.Any]) -> base.Row:
        """Redrive the letters that the filters select, in parts."""
        filters = names.parse_filters(self.client, args.filters)
        total = self.resources.redrive_all(True, target, **filters)
        redriven = 0
        while not args.dry_run and redriven < total['count']:
            part = self.resources.redrive_all(False, target, **filters)
            redriven += part['redriven']
            total['reason'] = part['reason']
            if part['reason'] or not part['redriven']:
                self.failure = part['reason']
                break
        return dict(total, redriven=redriven)
