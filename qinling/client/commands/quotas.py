# SPDX-License-Identifier: Apache-2.0
"""Commands for quotas of projects."""

import argparse
from collections.abc import Iterable

from qinling.client.commands import base
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client import exceptions
from qinling.client import http
from qinling.client import units

#: Resources with a limit.
RESOURCES = ('functions', 'versions', 'storage_bytes', 'jobs', 'webhooks',
             'event_sources', 'concurrent_executions')


#: Resource with a limit in bytes.
SIZE = 'storage_bytes'


def parse_bytes(text: str) -> int:
    """Return the bytes of a limit, -1 for no limit."""
    if text in ('-1', '0'):
        return int(text)
    return units.parse_size(text)


def show_resource(row: base.Row, _lookup: names.Names) -> str:
    """Return the resource in words."""
    name: str = row['resource']
    return 'storage' if name == SIZE else name.replace('_', ' ')


def show_limit(row: base.Row, _lookup: names.Names) -> str:
    """Return the limit."""
    return 'none' if row['limit'] < 0 else _format(row, 'limit')


def show_usage(row: base.Row, _lookup: names.Names) -> str:
    """Return the usage."""
    return _format(row, 'usage')


def _format(row: base.Row, field: str) -> str:
    amount = row[field]
    return units.format_size(amount) if row['resource'] == SIZE else str(
        amount)


class Quota(base.Addressed):
    """Noun of the commands for quotas."""

    collection = 'quotas'
    word = 'project_id'
    columns = ('resource', 'limit', 'usage')

    def list_address(self) -> tuple[options.Declaration, ...]:
        return (options.Argument('project_id', metavar='PROJECT_ID',
                                 help='Id of the project.'),)


class Limits(Quota, tables.Table):
    """Base of the commands that show limits."""

    brief: base.Briefs = (
        base.Brief('Resource', show_resource), base.Brief('Limit', show_limit),
        base.Brief('Usage', show_usage))

    @staticmethod
    def build_rows(quota: base.Row) -> Iterable[base.Row]:
        """Return a row for each resource of a quota."""
        return [{'resource': name, 'limit': quota['limits'][name],
                 'usage': quota['usage'][name]} for name in RESOURCES]


class Show(Limits):
    """Show the limits of a project, -1 for no limit, and the usage."""

    def list_address(self) -> tuple[options.Declaration, ...]:
        return (options.Argument(
            'project_id', metavar='PROJECT_ID', nargs='?',
            help='Id of the project; default is the project of the user.'),)

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return self.build_rows(self.resources.get(
            *filter(None, [args.project_id])))


class Set(Limits):
    """Set limits of a project (administrators only)."""

    is_watchable = False
    arguments = tuple(
        options.Argument(
            f'--{name.replace("_", "-")}', metavar='N',
            type=parse_bytes if name == SIZE else int,
            help=f'Limit of {name.replace("_", " ")}'
                 f'{", such as 10G" if name == SIZE else ""}; -1 for no '
                 'limit.')
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
