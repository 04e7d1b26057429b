# SPDX-License-Identifier: Apache-2.0
"""Commands about runtimes."""

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import http


class Runtime(base.Noun):
    collection = 'runtimes'
    word = 'runtime'
    columns = ('id', 'name', 'image', 'status', 'description', 'is_public',
               'trusted', 'project_id', 'created_at', 'updated_at')
    more = ('status_reason', 'language', 'language_version')
    owned = False


class List(Runtime, base.List):
    """List runtimes."""


class Show(Runtime, base.ShowById):
    """Show a runtime."""


def add_language(parser):
    """What the operator knows of an image."""
    parser.add_argument('--language', help='The language of the image, '
                        'where the service cannot know it.')
    parser.add_argument('--language-version', help='The version of that.')


class Settled(Runtime, base.Show):
    """A runtime that can be waited for."""

    def settled(self, row, args):
        """The runtime, once its pool is there or could not be made."""
        if args.wait:
            row = self.things.wait(row['id'])
            if row['status'] != 'available' or row.get('status_reason'):
                self.failure = (f'Runtime {row["id"]} is {row["status"]}: '
                                f'{row.get("status_reason")}')
        return row


class Create(Settled):
    """Create a runtime (administrators only)."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('image', metavar='IMAGE',
                            help='What its workers are made from.')
        parser.add_argument('--name', help='Name of the runtime.')
        parser.add_argument('--description',
                            help='Description of the runtime.')
        parser.add_argument(
            '--private', dest='is_public', action='store_false',
            help='Let only this project use it; else all can.')
        parser.add_argument(
            '--untrusted', dest='trusted', action='store_false',
            help='Its workers need a stronger isolation.')
        add_language(parser)
        options.add_wait(parser, 'until it is available')
        return parser

    def row(self, args):
        return self.settled(self.things.create(
            args.image, name=args.name, description=args.description,
            language=args.language, language_version=args.language_version,
            is_public=args.is_public, trusted=args.trusted), args)


class Update(Settled):
    """Change a runtime (administrators only)."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('runtime', help='Id or name of the runtime.')
        parser.add_argument('--name', help='Another name.')
        parser.add_argument('--description', help='Another description.')
        parser.add_argument('--image', help='Another image.')
        parser.add_argument(
            '--upgrade-versions', action='store_true', default=None,
            help='Let versions of functions run on the new image, too, which '
                 'were published before; else they keep the old one.')
        add_language(parser)
        options.add_if_match(parser)
        options.add_wait(parser, 'until it is available')
        return parser

    def row(self, args):
        fields = http.given({
            'name': args.name, 'image': args.image,
            'description': args.description, 'language': args.language,
            'language_version': args.language_version,
            'upgrade_versions': args.upgrade_versions})
        return self.settled(self.things.update(
            self.things.id_of(args.runtime), args.if_match, **fields), args)


class Delete(Runtime, base.Delete):
    """Delete runtimes (administrators only)."""


class Pool(Runtime, base.ShowById):
    """Show the pool of a runtime (administrators only)."""

    columns = ('name', 'capacity')
    more = ()

    def row(self, args):
        return self.things.pool(self.things.id_of(args.runtime))
