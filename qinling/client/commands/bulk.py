# SPDX-License-Identifier: Apache-2.0
"""Commands on executions that act on all executions of a filter, too."""

import argparse
import typing

from qinling.client.commands import base
from qinling.client.commands import operations
from qinling.client.commands import options
from qinling.client import exceptions

#: Options that the command for operations has, too.
_FILTERS = options.Argument(
    '--filter', dest='filters', action='append', default=[],
    metavar='KEY=VALUE',
    help='All executions with this value, as in lists, in place of ids; runs '
         'in the background as an operation. Can be repeated. Keys: '
         f'{", ".join(operations.FILTERS)}.')
_OPTIONS = (
    options.Argument('--dry-run', action='store_true',
                     help='With --filter: only show the number.'),
    options.Argument('--yes', action='store_true',
                     help='With --filter: do not ask.'),
    options.Argument('--rate', type=float, metavar='N',
                     help='With --filter: at most so many executions per '
                          'second.'))
ARGUMENTS = (_FILTERS, *_OPTIONS)
WAIT = options.add_wait('with --filter, until the operation has ended')


class Bulk(base.Noun):
    """Mixin of the commands with an action on ids, or on a filter."""

    action: str

    def run(self, args: argparse.Namespace) -> int:
        """Run the command, or create an operation for a filter."""
        references = self.list_references(args)
        if args.filters and references:
            raise exceptions.ClientError(
                'Specify executions or --filter, not both.')
        if args.filters:
            return self._create_operation(args)
        if args.dry_run or args.yes or args.rate is not None:
            raise exceptions.ClientError(
                '--dry-run, --yes and --rate belong to --filter.')
        return super().run(args)

    def list_references(self, args: argparse.Namespace) -> list[str]:
        """Return the references to executions or functions."""
        raise NotImplementedError

    def list_words(self, args: argparse.Namespace) -> list[str]:
        """Return further words for the command of operations."""
        return []

    def _create_operation(self, args: argparse.Namespace) -> int:
        create = operations.Create(self.app, self.app_args)
        words = [self.action, *self.list_words(args)]
        for text in args.filters:
            words += ['--filter', text]
        for name in ('dry_run', 'yes', 'wait'):
            if getattr(args, name):
                words.append('--' + name.replace('_', '-'))
        if args.rate is not None:
            words += ['--rate', str(args.rate)]
        for column in getattr(args, 'columns', ()):
            words += ['--column', column]
        parser: typing.Any = create.get_parser('operation create')
        return create.run(parser.parse_args(words))
