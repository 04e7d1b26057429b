# SPDX-License-Identifier: Apache-2.0
"""Commands for builds, the installed dependencies of functions."""

import argparse

from qinling.client.commands import base
from qinling.client.commands import options


class Build(base.Addressed):
    """Noun of the commands for builds."""

    collection = 'functions'
    word = 'function'
    columns: base.Columns = (
        'kind', 'status', 'status_reason', 'size', 'created_at', 'ended_at')
    arguments = (options.Argument(
        '--function-version', type=options.parse_count, default=0,
        metavar='N',
        help='Number of the version; 0, the default, is the latest code.'),)

    def locate(self, args: argparse.Namespace) -> tuple[str | int, ...]:
        return *super().locate(args), args.function_version


class Show(Build, base.Show):
    """Show the progress of the installation of dependencies."""

    is_watchable = True

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.get_build(*self.locate(args))


class LogShow(Build):
    """Show the output of the installation of dependencies."""

    def take_action(self, args: argparse.Namespace) -> None:
        self.app.stdout.write(
            self.resources.get_build(*self.locate(args))['log'] or '\n')


class Create(Build):
    """Retry a failed installation of dependencies."""

    def take_action(self, args: argparse.Namespace) -> None:
        self.resources.retry_build(*self.locate(args))
        self.print_line(
            'Request to install the dependencies has been accepted.')
