# SPDX-License-Identifier: Apache-2.0
"""Commands about aliases."""

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions


class Alias(base.Noun):
    collection = 'aliases'
    word = 'function_alias'
    columns = ('name', 'function_id', 'description', 'function_version',
               'project_id', 'created_at', 'updated_at')
    more = ('routing', 'id')
    filters = ('all_projects', 'project_id')


class Named(Alias):
    """One alias, by its name."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('name', help='Name of the alias.')
        return parser


class List(Alias, base.List):
    """List aliases."""


class Show(Named, base.Show):
    """Show an alias."""

    def row(self, args):
        return self.things.get(args.name)


class Pointed(Named, base.Show):
    """What creating and moving an alias have in common."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--function', required=self.required,
                            help='Id or name of the function.')
        parser.add_argument(
            '--function-version', type=int, default=self.version,
            metavar='N', help='Number of the version; 0 is the latest code.')
        parser.add_argument('--description', default=self.description,
                            help='Description of the alias.')
        self.weights = parser.add_mutually_exclusive_group()
        self.weights.add_argument(
            '--weight', action='append', metavar='VERSION=WEIGHT',
            help='The part of all executions that a version gets, such as '
                 '2=0.1; repeat it, so that the weights sum to 1.')
        return parser

    def fields(self, args):
        """Where the alias points, as the API wants it."""
        fields = {'function_version': args.function_version,
                  'description': args.description}
        if args.function:
            fields['function_id'] = self.client.functions.id_of(
                args.function)
        if args.weight:
            fields['routing'] = dict(_weight(text) for text in args.weight)
        return fields


class Create(Pointed):
    """Create an alias."""

    required, version, description = True, 0, ''

    def row(self, args):
        return self.things.create(args.name, **self.fields(args))


class Update(Pointed):
    """Move an alias, or describe it."""

    required, version, description = False, None, None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        self.weights.add_argument(
            '--no-weights', action='store_true',
            help='Go back to the one version without weights.')
        options.add_if_match(parser)
        return parser

    def row(self, args):
        fields = self.fields(args)
        if args.no_weights:
            fields['routing'] = {}
        return self.things.update(args.name, args.if_match, **fields)


class Delete(Alias, base.Delete):
    """Delete aliases."""

    def delete(self, reference, if_match):
        self.things.delete(reference, if_match)


class Rollback(Named, base.Show):
    """Point an alias at what it pointed at before."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--revision', type=int, metavar='N',
            help='Go back to this entry of the history, not to the one '
                 'before.')
        options.add_if_match(parser)
        return parser

    def row(self, args):
        return self.things.rollback(args.name, args.revision, args.if_match)


class History(Named, base.Table):
    """List what an alias pointed at, the newest first."""

    columns = ('revision', 'created_at', 'user_id', 'function_id',
               'function_version', 'routing')

    def rows(self, args):
        return self.things.history(args.name)


class References(Named, base.References):
    """List what keeps an alias from being deleted."""

    columns = base.References.columns

    def rows(self, args):
        return self.things.references(args.name)


def _weight(text):
    version, _, weight = text.partition('=')
    try:
        return str(int(version)), float(weight)
    except ValueError:
        raise exceptions.ClientError(
            f'Invalid weight: {text}; write VERSION=WEIGHT, such as 2=0.1.')
