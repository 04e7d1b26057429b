# SPDX-License-Identifier: Apache-2.0
"""Commands about functions."""

import argparse
import hashlib

from qinling.client.commands import base
from qinling.client.commands import download
from qinling.client.commands import environment
from qinling.client.commands import options
from qinling.client.commands import progress
from qinling.client import exceptions
from qinling.client import package

#: Options that are fields of the API as they are.
FIELDS = ('name', 'description', 'entry', 'cpu', 'memory_size', 'timeout',
          'async_policy', 'trust')
NO_CODE = '''Cannot create function with the parameters given.
Must provide required parameters for different type of functions:
    - for package type function, either --file or --package is required,
    - for swift type function, both --container and --object are required,
    - for image type function, --image is required.'''


class Function(base.Noun):
    collection = 'functions'
    word = 'function'
    columns = ('id', 'name', 'description', 'count', 'code', 'runtime_id',
               'entry', 'project_id', 'created_at', 'updated_at', 'cpu',
               'memory_size', 'timeout')
    more = ('latest_version', 'async_policy', 'min_workers', 'trust',
            'environment', 'secret_names')
    filters = ('all_projects', 'project_id')


class List(Function, base.List):
    """List functions."""


class Show(Function, base.ShowById):
    """Show a function."""


class Changed(Function, base.Show):
    """What creating and changing a function have in common."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', help='Name of the function.')
        parser.add_argument('--description',
                            help='Description of the function.')
        parser.add_argument(
            '--entry', help='What is called: MODULE.FUNCTION, or the path of '
                            'a program.')
        code = parser.add_mutually_exclusive_group()
        code.add_argument(
            '--file', nargs='+', action='extend', metavar='PATH',
            help='One or more files of code, which make the root of the '
                 f'package; or a directory, without what its '
                 f'{package.IGNORE} names.')
        code.add_argument('--package', metavar='ZIP_FILE',
                          help='A package that is there already.')
        parser.add_argument('--container',
                            help='Container of the code in Swift.')
        parser.add_argument('--object', help='Object of the code in Swift.')
        parser.add_argument(
            '--cpu', type=options.positive,
            help='Limit of processor time, in thousandths of a core.')
        parser.add_argument('--memory-size', type=options.positive,
                            help='Limit of memory, in bytes.')
        parser.add_argument(
            '--async-policy', type=options.json_object, metavar='JSON',
            help='What follows a failure that nobody waits for, such as '
                 '{"retries": 2}.')
        parser.add_argument(
            '--trust', action=argparse.BooleanOptionalAction,
            help='Whether the function acts for you in the cloud.')
        parser.add_argument(
            '--timeout', type=options.positive, default=self.timeout,
            help='Seconds that an execution may take; 5 if not given.')
        environment.add_set(parser)
        return parser

    def packed(self, args):
        """The bytes of the package, if there is one."""
        if args.file:
            return package.build(args.file)
        return package.read(args.package) if args.package else None

    def sent(self, call, packed, **fields):
        """The answer to a form, with a progress bar if it is large."""
        with progress.bar(self.app.stderr) as bar:
            return call(package=packed, progress=bar, **fields)


class Create(Changed):
    """Create a function."""

    timeout = 5

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--runtime', help='Id or name of the runtime; an image needs '
            'none.')
        parser.add_argument('--image', help='Image that is the function.')
        return parser

    def row(self, args):
        packed = self.packed(args)
        code = self.code(args, packed)
        fields = {name: getattr(args, name) for name in FIELDS}
        if code['source'] != 'image':
            if not args.runtime:
                raise exceptions.ClientError(
                    'Runtime needs to be specified for '
                    f'{code["source"]} type function.')
            fields['runtime_id'] = self.client.runtimes.id_of(args.runtime)
        fields.update(environment.given(args))
        return self.sent(self.things.create, packed, code=code, **fields)

    def code(self, args, packed):
        """Where the code comes from, as the API wants it."""
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


class Update(Changed):
    """Change a function."""

    timeout = None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', help='Id or name of the function.')
        options.add_if_match(parser)
        environment.add_unset(parser)
        return parser

    def row(self, args):
        id, if_match = self.things.id_of(args.function), args.if_match
        fields = {name: getattr(args, name) for name in FIELDS}
        swift = {name: getattr(args, name) for name in ('container', 'object')
                 if getattr(args, name)}
        if swift:
            fields['code'] = {'source': 'swift', 'swift': swift}
        if args.environment or args.unset_environment:
            # All of it is sent, as it is now but for what is to change.
            present = self.things.get(id)
            if_match = if_match or present.etag
            args.present = present['environment']
        fields.update(environment.given(args))
        return self.sent(
            self.things.update, self.packed(args), if_match=if_match,
            id=id, **fields)


class Delete(Function, base.Delete):
    """Delete functions."""


class Download(Function, base.Command):
    """Download the package of a function."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', help='Id or name of the function.')
        download.add_output(parser)
        return parser

    def take_action(self, args):
        id = self.things.id_of(args.function)
        download.write(self, self.things.download(id),
                       args.output or f'{id}.zip')


class References(Function, base.References):
    """List what keeps a function from being deleted."""

    columns = base.References.columns

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', help='Id or name of the function.')
        return parser

    def rows(self, args):
        return self.things.references(self.things.id_of(args.function))
