# SPDX-License-Identifier: Apache-2.0
"""Commands for functions."""

import argparse
from collections.abc import Callable
import hashlib
import typing

from qinling.client.commands import base
from qinling.client.commands import download
from qinling.client.commands import environment
from qinling.client.commands import options
from qinling.client.commands import progress
from qinling.client import exceptions
from qinling.client import package

#: Options with the name and value of a field of the API.
FIELDS = ('name', 'description', 'entry', 'cpu', 'memory_size', 'timeout',
          'async_policy', 'trust')
NO_CODE = '''Cannot create function with the parameters given.
Must provide required parameters for different type of functions:
    - for package type function, either --file or --package is required,
    - for swift type function, both --container and --object are required,
    - for image type function, --image is required.'''


class Function(base.Noun):
    """Noun of the commands for functions."""

    collection = 'functions'
    word = 'function'
    columns: base.Columns = (
        'id', 'name', 'description', 'count', 'code', 'runtime_id', 'entry',
        'project_id', 'created_at', 'updated_at', 'cpu', 'memory_size',
        'timeout')
    detail_columns: base.Columns = (
        'latest_version', 'async_policy', 'min_workers', 'trust',
        'environment', 'secret_names')
    filters = ('all_projects', 'project_id')


List = base.define('List functions.', Function, base.List)
Show = base.define('Show a function.', Function, base.Get)
Delete = base.define('Delete functions.', Function, base.Delete)
Download = base.define('Download the package of a function.', Function,
                       download.Download)
References = base.define('List the resources that prevent the deletion of a '
                         'function.', Function, base.References)


def _declare_fields(timeout: int | None) -> tuple[options.Declaration, ...]:
    argument = options.Argument
    return (
        argument('--name', help='Name of the function.'),
        options.describe('function'),
        argument('--entry', help='Entry point: MODULE.FUNCTION, or the path '
                                 'of a program.'),
        options.Exclusive(
            argument(
                '--file', nargs='+', action='extend', metavar='PATH',
                help='Files of code for the root of the package; or one '
                     'directory, without the files that match '
                     f'{package.IGNORE}.'),
            argument('--package', metavar='ZIP_FILE',
                     help='An existing package.')),
        argument('--container', help='Container of the code in Swift.'),
        argument('--object', help='Object of the code in Swift.'),
        argument('--cpu', type=options.parse_positive,
                 help='Limit of processor time, in thousandths of a core.'),
        argument('--memory-size', type=options.parse_positive,
                 help='Limit of memory, in bytes.'),
        argument('--async-policy', type=options.parse_json_object,
                 metavar='JSON', help='Reaction to a failed asynchronous '
                                      'execution, such as {"retries": 2}.'),
        argument('--trust', action=argparse.BooleanOptionalAction,
                 help='Whether the function gets a trust, to use the cloud '
                      'in your name.'),
        argument('--timeout', type=options.parse_positive, default=timeout,
                 help='Limit of an execution in seconds; a new function has '
                      '5 by default.'),
        *environment.SET)


class Write(Function, base.Show):
    """Base of the commands that create and change a function."""

    def pack(self, args: argparse.Namespace) -> bytes | None:
        """Return the package, if the options name code for a package."""
        if args.file:
            return package.create_archive(args.file)
        return package.read_archive(args.package) if args.package else None

    def upload(self, send: Callable[..., base.Row], *address: str | int,
               **fields: typing.Any) -> base.Row:
        """Send a form, with a progress bar on a terminal."""
        with progress.show_bar(self.app.stderr) as report:
            return send(*address, progress=report, **fields)


class Create(Write):
    """Create a function."""

    arguments = (
        *_declare_fields(timeout=5),
        options.Argument('--runtime', help='Id or name of the runtime; not '
                                           'for an image.'),
        options.Argument('--image', help='Image with the function.'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        packed = self.pack(args)
        code = self.describe_code(args, packed)
        fields = {name: getattr(args, name) for name in FIELDS}
        if code['source'] != 'image':
            if not args.runtime:
                raise exceptions.ClientError(
                    'Runtime needs to be specified for '
                    f'{code["source"]} type function.')
            fields['runtime_id'] = self.client.runtimes.find_id(args.runtime)
        fields.update(environment.build_fields(args))
        return self.upload(self.resources.create, code=code, package=packed,
                           **fields)

    def describe_code(self, args: argparse.Namespace,
                      packed: bytes | None) -> dict[str, typing.Any]:
        """Return the field ``code`` of the API.

        :raises ClientError: if the options name no code.
        """
        if packed is not None:
            digest = hashlib.md5(packed, usedforsecurity=False).hexdigest()
            return {'source': 'package', 'md5sum': digest}
        if args.container or args.object:
            if not (args.container and args.object):
                raise exceptions.ClientError(
                    'Container name and object name need to be specified.')
            return {'source': 'swift', 'swift': {
                'container': args.container, 'object': args.object}}
        if args.image:
            return {'source': 'image', 'image': args.image}
        raise exceptions.ClientError(NO_CODE)


class Update(base.Addressed, Write):
    """Change a function."""

    arguments = (*_declare_fields(timeout=None), options.IF_MATCH,
                 *environment.UNSET)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        id, = self.locate(args)
        if_match, stored = args.if_match, {}
        fields = {name: getattr(args, name) for name in FIELDS}
        swift = {name: getattr(args, name) for name in ('container', 'object')
                 if getattr(args, name)}
        if swift:
            fields['code'] = {'source': 'swift', 'swift': swift}
        if args.environment or args.unset_environment:
            # The API replaces the environment as a whole.
            function = self.resources.get(id)
            if_match = if_match or function.etag
            stored = function['environment']
        fields.update(environment.build_fields(args, stored))
        return self.upload(self.resources.update, id, if_match=if_match,
                           package=self.pack(args), **fields)
