# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and what is made of them."""

import argparse
import json
import sys

from qinling.client import exceptions


def positive(text):
    """A whole number of at least 1."""
    return _number(text, 1)


def count(text):
    """A whole number of at least 0."""
    return _number(text, 0)


def _number(text, least):
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a whole number of at least {least}')
    return number


def json_object(text):
    """A JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'{text!r} is not a JSON object')
    return value


def add_listing(parser, noun):
    """Which part of a list is wanted; ``noun`` is the command."""
    parser.add_argument(
        '--filter', dest='filters', action='append', metavar='KEY=VALUE',
        default=[], help='Show only what has this value. The value may begin '
        'with an operator: eq, neq, gt, gte, lt, lte, has, in or nin and a '
        'colon. Can be repeated. Keys: '
        f'{", ".join(noun.filters) or "none"}.')
    parser.add_argument(
        '--limit', type=positive, metavar='N', help='Show so many at most.')
    parser.add_argument(
        '--marker', metavar='ID', help='Begin after the one with this id.')
    parser.add_argument(
        '--sort', metavar='KEY[:DIRECTION]',
        help='Let the server sort by a key, asc (the default) or desc.')
    if noun.more:
        parser.add_argument('--long', action='store_true',
                            help='Show more columns.')
    if noun.owned:
        parser.add_argument(
            '--all-projects', action='store_true', default=None,
            help='Show those of all projects (administrators only).')
        parser.add_argument(
            '--project-id', metavar='ID',
            help='Show those of this project (administrators only).')


def query(args):
    """The query of a list."""
    found = dict(pair(text, 'filter') for text in args.filters)
    key, _, direction = (args.sort or '').partition(':')
    found.update(limit=args.limit, marker=args.marker,
                 sort_key=key or None, sort_dir=direction or None)
    for name in ('all_projects', 'project_id'):
        if getattr(args, name, None):
            found[name] = getattr(args, name)
    return found


def pair(text, what):
    """(key, value) of ``KEY=VALUE``."""
    key, sign, value = text.partition('=')
    if not (key and sign):
        raise exceptions.ClientError(
            f'Invalid {what}: {text}; write KEY=VALUE.')
    return key, value


def add_if_match(parser):
    """Let a change depend on the state."""
    parser.add_argument(
        '--if-match', metavar='ETAG',
        help='Refuse unless this is still the ETag.')


def add_target(parser):
    """What shall run: a function and a version of it, or an alias."""
    parser.add_argument('--function', metavar='FUNCTION',
                        help='Id or name of the function.')
    parser.add_argument('--function-version', type=int, metavar='N',
                        help='Number of the version; 0, the default, is the '
                        'latest code.')
    parser.add_argument('--function-alias', metavar='ALIAS',
                        help='Name of an alias, in place of a function and '
                        'a version.')


def target(client, args):
    """The fields that say what shall run.

    :raises ClientError: when nothing does.
    """
    if args.function_alias:
        return {'function_alias': args.function_alias}
    if not args.function:
        raise exceptions.ClientError(
            'Say what shall run: --function or --function-alias.')
    return {'function_id': client.functions.id_of(args.function),
            'function_version': args.function_version or 0}


def add_input(parser, name='--input'):
    """The input of a function."""
    parser.add_argument(
        name, metavar='INPUT',
        help='Input of the function: JSON or any text; @FILE is what is in a '
             'file, - what comes from standard input.')


def text(value):
    """The text that an input option stands for.

    :raises ClientError: if a file cannot be read.
    """
    try:
        if value == '-':
            return sys.stdin.read()
        if value and value.startswith('@'):
            with open(value[1:], encoding='utf-8') as source:
                return source.read()
    except (OSError, UnicodeDecodeError) as e:
        raise exceptions.ClientError(f'The input cannot be read: {e}')
    return value


def members(words):
    """The object that words like ``key=text`` and ``key:=JSON`` make."""
    found = {}
    for word in words:
        key, value = pair(word, 'argument')
        if key.endswith(':'):
            try:
                value = json.loads(value)
            except ValueError:
                raise exceptions.ClientError(
                    f'Invalid argument: {word}; after := there must be JSON.')
            key = key[:-1]
        found[key] = value
    return found


def add_members(parser):
    """Words like ``key=text``; they may stand before or after options."""
    parser.add_argument(
        'arguments', nargs='*', metavar='KEY=VALUE',
        help='An argument of the function: KEY=TEXT, or KEY:=JSON for a '
             'number, a list and so on.')
    # As it is, argparse takes the words up to the first option, and then
    # wonders about those that follow.
    parser.parse_args = parser.parse_intermixed_args


def add_sync(parser):
    """Whether the answer comes at the end; as it is if nobody says."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--sync', action='store_true', default=None,
                       help='Answer when the function has ended.')
    group.add_argument('--async', action='store_false', dest='sync',
                       default=None, help='Answer at once.')


def add_wait(parser, what):
    """Let a command last until something has ended."""
    parser.add_argument(
        '--wait', action='store_true',
        help=f'Wait {what}; the exit code then tells whether it went well.')
