# SPDX-License-Identifier: Apache-2.0
"""Commands about versions of functions."""

from qinling.client.commands import base
from qinling.client.commands import download
from qinling.client.commands import options


class Version(base.Noun):
    collection = 'versions'
    word = 'function_version'
    columns = ('id', 'function_id', 'description', 'version_number', 'count',
               'project_id', 'created_at', 'updated_at')
    more = ('code', 'entry', 'cpu', 'memory_size', 'timeout', 'runtime_id',
            'async_policy', 'min_workers', 'environment', 'secret_names')
    owned = False

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function_id', metavar='FUNCTION',
                            help='Id or name of the function.')
        return parser

    def function(self, args):
        """The id of the function."""
        return self.client.functions.id_of(args.function_id)


class Numbered(Version):
    """One version, by its number."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('version_number', metavar='N', type=int,
                            help='Number of the version.')
        return parser

    def which(self, args):
        """The id of the function and the number."""
        return self.function(args), args.version_number


class List(Version, base.List):
    """List the versions of a function."""

    def rows(self, args, **query):
        return self.things.list(self.function(args), **query)


class Show(Numbered, base.Show):
    """Show a version of a function."""

    def row(self, args):
        return self.things.get(*self.which(args))


class Create(Version, base.Show):
    """Publish the latest code of a function as a version."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--description',
                            help='Description of the version.')
        return parser

    def row(self, args):
        return self.things.create(self.function(args), args.description)


class Update(Numbered, base.Show):
    """Describe a version of a function."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--description', required=True,
                            help='Another description.')
        options.add_if_match(parser)
        return parser

    def row(self, args):
        return self.things.update(
            *self.which(args), args.description, args.if_match)


class Delete(Numbered, base.Command):
    """Delete a version of a function."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        options.add_if_match(parser)
        return parser

    def take_action(self, args):
        self.things.delete(*self.which(args), args.if_match)


class Download(Numbered, base.Command):
    """Download the package of a version of a function."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        download.add_output(parser)
        return parser

    def take_action(self, args):
        id, number = self.which(args)
        download.write(self, self.things.download(id, number),
                       args.output or f'{id}_{number}.zip')


class References(Numbered, base.References):
    """List what keeps a version of a function from being deleted."""

    columns = base.References.columns

    def rows(self, args):
        return self.things.references(*self.which(args))
