# SPDX-License-Identifier: Apache-2.0
"""Options that name what a trigger or an execution runs."""

from __future__ import annotations

import argparse
import typing

from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import v1

#: Function to run: a function and a version, or an alias.
ARGUMENTS = (
    options.Argument('--function', metavar='FUNCTION',
                     help='Id or name of the function.'),
    options.Argument('--function-version', type=int, metavar='N',
                     help='Number of the version; 0, the default, is the '
                          'latest code.'),
    options.Argument('--function-alias', metavar='ALIAS',
                     help='Name of an alias, in place of function and '
                          'version.'))


def build_target(client: v1.Client, args: argparse.Namespace,
                 chooses_version: bool = False) -> dict[str, typing.Any]:
    """Return the fields of the function to run.

    :param chooses_version: a version may replace the choice of an alias.
    :raises ClientError: if the options name no function and no alias, or an
        alias and a version without effect.
    """
    if args.function_alias:
        target = {'function_alias': args.function_alias}
        if chooses_version and args.function_version:
            return {**target, 'function_version': args.function_version}
        refuse_version(args)
        return target
    if not args.function:
        raise exceptions.ClientError(
            'Specify the function: --function or --function-alias.')
    return {'function_id': client.functions.find_id(args.function),
            'function_version': args.function_version or 0}


def refuse_version(args: argparse.Namespace) -> None:
    """Refuse a version beside an alias, which would have no effect.

    :raises ClientError: the options name both.
    """
    if args.function_alias and args.function_version:
        raise exceptions.ClientError(
            'The alias selects the version; specify --function-alias or '
            '--function-version, not both.')
