# SPDX-License-Identifier: Apache-2.0
"""Options for the environment and the secrets of a function."""

import argparse
from collections.abc import Mapping
import typing

from qinling.client.commands import options

SET = (
    options.Argument(
        '--environment', action='append', default=[], metavar='KEY=VALUE',
        help='An environment variable of the function. Can be repeated.'),
    options.Argument(
        '--secret', action='append', default=[], metavar='KEY=VALUE',
        help='An environment variable with a value that no API call returns; '
             'the history of the shell contains the value. Can be repeated.'),
    options.Argument(
        '--secret-file', action='append', default=[], metavar='KEY=PATH',
        help='A secret with the content of a file, without the line feed at '
             'the end; - is standard input. Can be repeated.'),
    options.Argument(
        '--secret-mode', action='append', default=[], metavar='KEY=MODE',
        help='How versions published from now on refer to a secret: pinned, '
             'the default, keeps the value of the publication; latest '
             'follows each change. Can be repeated.'))
UNSET = (
    options.Argument(
        '--unset-environment', action='append', default=[], metavar='KEY',
        help='Remove an environment variable. Can be repeated.'),
    options.Argument(
        '--unset-secret', action='append', default=[], metavar='KEY',
        help='Remove a secret. Can be repeated.'))


def build_fields(args: argparse.Namespace, stored: Mapping[str, str] = {}
                 ) -> dict[str, typing.Any]:
    """Return the fields of the API.

    :param stored: environment of the function before the change.
    :raises ClientError: if a file cannot be read.
    """
    fields: dict[str, typing.Any] = {}
    removed = getattr(args, 'unset_environment', ())
    if args.environment or removed:
        variables = {name: value for name, value in stored.items()
                     if name not in removed}
        variables.update(options.parse_pair(text, 'environment variable')
                         for text in args.environment)
        fields['environment'] = variables
    secrets = dict.fromkeys(getattr(args, 'unset_secret', ()))
    secrets.update(_parse_secret(text) for text in args.secret)
    for text in args.secret_file:
        name, path = _parse_secret(text)
        secrets[name] = options.read_file(path, 'secret').removesuffix('\n')
    if secrets:
        fields['secrets'] = secrets
    if args.secret_mode:
        fields['secret_modes'] = dict(
            options.parse_pair(text, 'secret mode')
            for text in args.secret_mode)
    return fields


def _parse_secret(text: str) -> tuple[str, str]:
    return options.parse_pair(text, 'secret', secret=True)
