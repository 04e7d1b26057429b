# SPDX-License-Identifier: Apache-2.0
"""Command for the secrets of a function."""

import argparse
from collections.abc import Iterable

from qinling.client.commands import base
from qinling.client.commands import functions
from qinling.client.commands import options
from qinling.client.commands import tables


class List(functions.Function, base.Addressed, tables.Table):
    """List the secrets of a function or version, without values."""

    columns = ('name', 'number', 'mode', 'updated_at')
    detail_columns = ()
    brief: base.Briefs = (
        base.Brief('Secret', tables.show_field('name')),
        base.Brief('Number', tables.show_field('number')),
        base.Brief('Mode', tables.show_field('mode')), tables.CHANGED)
    empty = 'The function has no secrets. Set one:'
    hint = 'function update FUNCTION --secret-file NAME=PATH'
    arguments = (options.Argument(
        '--function-version', type=int, metavar='N',
        help='List the secrets of this version.'),)

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        id, = self.locate(args)
        row = (self.client.versions.get(id, args.function_version)
               if args.function_version else self.resources.get(id))
        secrets: Iterable[base.Row] = row['secret_references']
        return secrets
