# SPDX-License-Identifier: Apache-2.0
"""Commands about what functions depend on."""

from qinling.client.commands import base
from qinling.client.commands import options


class Build(base.Noun):
    collection = 'functions'
    word = 'build'
    columns = ('kind', 'status', 'status_reason', 'size', 'created_at',
               'ended_at')

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', help='Id or name of the function.')
        parser.add_argument(
            '--function-version', type=options.count, default=0, metavar='N',
            help='Number of the version; 0, the default, is the latest '
                 'code.')
        return parser

    def which(self, args):
        """The id of the function and the number of the version."""
        return self.things.id_of(args.function), args.function_version


class Show(Build, base.Show):
    """Show how far the installation of a function's dependencies is."""

    def row(self, args):
        return self.things.build(*self.which(args))


class LogShow(Build, base.Command):
    """Show what was printed when dependencies were installed."""

    def take_action(self, args):
        self.app.stdout.write(
            self.things.build(*self.which(args))['log'] or '\n')


class Create(Build, base.Command):
    """Have dependencies that could not be installed tried again."""

    def take_action(self, args):
        self.things.rebuild(*self.which(args))
        self.say('Request to install the dependencies has been accepted.')
