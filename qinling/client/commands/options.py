# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and the values of these options."""

import argparse
from collections.abc import Iterable
import json
import sys
import typing

from qinling.client.commands import json_inputs
from qinling.client import exact_json
from qinling.client import exceptions


class Argument:
    """Declaration of an argument, with the parameters of
    ``ArgumentParser.add_argument``."""

    def __init__(self, *names: str, values: Iterable[str] = (),
                 **keywords: typing.Any) -> None:
        """Create the declaration.

        :param values: what shells complete. Unlike ``choices``, the values
            refuse no word, since the server may accept further ones.
        """
        self._names = names
        self._values = tuple(values)
        self._keywords = keywords

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add the argument to a parser, or to a group of a parser."""
        action: typing.Any = parser.add_argument(
            *self._names, **self._keywords)
        action.values = self._values


class Exclusive:
    """Declaration of arguments that exclude each other."""

    def __init__(self, *arguments: Argument) -> None:
        self._arguments = arguments

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments to a parser."""
        group = parser.add_mutually_exclusive_group()
        for argument in self._arguments:
            argument.add_to(group)


class Intermixed(Argument):
    """Declaration of positional arguments before and after options.

    By default, argparse assigns the words before the first option, and
    rejects positional words after the option.
    """

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add the argument, and change how the parser reads words."""
        super().add_to(parser)
        intermixed: typing.Any = parser
        intermixed.parse_args = intermixed.parse_intermixed_args


Declaration = Argument | Exclusive


def parse_positive(text: str) -> int:
    """Return a whole number of at least 1."""
    return _parse_number(text, 1)


def parse_count(text: str) -> int:
    """Return a whole number of at least 0."""
    return _parse_number(text, 0)


def _parse_number(text: str, minimum: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = minimum - 1
    if number < minimum:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a whole number of at least {minimum}')
    return number


def parse_json_object(text: str) -> dict[str, typing.Any]:
    """Return a JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'{text!r} is not a JSON object')
    return value


def read_json_object(path: str) -> dict[str, typing.Any]:
    """Return the JSON object in a file."""
    try:
        value = exact_json.loads(read_file(path, 'file'))
    except (ValueError, exceptions.ClientError) as e:
        raise argparse.ArgumentTypeError(f'{path} has no JSON: {e}')
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'{path} is not a JSON object')
    return value


def reference(word: str, naming: str = 'Id or name') -> Argument:
    """Return the positional argument for one resource."""
    return Argument(word, metavar=word.upper(),
                    help=f'{naming} of the {word.replace("_", " ")}.')


def describe(noun: str, **keywords: typing.Any) -> Argument:
    """Return the option ``--description``."""
    return Argument('--description', help=f'Description of the {noun}.',
                    **keywords)


IF_MATCH = Argument(
    '--if-match', metavar='ETAG',
    help='Fail if the ETag of the stored state is another.')
ROUTING_KEY = Argument(
    '--routing-key', metavar='KEY',
    help='Selects a version if the alias has weights: the same key always '
         'selects the same version.')
SYNC = Exclusive(
    Argument('--sync', action='store_true', default=None,
             help='Answer when the execution has ended.'),
    Argument('--async', action='store_false', dest='sync', default=None,
             help='Answer immediately.'))
MEMBERS = Intermixed(
    'arguments', nargs='*', metavar='KEY=VALUE',
    help='An argument of the function: KEY=TEXT, or KEY:=JSON for a number, '
         'a list or another JSON value.')
LIMITS = (
    Argument('--limit', type=parse_positive, metavar='N',
             help='Show at most N rows.'),
    Argument('--marker', metavar='ID',
             help='Show the rows after the row with this id.'),
    Argument('--sort', metavar='KEY[:DIRECTION]',
             help='Sort by a key of the API, asc (the default) or desc.'))
PROJECTS = (
    Argument('--all-projects', action='store_true', default=None,
             help='Show the rows of all projects (administrators only).'),
    Argument('--project-id', metavar='ID',
             help='Show the rows of this project (administrators only).'))


