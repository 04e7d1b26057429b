# SPDX-License-Identifier: Apache-2.0
"""Commands for the workers of functions and of versions."""

import argparse
from collections.abc import Iterable

from qinling.client.commands import base
from qinling.client.commands import functions
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client.commands import versions

COUNT = options.Argument('--count', type=options.parse_positive, default=1,
                         help='Number of workers, default 1.')
PROVISIONED = options.Argument(
    '--count', type=options.parse_count, default=1,
    help='Number of workers, 0 for none, default 1.')


class List(functions.Function, base.Addressed, tables.Table):
    """List the workers of a function (administrators only)."""

    columns = ('function_id', 'worker_name')
    detail_columns = ()
    brief: base.Briefs = (
        base.Brief('Worker', tables.show_field('worker_name')),)
    empty = ('The function has no workers. The next execution starts one; '
             'add one now:')
    hint = 'function scaleup FUNCTION'
    arguments = (options.Argument(
        '--function-version', type=int, metavar='N',
        help='Show the workers of this version.'),)

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return self.resources.list_workers(
            *self.locate(args), args.function_version)


class Request(base.Addressed):
    """Request about the workers of a function or of a version.

    :ivar method: name of a method of the Python client.
    """

    method: str

    def take_action(self, args: argparse.Namespace) -> None:
        counts = {'count': args.count} if 'count' in args else {}
        getattr(self.resources, self.method)(*self.locate(args), **counts)
        name = args.function
        if 'version_number' in args:
            name += f'(version {args.version_number})'
        self.print_line(f'Request to {self.method.replace("_", " ")} function '
                        f'{name} has been accepted.')


def _define(noun: type, method: str, description: str,
            *arguments: options.Argument) -> type:
    return base.define(f'{description} (administrators only).', noun, Request,
                       method=method, arguments=arguments)


Scaleup = _define(
    functions.Function, 'scale_up', 'Add workers to a function', COUNT)
Scaledown = _define(
    functions.Function, 'scale_down', 'Remove workers of a function', COUNT)
Provision = _define(
    functions.Function, 'provision',
    'Let each engine hold workers of a function ready', PROVISIONED)
Detach = _define(
    functions.Function, 'detach', 'Remove all workers of a function')
VersionScaleup = _define(
    versions.Version, 'scale_up', 'Add workers to a version of a function',
    COUNT)
VersionScaledown = _define(
    versions.Version, 'scale_down',
    'Remove workers of a version of a function', COUNT)
VersionProvision = _define(
    versions.Version, 'provision',
    'Let each engine hold workers of a version of a function ready',
    PROVISIONED)
VersionDetach = _define(
    versions.Version, 'detach',
    'Remove all workers of a version of a function')
