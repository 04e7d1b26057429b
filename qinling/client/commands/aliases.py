# SPDX-License-Identifier: Apache-2.0
"""Commands for aliases."""

import argparse
from collections.abc import Iterable
import shlex
import typing

from qinling.client.commands import base
from qinling.client.commands import dry_run
from qinling.client.commands import flow_control
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import rollouts
from qinling.client.commands import tables
from qinling.client import exceptions

WEIGHT = options.Argument(
    '--weight', action='append', metavar='VERSION=WEIGHT',
    help='Share of the executions for a version, such as 2=0.1. Repeat the '
         'option, so that the weights add up to 1.')
NO_WEIGHTS = options.Argument(
    '--no-weights', action='store_true',
    help='Remove the weights; all executions then run one version.')


def show_function(row: base.Row, lookup: names.Names) -> str:
    """Return the name of the function."""
    return lookup.get('function_id', row['function_id'])


def show_routing(row: base.Row, _lookup: names.Names) -> str:
    """Return the version, or the versions with their shares."""
    routing = row.get('routing')
    if routing:
        return ', '.join(f'{version} ({share:.0%})'
                         for version, share in routing.items())
    return str(row['function_version'] or 'latest code')


class Alias(base.Noun):
    """Noun of the commands for aliases."""

    collection = 'aliases'
    word = 'function_alias'
    columns: base.Columns = (
        'name', 'function_id', 'description', 'function_version', 'project_id',
        'created_at', 'updated_at')
    detail_columns: base.Columns = ('routing', 'id', 'tool', 'flow_control')
    brief: base.Briefs = (
        tables.NAME, base.Brief('Function', show_function),
        base.Brief('Version', show_routing), tables.DESCRIPTION,
        tables.CHANGED)
    filters = ('tool', 'all_projects', 'project_id')
    naming = 'Name'

    def resolve(self, reference: str) -> str:
        return reference


List = base.define(
    'List aliases.', Alias, tables.List,
    empty='There are no aliases. Create one:',
    hint='function alias create NAME --function FUNCTION '
         '--function-version N')
Delete = base.define('Delete aliases.', Alias, base.Delete)
References = base.define('List the resources that prevent the deletion of an '
                         'alias.', Alias, tables.References)


class Show(Alias, base.Get):
    """Show an alias, and for people its rollout."""

    def run(self, args: argparse.Namespace) -> int:
        """Print the fields, then draw a rollout that has not ended."""
        code = super().run(args)
        if args.formatter == 'table' and not args.columns:
            for line in self.draw_rollout(args.function_alias):
                self.print_line(line)
        return code

    def draw_rollout(self, name: str) -> Iterable[str]:
        """Return the lines about the rollout of the alias, if any."""
        try:
            row = self.client.rollouts.get(name)
        except exceptions.NotFound:
            return ()
        return (rollouts.draw(row, self.app.stdout)
                if row['status'] in rollouts.LIVE else ())


class Write(Alias, base.Addressed, dry_run.DryRun):
    """Base of the commands that create and move an alias."""

    def build_fields(self, args: argparse.Namespace) -> dict[str, typing.Any]:
        """Return the target of the alias, as fields of the API."""
        fields = {'function_version': args.function_version,
                  'description': args.description, 'tool': args.tool,
                  'flow_control': args.flow_control}
        if args.function:
            fields['function_id'] = self.client.functions.find_id(
                args.function)
        if args.weight:
            fields['routing'] = dict(map(_parse_weight, args.weight))
        return fields


def _declare_target(required: bool, version: int | None,
                    description: str | None
                    ) -> tuple[options.Declaration, ...]:
    return (
        options.Argument('--function', required=required,
                         help='Id or name of the function.'),
        options.Argument(
            '--function-version', type=int, default=version, metavar='N',
            help='Number of the version; 0 is the latest code.'),
        options.describe('alias', default=description), flow_control.OPTION,
        options.Argument(
            '--tool', metavar='NAME',
            help='Name of the function as a tool for assistants; the version '
                 'needs an input schema. An empty name removes the tool.'))


class Create(Write):
    """Create an alias."""

    arguments = (*_declare_target(True, 0, ''), WEIGHT)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        self.next_step = ('function invoke --alias '
                          + shlex.quote(args.function_alias))
        return self.resources.create(
            args.function_alias, **self.build_fields(args))


class Update(Write):
    """Move an alias to another target, or change the description."""

    arguments = (*_declare_target(False, None, None),
                 options.Exclusive(WEIGHT, NO_WEIGHTS), options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        fields = self.build_fields(args)
        if args.no_weights:
            fields['routing'] = {}
        return self.resources.update(
            args.function_alias, if_match=args.if_match, **fields)


class Rollback(Alias, base.Addressed, base.Show):
    """Point an alias at the previous target."""

    arguments = (options.Argument(
        '--revision', type=int, metavar='N',
        help='Use this entry of the history, not the previous entry.'),
        options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.roll_back(
            args.function_alias, args.revision, args.if_match)


class History(Alias, base.Addressed, tables.Table):
    """List the targets of an alias, the newest first."""

    columns: base.Columns = (
        'revision', 'created_at', 'user_id', 'function_id', 'function_version',
        'routing')
    detail_columns: base.Columns = ('reason', 'rollout_id')
    brief: base.Briefs = (
        base.Brief('Revision', tables.show_field('revision')),
        base.Brief('Function', show_function),
        base.Brief('Version', show_routing), tables.CREATED,
        base.Brief('User', tables.show_field('user_id')),
        base.Brief('Reason', tables.show_field('reason')))

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return self.resources.list_history(args.function_alias)


def _parse_weight(text: str) -> tuple[str, float]:
    version, _, weight = text.partition('=')
    try:
        share = float(weight)
        if 0 <= share <= 1:
            return str(int(version)), share
    except ValueError:
        pass
    raise exceptions.ClientError(
        f'Invalid weight: {text}; write VERSION=WEIGHT with a weight from 0 '
        'to 1, such as 2=0.1.')