def add_input(name: str = '--input') -> Argument:
    """Return the option for the input of a function."""
    return Argument(
        name, metavar='INPUT',
        help='Input of the function: JSON or any text; @FILE reads a file, '
             '- reads standard input.')


def add_wait(condition: str) -> Argument:
    """Return the option ``--wait``."""
    return Argument(
        '--wait', action='store_true',
        help=f'Wait {condition}; the exit code is 1 after a failure.')


def build_listing(filters: Iterable[str], has_details: bool,
                  owned: bool) -> tuple[Argument, ...]:
    """Return the options of a list."""
    keys = ', '.join(filters)
    long = Argument('--long', action='store_true', help='Show more columns.')
    return (
        Argument(
            '--filter', dest='filters', action='append', metavar='KEY=VALUE',
            default=[], help='Show the rows with this value. An operator may '
            'precede the value: eq, neq, gt, gte, lt, lte, has, in or nin '
            'and a colon. Can be repeated, also with the same key; a name '
            f'may stand for an id. Keys: {keys}.'),
        *LIMITS, *((long,) if has_details else ()),
        *(PROJECTS if owned else ()))


def build_query(args: argparse.Namespace) -> dict[str, typing.Any]:
    """Return the query of a list, without filters."""
    key, _, direction = (args.sort or '').partition(':')
    query = {'limit': args.limit, 'marker': args.marker,
             'sort_key': key or None, 'sort_dir': direction or None}
    for name in ('all_projects', 'project_id'):
        if getattr(args, name, None):
            query[name] = getattr(args, name)
    return query


def parse_pair(text: str, noun: str, secret: bool = False) -> tuple[str, str]:
    """Return the key and the value of ``KEY=VALUE``.

    :param secret: do not repeat the text in the fault.
    """
    key, sign, value = text.partition('=')
    if not (key and sign):
        quoted = '' if secret else f': {text}'
        raise exceptions.ClientError(
            f'Invalid {noun}{quoted}; write KEY=VALUE.')
    return key, value


def read_file(path: str, noun: str) -> str:
    """Return the text of a file, or of standard input for ``-``.

    :raises ClientError: if the file cannot be read.
    """
    try:
        if path == '-':
            return sys.stdin.read()
        with open(path, encoding='utf-8') as source:
            return source.read()
    except (OSError, UnicodeDecodeError) as e:
        raise exceptions.ClientError(
            f'Cannot read the {noun}: {exceptions.describe_failure(e)}')


def read_text(value: str | None) -> str | None:
    """Return the text that an option stands for: ``@FILE``, ``-`` or the
    value itself."""
    if value == '-':
        return read_file(value, 'input')
    if value and value.startswith('@'):
        return read_file(value[1:], 'input')
    return value


def read_bytes(value: str | None) -> bytes:
    """Return the bytes that an option stands for, like :func:`read_text`.

    :raises ClientError: if the file cannot be read.
    """
    try:
        if value == '-':
            return sys.stdin.buffer.read()
        if value and value.startswith('@'):
            with open(value[1:], 'rb') as source:
                return source.read()
    except OSError as e:
        raise exceptions.ClientError(
            f'Cannot read the input: {exceptions.describe_failure(e)}')
    return (value or '').encode()


def parse_members(words: Iterable[str]) -> dict[str, typing.Any]:
    """Return the object of words like ``key=text`` and ``key:=JSON``."""
    members: dict[str, typing.Any] = {}
    for word in words:
        json_inputs.refuse_argument(word)
        key, value = parse_pair(word, 'argument')
        if not key.endswith(':'):
            members[key] = value
            continue
        try:
            members[key[:-1]] = exact_json.loads(value)
        except ValueError:
            raise exceptions.ClientError(
                f'Invalid argument: {word}; write JSON after :=.')
    return members


def read_input(args: argparse.Namespace) -> str | dict[str, typing.Any]:
    """Return the text of ``--input``, or the object of the arguments.

    :raises ClientError: both are present.
    """
    if args.input is None:
        return parse_members(args.arguments)
    if args.arguments:
        raise exceptions.ClientError('Use --input or arguments, not both.')
    return read_text(args.input) or ''
