# SPDX-License-Identifier: Apache-2.0
"""Help of the shell: commands, options of a command, and suggestions."""

from __future__ import annotations

import argparse
import inspect
import itertools
import typing

from cliff import command

from qinling import suggestions


def explain_options(parser: argparse.ArgumentParser) -> None:
    """Let a parser suggest options in place of unknown options."""
    report = parser.error

    def error(message: str) -> typing.NoReturn:
        for word in message.split():
            if word.startswith('--') and 'unrecognized' in message:
                message += '.' + suggestions.suggest(
                    parser._option_string_actions, word.partition('=')[0])
                break
        report(message)
    setattr(parser, 'error', error)


def run_help(app: typing.Any, words: list[str]) -> int:
    """Print the help of a command, of a noun, or of the shell.

    :param words: beginning of a command; the rest is ignored.
    """
    if not words or words[0].startswith('-'):
        app.stdout.write(app.parser.format_help())
        app.stdout.write('\nCommands:\n' + _list_commands(app, ''))
        return 0
    try:
        factory, name, _rest = app.command_manager.find_command(words)
    except ValueError:
        return explain_unknown(app, words, app.stdout)
    parser = factory(app, None).get_parser(f'{app.NAME} {name}')
    app.stdout.write(parser.format_help())
    return 0


def explain_unknown(app: typing.Any, argv: list[str],
                    stream: typing.TextIO) -> int:
    """Print the commands of a noun, or what an unknown command may mean.

    :param stream: receives the commands of a noun.
    :returns: the exit code.
    """
    words = list(itertools.takewhile(_is_plain, argv))
    if listing := words and _list_commands(app, ' '.join(words) + ' '):
        stream.write(f'Commands of {" ".join(words)}:\n{listing}')
        return 0 if stream is app.stdout else 2
    names = list(app.command_manager.commands)
    names += [short for name in names
              if (short := name.removeprefix('function ')).split()[0]
              in app.command_manager.SHORT]
    text = ' '.join(words) or argv[0]
    hints = (suggestions.suggest(names, ' '.join(words[:count]))
             for count in range(len(words), 0, -1))
    hint = next(filter(None, hints), ' List the commands: qinling help')
    app.stderr.write(f'{text!r} is not a command.{hint}\n')
    return 2


def _is_plain(word: str) -> bool:
    return not word.startswith('-')


def _list_commands(app: typing.Any, prefix: str) -> str:
    """Return names and descriptions of the commands with a prefix."""
    manager = app.command_manager
    if prefix.split(' ')[0] in manager.SHORT:
        prefix = f'function {prefix}'
    points = [(name, point) for name, point in sorted(manager)
              if name.startswith(prefix)]
    width = max((len(name) for name, _point in points), default=0)
    lines = []
    for name, point in points:
        text = inspect.getdoc(point.load()) or ''
        summary = text.partition('\n\n')[0].replace('\n', ' ').rstrip('.')
        lines.append(f'  {name:<{width}}  {summary}\n')
    return ''.join(lines)


class Help(command.Command):
    """Show the commands, or the options of a command."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return a parser of all words."""
        parser = super().get_parser(prog_name)
        parser.add_argument('cmd', nargs=argparse.REMAINDER,
                            help='Name of the command.')
        return parser

    def _load_hooks(self) -> None:
        self._hooks = []

    def get_epilog(self) -> str:
        """Return no text."""
        return ''

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Print the help."""
        return run_help(self.app, parsed_args.cmd)
