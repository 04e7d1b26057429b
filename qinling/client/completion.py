# SPDX-License-Identifier: Apache-2.0
"""Completion of the command line in shells.

The script of a shell asks the program for the words, which include names of
resources on the server.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
import itertools
import typing

from cliff import command

from qinling.client import exceptions

SCRIPTS = {
    'bash': """\
_qinling() {
    local IFS=$'\\n'
    local cur="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=($(compgen -W "$(qinling complete --words -- \\
        "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$cur"))
    if [ ${#COMPREPLY[@]} -eq 0 ]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}
complete -o filenames -F _qinling qinling
""",
    'zsh': """\
#compdef qinling
_qinling() {
    local -a found
    found=("${(@f)$(qinling complete --words -- \\
        "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found" ]]; then
        compadd -- $found
    else
        _files
    fi
}
compdef _qinling qinling
""",
    'fish': """\
function __qinling_words
    set -l words (commandline -opc)
    qinling complete --words -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c qinling -a '(__qinling_words)'
"""}
#: Names that a completion reads at most.
MAX_NAMES = 200
#: Argument -> collection of the Python client.
COLLECTIONS = {
    'function': 'functions', 'function_id': 'functions',
    'runtime': 'runtimes', 'alias': 'aliases', 'function_alias': 'aliases',
    'job': 'jobs', 'webhook': 'webhooks',
    'event_source': 'event_sources', 'execution': 'executions',
    'executions': 'executions'}


class Complete(command.Command):
    """Print the completion for a shell: bash, zsh or fish."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument('--shell', choices=sorted(SCRIPTS),
                            default='bash', help='Shell, default bash.')
        parser.add_argument('--words', action='store_true',
                            help='Print the possible last words of a line.')
        parser.add_argument('line', nargs='*', metavar='WORD',
                            help='Words of the line, the last incomplete.')
        return parser

    def get_epilog(self) -> str:
        """Return no text."""
        return ''

    def _load_hooks(self) -> None:
        self._hooks = []

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Print a script or words."""
        app: typing.Any = self.app
        if not parsed_args.words:
            app.stdout.write(SCRIPTS[parsed_args.shell])
            return
        *line, last = parsed_args.line or ['']
        for word in list_words(app, line, last):
            app.stdout.write(f'{word}\n')


def list_words(app: typing.Any, line: list[str], last: str) -> list[str]:
    """Return the possible last words of a line that begin with ``last``."""
    is_help = line[:1] == ['help']
    if is_help:
        line = line[1:]
    commands = [name.split() for name in app.command_manager.commands]
    commands += [words[1:] for words in commands
                 if words[0] == 'function' and len(words) > 1
                 and words[1] in app.command_manager.SHORT]
    words = {words[len(line)] for words in commands
             if words[:len(line)] == line and len(words) > len(line)}
    try:
        factory, name, rest = app.command_manager.find_command(line)
    except ValueError:
        factory = None
    if factory and not is_help:
        instance = factory(app, None)
        words.update(_list_arguments(
            app, instance, instance.get_parser(name), rest, last))
    return sorted(word for word in words if word.startswith(last))


def _list_arguments(app: typing.Any, instance: typing.Any,
                    parser: argparse.ArgumentParser, rest: list[str],
                    last: str) -> Iterable[str]:
    """Return the options, values or names at the end of a command."""
    options: dict[str, argparse.Action] = {
        option: action for action in parser._actions
        for option in action.option_strings}
    previous = options.get(rest[-1]) if rest else None
    if previous is not None and previous.nargs != 0:
        return _list_values(app, instance, previous)
    if last.startswith('-'):
        return options
    positional = [action for action in parser._actions
                  if not action.option_strings]
    count = sum(not word.startswith('-') for word in rest)
    if not positional:
        return ()
    action = positional[min(count, len(positional) - 1)]
    if count >= len(positional) and action.nargs not in ('*', '+'):
        return ()
    return _list_values(app, instance, action)


def _list_values(app: typing.Any, instance: typing.Any,
                 action: argparse.Action) -> Iterable[str]:
    """Return the values of an argument."""
    return (action.choices or getattr(action, 'values', ())
            or _list_names(app, instance, action.dest))


def _list_names(app: typing.Any, instance: typing.Any, argument: str
                ) -> list[str]:
    """Return the names of resources on the server; none without server."""
    key = (instance.collection if argument == 'references'
           else COLLECTIONS.get(argument))
    if key is None:
        return []
    try:
        collection = getattr(app.client_manager.function_engine, key)
        query: dict[str, typing.Any] = {'limit': MAX_NAMES}
        if key == 'executions':
            query.update(sort_key='created_at', sort_dir='desc')
        rows = itertools.islice(collection.list(**query), MAX_NAMES)
        return [row.get(collection.name) or row['id'] for row in rows]
    except exceptions.ClientError:
        return []
