# SPDX-License-Identifier: Apache-2.0
"""Commands about how much projects may have."""

from qinling.client.commands import base
from qinling.client import exceptions
from qinling.client import http

#: What has a limit.
RESOURCES = ('functions', 'versions', 'storage_bytes', 'jobs', 'webhooks',
             'concurrent_executions')


class Quota(base.Noun):
    collection = 'quotas'
    word = 'quota'
    columns = ('resource', 'limit', 'usage')

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('project', metavar='PROJECT_ID',
                            help='Id of the project.')
        return parser


class Show(Quota, base.Table):
    """Show what a project may have, -1 for any number, and what it has."""

    def rows(self, args):
        return self.shown(self.things.get(args.project))

    @staticmethod
    def shown(row):
        """A row for each resource."""
        return [{'resource': name, 'limit': row['limits'][name],
                 'usage': row['usage'][name]} for name in RESOURCES]


class Set(Show):
    """Set limits of a project (administrators only)."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name in RESOURCES:
            parser.add_argument(
                f'--{name.replace("_", "-")}', type=int, metavar='N',
                help=f'Limit of {name.replace("_", " ")}; -1 for none.')
        return parser

    def rows(self, args):
        limits = http.given({name: getattr(args, name)
                             for name in RESOURCES})
        if not limits:
            raise exceptions.ClientError('Say which limit is to be set.')
        return self.shown(self.things.update(args.project, **limits))


class Delete(Quota, base.Command):
    """Give a project the limits that all have (administrators only)."""

    def take_action(self, args):
        self.things.delete(args.project)
