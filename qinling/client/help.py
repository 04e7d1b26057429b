# SPDX-License-Identifier: Apache-2.0
"""Help of the shell: commands, options of a command, and suggestions."""

from __future__ import annotations

import argparse
import inspect
import itertools
import os
import typing

from cliff import command

from qinling import suggestions

#: Frequent wrong name of an option -> the name.
SYNONYMS = {'--cron': '--pattern', '--input': '--function-input',
            '--alias': '--function-alias', '--schedule': '--pattern'}
#: Words for which people look -> command.
COMMANDS = {
    'call': 'invoke', 'cost': 'stats', 'costs': 'stats', 'cron': 'job create',
    'deploy': 'apply', 'edit': 'function update', 'errors': 'failure list',
    'events': 'event source list', 'exec': 'invoke', 'hook': 'webhook create',
    'ls': 'function list', 'price': 'stats', 'promote': 'rollout promote',
    'publish': 'version create', 'push': 'apply', 'rm': 'function delete',
    'run': 'invoke', 'schedule': 'job create', 'serve': 'dev',
    'status': 'doctor', 'update': 'function update',
    'upload': 'function create'}


def explain_options(parser: argparse.ArgumentParser) -> None:
    """Let a parser suggest what to write in place of unknown words.

    Errors name the command with the help, and leave out the usage, which
    would fill the screen.
    """
    find_abbreviations = parser._get_option_tuples  # type: ignore

    def error(message: str) -> typing.NoReturn:
        unknown = message.partition('unrecognized arguments: ')[2]
        if unknown:
            message = f'{message}.{_suggest_words(parser, unknown)}'
        parser.exit(2, f'{parser.prog}: error: {message}\n'
                       f'Options: {parser.prog} --help\n')

    def match(text: str) -> typing.Any:
        # --function could be an abbreviation of --function-version.
        name = text.partition('=')[0]
        for action in parser._get_positional_actions():
            if name == f'--{action.dest.replace("_", "-")}':
                parser.error(f'there is no option {name}; write '
                             f'{action.metavar} without an option')
        return find_abbreviations(text)
    setattr(parser, 'error', error)
    setattr(parser, '_get_option_tuples', match)


def _suggest_words(parser: argparse.ArgumentParser, unknown: str) -> str:
    """Return a sentence with the options for unknown words, or nothing."""
    names = parser._option_string_actions
    word = unknown.split()[0]
    if word.startswith('-'):
        name = word.partition('=')[0]
        return suggestions.suggest(names, SYNONYMS.get(name, name), name)
    inputs = [name for name in ('--function-input', '--input')
              if name in names]
    if '=' in word and inputs:
        return (f' The input is an option: {inputs[0]} '
                "'{\"KEY\": \"VALUE\"}'")
    likely = ['--function', '--name']
    if os.path.exists(word):
        likely.insert(0, '--file')
    return next((f' Did you mean: {name} {word}?' for name in likely
                 if name in names), '')


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
    synonyms = (f' Did you mean: {COMMANDS[word]}?'
                for word in words[:2] if word in COMMANDS)
    hints = (suggestions.suggest(names, ' '.join(words[:count]))
             for count in range(len(words), 0, -1))
    likely = f'function {text}', f'{text.removesuffix("s")} list'
    near = (f' Did you mean: {name}?' for name in likely if name in names)
    hint = next(filter(None, itertools.chain(near, synonyms, hints)),
                ' List the commands: qinling help')
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
