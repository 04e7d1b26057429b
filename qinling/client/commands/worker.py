# SPDX-License-Identifier: Apache-2.0
"""Commands about the workers of functions and of versions."""

from qinling.client.commands import base
from qinling.client.commands import function
from qinling.client.commands import options
from qinling.client.commands import version


class List(function.Function, base.Table):
    """List the workers of a function (administrators only)."""

    columns = ('function_id', 'worker_name')

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', help='Id or name of the function.')
        parser.add_argument('--function-version', type=int, metavar='N',
                            help='Show those of this version.')
        return parser

    def rows(self, args):
        return self.things.workers(
            self.things.id_of(args.function), args.function_version)


class Workers(base.Command):
    """A request about the workers of a function."""

    verb = None

    def ask(self, *target, **how):
        """Make the request; ``target`` is a function, or a version."""
        raise NotImplementedError

    def take_action(self, args):
        counted = {'count': args.count} if hasattr(args, 'count') else {}
        self.ask(*self.which(args), **counted)
        self.say(f'Request to {self.verb} function {self.called(args)} has '
                 'been accepted.')


class OfFunction(function.Function, Workers):
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', help='Id or name of the function.')
        return parser

    def which(self, args):
        return [self.things.id_of(args.function)]

    def called(self, args):
        return args.function


class OfVersion(version.Numbered, Workers):
    def called(self, args):
        return f'{args.function_id}(version {args.version_number})'


class Counted:
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--count', type=options.positive, default=1,
                            help='Number of workers; 1 if not given.')
        return parser


class Up(Counted):
    verb = 'scale up'

    def ask(self, *target, **how):
        self.things.scale_up(*target, **how)


class Down(Counted):
    verb = 'scale down'

    def ask(self, *target, **how):
        self.things.scale_down(*target, **how)


class Keep:
    verb = 'keep workers of'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--count', type=options.count, default=1,
                            help='Number of workers, 0 for none; 1 if not '
                                 'given.')
        return parser

    def ask(self, *target, **how):
        self.things.provision(*target, **how)


class Off:
    verb = 'detach'

    def ask(self, *target, **how):
        self.things.detach(*target, **how)


class Scaleup(Up, OfFunction):
    """Add workers to a function (administrators only)."""


class Scaledown(Down, OfFunction):
    """Take workers from a function (administrators only)."""


class Provision(Keep, OfFunction):
    """Have each engine keep workers warm (administrators only)."""


class Detach(Off, OfFunction):
    """Drop all workers of a function (administrators only)."""


class VersionScaleup(Up, OfVersion):
    """Add workers to a version of a function (administrators only)."""


class VersionScaledown(Down, OfVersion):
    """Take workers from a version of a function (administrators only)."""


class VersionProvision(Keep, OfVersion):
    """Have each engine keep workers of a version warm (administrators
    only)."""


class VersionDetach(Off, OfVersion):
    """Drop all workers of a version of a function (administrators only)."""
