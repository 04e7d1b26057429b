# SPDX-License-Identifier: Apache-2.0
"""Options about the environment and the secrets of a function."""

import sys

from qinling.client.commands import options
from qinling.client import exceptions


def add_set(parser):
    """What a function shall find in its environment."""
    parser.add_argument(
        '--environment', action='append', default=[], metavar='KEY=VALUE',
        help='An environment variable of the function. Can be repeated.')
    parser.add_argument(
        '--secret', action='append', default=[], metavar='KEY=VALUE',
        help='The same with a value that nobody can read back; it stays in '
             'the history of your shell. Can be repeated.')
    parser.add_argument(
        '--secret-file', action='append', default=[], metavar='KEY=PATH',
        help='A secret that is in a file, without the line feed at its end; '
             '- is standard input. Can be repeated.')


def add_unset(parser):
    """What it shall not find there any more."""
    parser.add_argument(
        '--unset-environment', action='append', default=[], metavar='KEY',
        help='Remove an environment variable. Can be repeated.')
    parser.add_argument(
        '--unset-secret', action='append', default=[], metavar='KEY',
        help='Remove a secret. Can be repeated.')


def given(args):
    """The fields of the API; ``args.present`` is the environment that there
    is.

    :raises ClientError: a file cannot be read.
    """
    fields = {}
    removed = getattr(args, 'unset_environment', ())
    if args.environment or removed:
        variables = {name: value for name, value in getattr(
            args, 'present', {}).items() if name not in removed}
        variables.update(options.pair(text, 'environment variable')
                         for text in args.environment)
        fields['environment'] = variables
    secrets = dict.fromkeys(getattr(args, 'unset_secret', ()))
    secrets.update(_pair(text) for text in args.secret)
    for text in args.secret_file:
        name, path = _pair(text)
        secrets[name] = _read(path)
    if secrets:
        fields['secrets'] = secrets
    return fields


def _pair(text):
    name, sign, value = text.partition('=')
    if not (name and sign):
        # It may be a secret alone, so it is not repeated.
        raise exceptions.ClientError('Invalid secret; write KEY=VALUE.')
    return name, value


def _read(path):
    try:
        if path == '-':
            text = sys.stdin.read()
        else:
            with open(path, encoding='utf-8') as source:
                text = source.read()
    except (OSError, UnicodeDecodeError) as e:
        raise exceptions.ClientError(f'The secret cannot be read: {e}')
    return text.removesuffix('\n')
