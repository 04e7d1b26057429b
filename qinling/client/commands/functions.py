# SPDX-License-Identifier: Apache-2.0
"""Commands for functions."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import hashlib
import shlex
import typing

from qinling.client.commands import base
from qinling.client.commands import download
from qinling.client.commands import environment
from qinling.client.commands import flow_control
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import progress
from qinling.client.commands import tables
from qinling.client import entries
from qinling.client import exceptions
from qinling.client import package
from qinling.client import units

#: Options with the name and value of a field of the API.
FIELDS = ('name', 'description', 'entry', 'cpu', 'memory_size', 'timeout',
          'async_policy', 'trust', 'keep_versions', 'input_schema',
          'output_schema', 'flow_control')
#: Seconds; a creation always contains a timeout.
DEFAULT_TIMEOUT = 5
NO_CODE = '''Cannot create function with the parameters given.
Must provide required parameters for different type of functions:
    - for package type function, either --file or --package is required,
    - for swift type function, both --container and --object are required,
    - for image type function, --image is required.'''


def show_latest(row: base.Row, _lookup: names.Names) -> str:
    """Return the number of the latest version."""
    return str(row.get('latest_version') or '')


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
        'environment', 'secret_names', 'keep_versions', 'input_schema',
        'output_schema', 'flow_control')
    brief: base.Briefs = (
        tables.NAME, base.Brief('Runtime', names.show_runtime),
        base.Brief('Memory', tables.show_field('memory_size')),
        base.Brief('Timeout', tables.show_field('timeout')),
        base.Brief('Version', show_latest), tables.CHANGED)
    filters = ('all_projects', 'project_id')


List = base.define(
    'List functions.', Function, tables.List,
    empty='There are no functions. Create one:',
    hint='function create --name NAME --runtime python3 --file main.py')
Show = base.define('Show a function.', Function, base.Get)
Delete = base.define('Delete functions.', Function, base.Delete)
Download = base.define('Download the package of a function.', Function,
                       download.Download)
References = base.define('List the resources that prevent the deletion of a '
                         'function.', Function, tables.References)


def _declare_fields() -> tuple[options.Declaration, ...]:
    argument = options.Argument
    return (
        argument('--name', help='Name of the function.'),
        options.describe('function'), flow_control.OPTION,
        argument('--entry', help='Entry point: MODULE.FUNCTION, or the path '
                                 'of a program.'),
        options.Exclusive(
            argument(
                '--file', nargs='+', action='extend', metavar='PATH',
                help='Files and directories of code. One directory stands '
                     'for its content; beside other paths, it keeps its '
                     'name. Files that match its '
                     f'{package.IGNORE} are left out.'),
            argument('--package', metavar='ZIP_FILE',
                     help='An existing package.')),
        argument('--container', help='Container of the code in Swift.'),
        argument('--object', help='Object of the code in Swift.'),
        argument('--cpu', type=options.parse_positive,
                 help='Limit of processor time, in thousandths of a core.'),
        argument('--memory-size', type=units.parse_size, metavar='SIZE',
                 help='Limit of memory: bytes, or 128M or 1GiB.'),
        argument('--async-policy', type=options.parse_json_object,
                 metavar='JSON', help='Reaction to a failed asynchronous '
                                      'execution, such as {"retries": 2}.'),
        argument('--trust', action=argparse.BooleanOptionalAction,
                 help='Whether the function gets a trust, to use the cloud '
                      'in your name.'),
        argument('--keep-versions', type=options.parse_count, metavar='N',
                 help='Number of newest versions to keep beside the versions '
                      'in use; 0, the default, keeps all.'),
        *(argument(f'--{side}-schema', type=options.read_json_object,
                   metavar='FILE',
                   help=f'File with a JSON Schema for the {side}; an empty '
                        'object removes the schema.')
          for side in ('input', 'output')),
        argument('--timeout', type=units.parse_duration, metavar='TIME',
                 help='Limit of an execution: seconds, or 30s or 5m; a new '
                      f'function has {DEFAULT_TIMEOUT}s by default.'),
        *environment.SET)


class Write(Function, base.Show):
    """Base of the commands that create and change a function."""

    def pack(self, args: argparse.Namespace) -> bytes | None:
        """Return the package, if the options name code for a package."""
        if args.file:
            return package.create_archive(args.file, self.note)
        return package.read_archive(args.package) if args.package else None

    def upload(self, send: Callable[..., base.Row], *address: str | int,
               **fields: typing.Any) -> base.Row:
        """Send a form, with a progress bar on a terminal."""
        with progress.show_bar(self.app.stderr) as report:
            return send(*address, progress=report, **fields)

    def change(self, args: argparse.Namespace, function: base.Row,
               **fields: typing.Any) -> base.Row:
        """Update a function.

        :param function: the id; also the stored environment if the options
            change the environment, which the API replaces as a whole.
        """
        if_match = getattr(args, 'if_match', None) or getattr(
            function, 'etag', None)
        fields.update({name: getattr(args, name) for name in FIELDS})
        fields.update(environment.build_fields(
            args, function.get('environment') or {}))
        return self.upload(self.resources.update, function['id'],
                           if_match=if_match, **fields)


class Create(Write):
    """Create a function."""

    arguments = (
        *_declare_fields(),
        options.Argument('--runtime', help='Id or name of the runtime; not '
                                           'for an image.'),
        options.Argument('--image', help='Image with the function.'),
        options.Argument(
            '--replace', action='store_true',
            help='Update the function with this name, if any; options that '
                 'are absent leave settings as they are.'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        if args.replace and not args.name:
            raise exceptions.ClientError('--replace needs --name.')
        packed = self.pack(args)
        code = self.describe_code(args, packed)
        warning = packed and entries.explain_misfit(
            packed, args.entry or entries.DEFAULT_ENTRY, args.runtime)
        if warning:
            self.note(warning)
        runtime = self.find_runtime(args, code['source'])
        namesakes = self.resources.find_ids(args.name) if args.name else []
        if args.replace and namesakes:
            return self.replace(args, namesakes, code, packed, runtime)
        fields = {name: getattr(args, name) for name in FIELDS}
        fields['timeout'] = args.timeout or DEFAULT_TIMEOUT
        fields.update(environment.build_fields(args), runtime_id=runtime)
        row = self.upload(self.resources.create, code=code, package=packed,
                          **fields)
        self.next_step = 'function invoke ' + shlex.quote(
            args.name or row['id'])
        if namesakes:
            print(f'Warning: another function has the name {args.name}; '
                  'commands will reject the name as ambiguous. Delete one '
                  'by its id; --replace updates a function instead.',
                  file=self.app.stderr)
        return row

    def find_runtime(self, args: argparse.Namespace, source: str
                     ) -> str | None:
        """Return the id of the runtime, ``None`` for an image."""
        if source == 'image':
            return None
        if not args.runtime:
            raise exceptions.ClientError(
                f'Runtime needs to be specified for {source} type function.')
        return self.client.runtimes.find_id(args.runtime)

    def replace(self, args: argparse.Namespace, ids: Sequence[str],
                code: dict[str, typing.Any], packed: bytes | None,
                runtime: str | None) -> base.Row:
        """Update the function with the name.

        :param ids: functions with the name.
        :raises ClientError: if the name is ambiguous, or the function has
            another runtime.
        """
        if len(ids) > 1:
            raise exceptions.NotUnique(
                f'Function {args.name} is not unique; update one by its id: '
                f'{", ".join(ids)}.')
        function = self.resources.get(ids[0])
        if runtime and runtime != function['runtime_id']:
            raise exceptions.ClientError(
                f'Function {args.name} has another runtime, which cannot '
                'change. Delete the function first.')
        # With the checksum of the stored package, the API rejects an update.
        code = {key: value for key, value in code.items() if key != 'md5sum'}
        return self.change(args, function, code=code, package=packed)

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

    arguments = (*_declare_fields(), options.IF_MATCH, *environment.UNSET)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        id, = self.locate(args)
        function = None
        if args.environment or args.unset_environment:
            function = self.resources.get(id)
        swift = {name: getattr(args, name) for name in ('container', 'object')
                 if getattr(args, name)}
        code = {'source': 'swift', 'swift': swift} if swift else None
        return self.change(args, function or {'id': id}, code=code,
                           package=self.pack(args))
