# SPDX-License-Identifier: Apache-2.0
"""Commands for quotas of projects."""

import argparse
from collections.abc import Iterable

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import http

#: Resources with a limit.
RESOURCES = ('functions', 'versions', 'storage_bytes', 'jobs', 'webhooks',
             'concurrent_executions')


class Quota(base.Addressed):
    """Noun of the commands for quotas."""

    collection = 'quotas'
    word = 'project_id'
    columns = ('resource', 'limit', 'usage')

    def list_address(self) -> tuple[options.Declaration, ...]:
        return (options.Argument('project_id', metavar='PROJECT_ID',
                                 help='Id of the project.'),)


class Show(Quota, base.Table):
    """Show the limits of a project, -1 for no limit, and the usage."""

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return self.build_rows(self.resources.get(args.project_id))

    @staticmethod
    def build_rows(quota: base.Row) -> Iterable[base.Row]:
        """Return a row for each resource of a quota."""
        return [{'resource': name, 'limit': quota['limits'][name],
                 'usage': quota['usage'][name]} for name in RESOURCES]


class Set(Show):
    """Set limits of a project (administrators only)."""

    arguments = tuple(
        options.Argument(
            f'--{name.replace("_", "-")}', type=int, metavar='N',
            help=f'Limit of {name.replace("_", " ")}; -1 for no limit.')
        for name in RESOURCES)

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        limits = http.drop_none({name: getattr(args, name)
                                 for name in RESOURCES})
        if not limits:
            raise exceptions.ClientError('Specify the limit to set.')
        return self.build_rows(
            self.resources.update(args.project_id, **limits))


class Delete(Quota):
    """Restore the default limits of a project (administrators only)."""

    def take_action(self, args: argparse.Namespace) -> None:
        self.resources.delete(args.project_id)
