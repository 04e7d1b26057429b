# SPDX-License-Identifier: Apache-2.0
"""The shell ``qinling``: the commands without OpenStackClient."""

import argparse
import typing

from cliff import app
from cliff import commandmanager

from qinling.client import access
from qinling import version

DESCRIPTION = (f'Manage Qinling functions. Connects to {access.DEFAULT_URL} '
               'without authentication by default.')


class Shell(app.App):
    """Application of the commands.

    :param argv: the command line; the authentication type in ``argv``
        decides which options exist.
    """

    NAME = 'qinling'

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._failed = False
        super().__init__(
            DESCRIPTION, version.release(),
            commandmanager.CommandManager('openstack.function_engine.v1'),
            deferred_help=True)

    def build_option_parser(
            self, description: str | None, version: str | None,
            argparse_kwargs: dict[str, typing.Any] | None = None
            ) -> argparse.ArgumentParser:
        """Return the parser of the global options.

        Abbreviations are off: an abbreviation of a global option could be
        an option of a command.
        """
        parser = super().build_option_parser(
            description, version, {'allow_abbrev': False})
        access.add_options(parser, self._argv)
        return parser

    def configure_logging(self) -> None:
        """Log requests, too, with ``--debug``."""
        if self.options.debug:
            self.options.verbose_level = 2
        super().configure_logging()

    def initialize_app(self, argv: list[str]) -> None:
        """Create the client manager of the commands."""
        self.client_manager = access.ClientManager(self.options)

    def run_subcommand(self, argv: list[str]) -> int:
        """Run one command and remember a failure."""
        code = super().run_subcommand(argv)
        self._failed = self._failed or code != 0
        return code

    def run(self, argv: list[str]) -> int:
        """Run one command, or the commands on standard input.

        :returns: the exit code: 1 if any command on standard input fails.
        """
        code = super().run(argv)
        return int(self._failed) if self.interpreter else code


def main(argv: list[str]) -> int:
    """Run a command and return the exit code."""
    return Shell(argv).run(argv)
