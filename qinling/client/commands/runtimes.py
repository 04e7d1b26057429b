# SPDX-License-Identifier: Apache-2.0
"""Commands for runtimes."""

import argparse
import shlex

from qinling.client.commands import base
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables

LANGUAGE = (
    options.Argument('--language', help='Language of the image, if the '
                                        'service cannot detect the language.'),
    options.Argument('--language-version', help='Version of the language.'))
WAIT = options.add_wait('until the runtime is available')


def show_language(row: base.Row, _lookup: names.Names) -> str:
    """Return the language and its version."""
    return ' '.join(filter(None, (row.get('language'),
                                  row.get('language_version'))))


class Runtime(base.Noun):
    """Noun of the commands for runtimes."""

    collection = 'runtimes'
    word = 'runtime'
    columns: base.Columns = (
        'id', 'name', 'image', 'status', 'description', 'is_public', 'trusted',
        'project_id', 'created_at', 'updated_at')
    detail_columns: base.Columns = (
        'status_reason', 'language', 'language_version')
    brief: base.Briefs = (
        tables.NAME, base.Brief('Status', tables.show_field('status')),
        base.Brief('Language', show_language),
        base.Brief('Image', tables.show_field('image')),
        base.Brief('Public', tables.show_field('is_public')), tables.CHANGED)
    owned = False
    filters = ('status',)


List = base.define(
    'List runtimes.', Runtime, tables.List,
    sortable=(*tables.List.sortable, 'status'),
    empty='There are no runtimes. An administrator creates one:',
    hint='runtime create IMAGE')
Show = base.define('Show a runtime.', Runtime, base.Get)
Delete = base.define('Delete runtimes (administrators only).', Runtime,
                     base.Delete)


class Write(Runtime, base.Show):
    """Base of the commands that create and change a runtime."""

    def await_pool(self, row: base.Row, args: argparse.Namespace) -> base.Row:
        """Return the runtime; with ``--wait``, after the creation of the
        pool."""
        if args.wait:
            row = self.resources.wait(row['id'])
            if row['status'] != 'available' or row.get('status_reason'):
                self.failure = (f'Runtime {row["id"]} is {row["status"]}: '
                                f'{row.get("status_reason")}')
        else:
            self.next_step = 'runtime show ' + shlex.quote(
                row['name'] or row['id'])
        return row


class Create(Write):
    """Create a runtime (administrators only)."""

    arguments = (
        options.Argument('image', metavar='IMAGE',
                         help='Image of the workers.'),
        options.Argument('--name', help='Name of the runtime.'),
        options.describe('runtime'),
        options.Argument(
            '--private', dest='is_public', action='store_false',
            help='Reserve the runtime for this project.'),
        options.Argument(
            '--untrusted', dest='trusted', action='store_false',
            help='Isolate the workers more strongly.'),
        *LANGUAGE, WAIT)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.await_pool(self.resources.create(
            args.image, name=args.name, description=args.description,
            language=args.language, language_version=args.language_version,
            is_public=args.is_public, trusted=args.trusted), args)


class Update(base.Addressed, Write):
    """Change a runtime (administrators only)."""

    arguments = (
        options.Argument('--name', help='New name.'),
        options.describe('runtime'),
        options.Argument('--image', help='New image.'),
        options.Argument(
            '--upgrade-versions', action='store_true', default=None,
            help='Run existing versions of functions on the new image, too; '
                 'by default, these stay on the old image.'),
        *LANGUAGE, options.IF_MATCH, WAIT)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.await_pool(self.resources.update(
            *self.locate(args), if_match=args.if_match, name=args.name,
            image=args.image, description=args.description,
            language=args.language, language_version=args.language_version,
            upgrade_versions=args.upgrade_versions), args)


class Pool(Runtime, base.Addressed, base.Show):
    """Show the pool of a runtime (administrators only)."""

    is_watchable = True
    columns: base.Columns = ('name', 'capacity')
    detail_columns: base.Columns = ()

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.get_pool(*self.locate(args))
