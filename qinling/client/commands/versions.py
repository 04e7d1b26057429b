# SPDX-License-Identifier: Apache-2.0
"""Commands for versions of functions."""

import argparse
from collections.abc import Iterable
import typing

from qinling.client.commands import base
from qinling.client.commands import download
from qinling.client.commands import options

FUNCTION = options.reference('function')


class Version(base.Noun):
    """Noun of the commands for versions."""

    collection = 'versions'
    word = 'function_version'
    columns = ('id', 'function_id', 'description', 'version_number', 'count',
               'project_id', 'created_at', 'updated_at')
    detail_columns = (
        'code', 'entry', 'cpu', 'memory_size', 'timeout', 'runtime_id',
        'async_policy', 'min_workers', 'environment', 'secret_names')
    owned = False

    def list_address(self) -> tuple[options.Declaration, ...]:
        return FUNCTION, options.Argument(
            'version_number', metavar='N', type=int,
            help='Number of the version.')

    def find_function(self, args: argparse.Namespace) -> str:
        """Return the id of the function."""
        return self.client.functions.find_id(args.function)

    def locate(self, args: argparse.Namespace) -> tuple[str | int, ...]:
        return self.find_function(args), args.version_number


Show = base.define('Show a version of a function.', Version, base.Get)
Download = base.define('Download the package of a version of a function.',
                       Version, download.Download)
References = base.define('List the resources that prevent the deletion of a '
                         'version of a function.', Version, base.References)


class List(Version, base.List):
    """List the versions of a function."""

    arguments = (FUNCTION,)

    def list_rows(self, args: argparse.Namespace,
                  **query: typing.Any) -> Iterable[base.Row]:
        return self.resources.list(self.find_function(args), **query)


class Create(Version, base.Show):
    """Publish the latest code of a function as a version."""

    arguments = (FUNCTION, options.describe('version'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.create(
            self.find_function(args), args.description)


class Update(Version, base.Addressed, base.Show):
    """Change the description of a version of a function."""

    arguments = (options.describe('version', required=True), options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.update(
            *self.locate(args), if_match=args.if_match,
            description=args.description)


class Delete(Version, base.Addressed):
    """Delete a version of a function."""

    arguments = (options.IF_MATCH,)

    def take_action(self, args: argparse.Namespace) -> None:
        self.resources.delete(*self.locate(args), if_match=args.if_match)
