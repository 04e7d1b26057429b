# SPDX-License-Identifier: Apache-2.0
"""The shell ``qinling``: the commands without OpenStackClient."""

import argparse
from collections.abc import Iterator
import io
import logging
import shlex
import signal
import typing

from cliff import app

from qinling.client import access
from qinling.client.commands import progress
from qinling.client import help
from qinling.client import plugins
from qinling import version

DESCRIPTION = (f'Manage Qinling functions. Connects to {access.DEFAULT_URL} '
               'without authentication by default. Without a command, show '
               'the state of the server, or run the commands on standard '
               'input. Most commands also work without the word '
               '"function": "qinling logs" is "qinling function logs".')

#: Exit codes of a process that a signal ends.
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE

#: Commands that run functions in a debugger.
DEBUGGED = ('dev', 'replay')


class Shell(app.App):
    """Application of the commands.

    :param argv: the command line; the authentication type in ``argv``
        decides which options exist.
    """

    NAME = 'qinling'

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._code = 1
        super().__init__(
            DESCRIPTION, version.release(),
            plugins.CommandManager(plugins.COMMANDS), deferred_help=True)
        self.command_manager.commands.update(plugins.SHELL_COMMANDS)
        if isinstance(self.stdout, io.TextIOWrapper):
            # Functions return half surrogates, which no encoding has.
            self.stdout.reconfigure(errors='backslashreplace')

    def build_option_parser(
            self, description: str | None, version: str | None,
            argparse_kwargs: dict[str, typing.Any] | None = None
            ) -> argparse.ArgumentParser:
        """Return the parser of the global options.

        Abbreviations are off: an abbreviation of a global option could be
        an option of a command.
        """
        parser = super().build_option_parser(
            description, version, {'allow_abbrev': False,
                                   'prog': self.NAME})
        access.add_options(parser, self._argv)
        return parser

    def configure_logging(self) -> None:
        """Log requests, too, with ``--debug``."""
        if self.options.debug:
            self.options.verbose_level = 2
        if self.options.verbose_level < 2:
            # Each redirect would print a line.
            logging.getLogger('urllib3').setLevel(logging.WARNING)
        super().configure_logging()

    def initialize_app(self, argv: list[str]) -> None:
        """Create the client manager of the commands."""
        self.client_manager = access.ClientManager(
            self.options, progress.Spinner(self.stderr))

    def run(self, argv: list[str]) -> int:
        """Run one command, the commands on standard input, or the overview.
        """
        try:
            code = super().run(_rename_debug(_rename_version(argv)))
        except BrokenPipeError:
            return BROKEN_PIPE
        except KeyboardInterrupt:
            return INTERRUPTED
        return self._code if self.interactive_mode else code

    def print_help_if_requested(self) -> None:
        """Print the commands without the metadata of all distributions."""
        if self.options.deferred_help:
            raise SystemExit(help.run_help(self, []))

    def run_subcommand(self, argv: list[str]) -> int:
        """Run one command; suggest similar names of an unknown command."""
        try:
            self.command_manager.find_command(argv)
        except ValueError:
            return help.explain_unknown(self, argv, self.stderr)
        return super().run_subcommand(argv)

    def interact(self) -> None:
        """Run the commands on standard input, or show the overview.

        The exit code is 1 if any command fails, else 0.
        """
        codes = [self._run_line(words) for words in self._read_commands()]
        self._code = int(any(codes)) if codes else self.run_subcommand(
            ['overview'])

    def _read_commands(self) -> Iterator[list[str]]:
        """Yield the words of each command on standard input."""
        if self.stdin.isatty():
            return
        for line in self.stdin:
            if words := shlex.split(line, comments=True):
                yield words

    def _run_line(self, words: list[str]) -> int:
        if '--help' in words:
            return help.run_help(self, words)
        try:
            return self.run_subcommand(words)
        except SystemExit as e:
            return int(bool(e.code))


def _rename_version(argv: list[str]) -> list[str]:
    """Return the words with ``--version N`` under the name of the commands.

    Without a number, the option shows the version of the program.
    """
    words = []
    for word, following in zip(argv, [*argv[1:], '']):
        name, sign, value = word.partition('=')
        if name == '--version' and (value or following).isdigit():
            word = f'--function-version{sign}{value}'
        words.append(word)
    return words


def _rename_debug(argv: list[str]) -> list[str]:
    """Return the words with ``--debug`` of a command that has a debugger under
    another name: the program has an option of that name."""
    for place, word in enumerate(argv):
        if word in DEBUGGED and (
                not place or argv[place - 1] == 'function'
                or argv[max(place - 2, 0)].startswith('-')):
            return [*argv[:place], *(
                '--debugger' if word == '--debug' else word
                for word in argv[place:])]
    return argv


def main(argv: list[str]) -> int:
    """Run a command and return the exit code."""
    return Shell(argv).run(argv)
