# SPDX-License-Identifier: Apache-2.0
"""Commands for the deliveries on record."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Iterator
import typing

from qinling.client.commands import base
from qinling.client.commands import content
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client import exceptions

WEBHOOK = options.reference('webhook', 'Id or description')
#: What a replay runs.
TARGET = options.Exclusive(
    options.Argument('--function-version', type=int, metavar='N',
                     help='Run this version of the function.'),
    options.Argument('--function-alias', metavar='NAME',
                     help='Run the target of this alias of the function.'),
    options.Argument('--function', metavar='FUNCTION',
                     help='Run the latest code of another function, by id or '
                          'name.'))


class Delivery(base.Noun):
    """Noun of the commands for deliveries."""

    collection = 'deliveries'
    word = 'delivery'
    columns: base.Columns = (
        'id', 'created_at', 'status', 'signature', 'method', 'path',
        'status_code', 'execution_id', 'execution_status', 'attempts', 'size',
        'reason')
    detail_columns: base.Columns = (
        'webhook_id', 'replay_of', 'source_address', 'query', 'headers',
        'has_body', 'project_id', 'updated_at')
    brief: base.Briefs = (
        base.Brief('Delivery', tables.show_field('id')),
        base.Brief('Received', tables.show_field('created_at')),
        base.Brief('Status', tables.show_field('status')),
        base.Brief('Signature', tables.show_field('signature')),
        base.Brief('Answer', tables.show_field('status_code')),
        base.Brief('Execution', tables.show_field('execution_status')),
        base.Brief('Size', tables.show_field('size')))
    owned = False
    filters = ('status', 'signature', 'status_code', 'method',
               'source_address', 'execution_id', 'replay_of', 'size',
               'created_at')
    naming = 'Id'

    def list_address(self) -> tuple[options.Declaration, ...]:
        return (WEBHOOK, options.reference(self.word, self.naming))

    def locate(self, args: argparse.Namespace) -> tuple[str | int, ...]:
        return self.client.webhooks.find_id(args.webhook), args.delivery

    def find_target(self, args: argparse.Namespace) -> dict[str, typing.Any]:
        """Return the target of a replay for the Python client."""
        return {
            'function_version': args.function_version,
            'function_alias': args.function_alias,
            'function_id': args.function and self.client.functions.find_id(
                args.function)}


class List(Delivery, tables.List):
    """List the deliveries to a webhook, for people the last 20."""

    default_limit = 20
    sortable = ('created_at', 'id')
    empty = 'No delivery is on record. Send one:'
    hint = 'webhook send WEBHOOK FILE'

    def list_arguments(self) -> tuple[options.Declaration, ...]:
        return (WEBHOOK, *super().list_arguments())

    def list_rows(self, args: argparse.Namespace,
                  **query: typing.Any) -> Iterable[base.Row]:
        webhook = self.client.webhooks.find_id(args.webhook)
        return self.resources.list_of(webhook, **query)


Show = base.define('Show a delivery.', Delivery, base.Get)


class Download(Delivery, base.Addressed):
    """Write the body of a delivery, byte for byte."""

    arguments = (options.Argument(
        '--output', '-o', metavar='FILE', default='-',
        help='File to write, by default standard output.'),)

    def take_action(self, args: argparse.Namespace) -> None:
        data = self.resources.get_body(*self.locate(args))
        content.write(self, args.output, data)


class Replay(Delivery, tables.Lister):
    """Run the function with the bytes of deliveries again.

    The signature is not checked again. With --filter, all matching
    deliveries are replayed.
    """

    columns: base.Columns = ('source_id', 'delivery_id', 'execution_id',
                             'reason')
    detail_columns: base.Columns = ()
    brief: base.Briefs = ()
    empty = 'No delivery matches.'
    arguments = (
        WEBHOOK,
        options.Argument('deliveries', nargs='*', metavar='DELIVERY',
                         help='Id of a delivery; can be repeated.'),
        options.Argument('--filter', dest='filters', action='append',
                         default=[], metavar='KEY=VALUE',
                         help='Replay the deliveries that match, such as '
                              'status=refused or created_at=gte:2026-01-31; '
                              'can be repeated.'),
        options.Argument('--dry-run', action='store_true',
                         help='List the deliveries, and run nothing.'),
        TARGET)

    def take_action(self, args: argparse.Namespace) -> base.Output:
        if bool(args.deliveries) == bool(args.filters):
            raise exceptions.ClientError(
                'Specify deliveries by their ids, or --filter; '
                '--filter status=accepted replays all accepted deliveries.')
        webhook = self.client.webhooks.find_id(args.webhook)
        target = self.find_target(args)
        rows = (self.replay_selected(webhook, target, args) if args.filters
                else self.replay_named(webhook, target, args))
        return self.build_table(args, self.columns, rows)

    def replay_named(self, webhook: str, target: dict[str, typing.Any],
                     args: argparse.Namespace) -> Iterator[base.Row]:
        """Yield the results of replays of the named deliveries."""
        for id in args.deliveries:
            if args.dry_run:
                row = self.resources.get(webhook, id)
                yield {'source_id': row['id']}
                continue
            row = self.resources.replay(webhook, id, **target)
            yield {'source_id': id, 'delivery_id': row['id'],
                   'execution_id': row['execution_id']}

    def replay_selected(self, webhook: str, target: dict[str, typing.Any],
                        args: argparse.Namespace) -> Iterator[base.Row]:
        """Yield the results of replays of all matching deliveries."""
        filters = names.parse_filters(self.client, args.filters)
        marker = None
        while True:
            page = self.resources.replay_many(
                webhook, filter=filters, marker=marker,
                dry_run=args.dry_run or None, **target)
            yield from page['replays']
            marker = page.get('marker')
            if not marker:
                return
