# SPDX-License-Identifier: Apache-2.0
"""Commands for versions of functions."""

import argparse
from collections.abc import Iterable
import shlex
import typing

from qinling.client.commands import base
from qinling.client.commands import cells
from qinling.client.commands import colors
from qinling.client.commands import download
from qinling.client.commands import dry_run
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client import exceptions
from qinling.client import units

FUNCTION = options.reference('function')
TAG = options.Argument('--tag', dest='tags', action='append', metavar='TAG',
                       help='Short name for the version, such as reviewed; '
                            'can be repeated.')


class Version(base.Noun):
    """Noun of the commands for versions."""

    collection = 'versions'
    word = 'function_version'
    columns: base.Columns = (
        'id', 'function_id', 'description', 'version_number', 'count',
        'project_id', 'created_at', 'updated_at')
    detail_columns: base.Columns = (
        'code', 'entry', 'cpu', 'memory_size', 'timeout', 'runtime_id',
        'async_policy', 'min_workers', 'environment', 'secret_names',
        'message', 'tags', 'digest', 'input_schema', 'output_schema')
    brief: base.Briefs = (
        base.Brief('Version', tables.show_field('version_number')),
        tables.DESCRIPTION,
        base.Brief('Memory', tables.show_field('memory_size')),
        base.Brief('Timeout', tables.show_field('timeout')),
        base.Brief('Executions', tables.show_field('count')), tables.CREATED)
    owned = False

    def list_address(self) -> tuple[options.Declaration, ...]:
        return FUNCTION, options.Argument(
            'version_number', metavar='N', type=int,
            help='Number of the version.')

    def find_function(self, args: argparse.Namespace) -> str:
        """Return the id of the function."""
        return self.client.functions.find_id(args.function)

    def locate(self, args: argparse.Namespace) -> tuple[str | int, ...]:
        return self.find_function(args), args.version_number


Show = base.define('Show a version of a function.', Version, base.Get)
Download = base.define('Download the package of a version of a function.',
                       Version, download.Download)
References = base.define('List the resources that prevent the deletion of a '
                         'version of a function.', Version, tables.References)


class List(Version, tables.List):
    """List the versions of a function."""

    sortable = ('version_number', 'created_at', 'updated_at', 'id')
    filters = ('tags',)
    empty = 'The function has no versions. Publish one:'
    hint = 'function version create FUNCTION'
    arguments = (FUNCTION,)

    def list_rows(self, args: argparse.Namespace,
                  **query: typing.Any) -> Iterable[base.Row]:
        return self.resources.list(self.find_function(args), **query)


class Create(Version, dry_run.DryRun):
    """Publish the latest code of a function as a version."""

    arguments = (
        FUNCTION, options.describe('version'),
        options.Argument('--message', metavar='TEXT',
                         help='Why you publish the version, as in a commit; '
                              'never changes.'), TAG)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row = self.resources.create(
            self.find_function(args), args.description,
            message=args.message, tags=args.tags)
        # Older servers keep all versions.
        retention = row.get('retention') or {'deleted': [], 'in_use': []}
        for number in retention['deleted']:
            self.note(f'Deleted version {number}.')
        for version in retention['in_use']:
            self.note(f'Kept version {version["version_number"]}: '
                      f'{version["reason"]}')
        self.next_step = (
            'function alias create NAME --function '
            f'{shlex.quote(args.function)} '
            f'--function-version {row["version_number"]}')
        return row


class Update(Version, base.Addressed, base.Show):
    """Change the description or the tags of a version of a function."""

    arguments = (
        options.describe('version'), TAG,
        options.Argument('--no-tags', action='store_const', const=[],
                         dest='tags', help='Remove all tags.'),
        options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        if args.description is None and args.tags is None:
            raise exceptions.ClientError(
                'Specify what to change: --description, --tag or --no-tags.')
        return self.resources.update(
            *self.locate(args), if_match=args.if_match,
            description=args.description, tags=args.tags)


class Verify(Version, base.Addressed, base.Show):
    """Compare a version of a function with its digest; fail if any part
    differs."""

    columns = ('valid', 'digest', 'recomputed', 'parts')
    detail_columns = ()

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row = self.resources.verify(*self.locate(args))
        if not row['valid']:
            self.failure = (f'Version {args.version_number} differs from its '
                            f'digest: {", ".join(row["parts"])}')
        return row


class Delete(Version, base.Addressed):
    """Delete a version of a function."""

    arguments = (options.IF_MATCH,)

    def take_action(self, args: argparse.Namespace) -> None:
        self.resources.delete(*self.locate(args), if_match=args.if_match)


class Usage(Version, base.Addressed, base.Show):
    """Show what still uses a version of a function."""

    is_watchable = True
    columns = ('state', 'running', 'queued', 'scheduled', 'aliases', 'jobs',
               'webhooks', 'event_sources')
    detail_columns = ()

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.get_usage(*self.locate(args))


class Diff(Version):
    """Show what changed between two versions of a function."""

    arguments = (
        FUNCTION,
        options.Argument('old', metavar='OLD', type=options.parse_count,
                         nargs='?', help='Number of a version; default is '
                                         'the latest version.'),
        options.Argument('new', metavar='NEW', type=options.parse_count,
                         nargs='?', default=0,
                         help='Number of a version; default is the latest '
                              'code.'))

    def take_action(self, args: argparse.Namespace) -> None:
        row = self.resources.compare(self.find_function(args), args.old,
                                     args.new)
        style = colors.Style(self.app.stdout)
        for name, values in row['settings'].items():
            old, new = (cells.format_field(name, values[side])
                        for side in ('old', 'new'))
            if old != new:
                self.print_line(f'{name}:')
                self.print_line(style.red(f'- {old}'))
                self.print_line(style.green(f'+ {new}'))
        for file in row['files']:
            self.print_line(f'{file["path"]}: {file["change"]}'
                            f'{_describe_sizes(file)}')
            for line in (file['diff'] or '').splitlines():
                paint = {'-': style.red, '+': style.green}.get(line[:1], str)
                self.print_line(paint(line))
        if row['truncated']:
            self.note('More files changed than are shown.')
        if not row['settings'] and not row['files']:
            self.note('Nothing changed.')


def _describe_sizes(file: base.Row) -> str:
    """Return the sizes of a file without a difference in lines."""
    if file['diff'] is not None:
        return ''
    sizes = [units.format_size(file[name]) if file[name] is not None else ''
             for name in ('old_size', 'new_size')]
    return f' ({" to ".join(filter(None, sizes))})'
