# SPDX-License-Identifier: Apache-2.0
"""Commands for event sources."""

import argparse
import shlex
import typing

from qinling.client.commands import base
from qinling.client.commands import dry_run
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client.commands import targets
from qinling.client import exceptions
from qinling.client import units

KINDS = ('kafka', 'notifications', 'rabbitmq', 'redis', 'swift')
BEHAVIOUR = (
    options.Argument('--name', help='Name of the event source.'),
    options.Argument(
        '--setting', dest='settings', action='append', metavar='KEY=VALUE',
        help='Setting of the kind, such as url=amqp://broker.example and '
             'queue=orders; can be repeated. KEY:=JSON sets a list.'),
    options.Argument('--username', help='Name of the user at the broker.'),
    options.Argument(
        '--password', help='Password of the user. @FILE reads a file, - '
                           'reads standard input.'),
    options.Argument(
        '--credential', dest='credentials', action='append',
        metavar='NAME=VALUE',
        help='Further credential of the kind, such as '
             'application_credential_id=ID; can be repeated. NAME=@FILE '
             'reads a file.'),
    options.Argument(
        '--type', dest='types', action='append', metavar='TYPE',
        help='Type of the events that run the function, such as '
             '"compute.instance.*"; can be repeated.'),
    options.Argument(
        '--match', action='append', metavar='PATH=VALUE',
        help='Value at a path in the body of the events that run the '
             'function, such as $.state=active; can be repeated. '
             'PATH:=JSON is a number or a list.'),
    options.Argument(
        '--batch-size', type=options.parse_positive, metavar='N',
        help='Most events of one execution; default is 1.'),
    options.Argument(
        '--batch-window', type=units.parse_duration, metavar='TIME',
        help='Time to wait for a full batch: seconds, or 1m; default is '
             '0.'))


def build_fields(args: argparse.Namespace) -> dict[str, typing.Any]:
    """Return the fields of :data:`BEHAVIOUR`."""
    fields = {'name': args.name, 'batch_size': args.batch_size,
              'batch_window': args.batch_window}
    if args.settings:
        fields['settings'] = options.parse_members(args.settings)
    password = options.read_text(args.password)
    credentials = {name: text for name, text in (
        ('username', args.username),
        ('password', password and password.strip('\r\n'))) if text}
    for item in args.credentials or ():
        name, sign, value = item.partition('=')
        if not sign:
            raise exceptions.ClientError(
                'A credential has the form NAME=VALUE.')
        credentials[name] = (options.read_text(value) or '').strip('\r\n')
    if credentials:
        fields['credentials'] = credentials
    choice = {'types': args.types,
              'match': options.parse_members(args.match or ())}
    if any(choice.values()):
        fields['filter'] = {name: value for name, value in choice.items()
                            if value}
    return fields


def show_lag(row: base.Row, _lookup: names.Names) -> str:
    """Return how many events wait, and for how long."""
    if row.get('lag') is None:
        return ''
    age = row.get('lag_seconds')
    return f'{row["lag"]}, {units.format_duration(age)}' if age else str(
        row['lag'])


def show_state(row: base.Row, _lookup: names.Names) -> str:
    """Return the state of a source that is not paused."""
    return str(row['status'] if row['status'] == 'paused' else row['state'])


class EventSource(base.Noun):
    """Noun of the commands for event sources."""

    collection = 'event_sources'
    word = 'event_source'
    columns: base.Columns = (
        'id', 'name', 'kind', 'status', 'state', 'state_reason',
        'function_alias', 'function_id', 'function_version', 'lag',
        'lag_seconds', 'project_id', 'created_at', 'updated_at')
    detail_columns: base.Columns = (
        'settings', 'has_credentials', 'filter', 'batch_size',
        'batch_window', 'measured_at', 'accepted', 'filtered', 'dead',
        'last_event_at')
    brief: base.Briefs = (
        tables.NAME, base.Brief('Kind', tables.show_field('kind')),
        tables.TARGET, base.Brief('State', show_state),
        base.Brief('Lag', show_lag),
        base.Brief('Accepted', tables.show_field('accepted')),
        base.Brief('Dead', tables.show_field('dead')),
        base.Brief('Last event', tables.show_field('last_event_at')),
        base.Brief('Problem', tables.show_field('state_reason')))
    filters = ('kind', 'status', 'state', 'all_projects', 'project_id')


List = base.define(
    'List event sources.', EventSource, tables.List,
    sortable=(*tables.List.sortable, 'kind', 'status', 'state'),
    empty='There are no event sources. Create one:',
    hint='event source create --kind rabbitmq --function FUNCTION --setting '
         'url=amqp://HOST --setting queue=QUEUE')
Show = base.define('Show an event source.', EventSource, base.Get)
Delete = base.define('Delete event sources.', EventSource, base.Delete)


class Create(EventSource, dry_run.DryRun):
    """Run a function with the events of a queue or stream."""

    arguments = (
        *targets.ARGUMENTS,
        options.Argument('--kind', required=True, metavar='KIND',
                         values=KINDS,
                         help='Kind: kafka, notifications, rabbitmq, redis '
                              'or swift.'),
        *BEHAVIOUR)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row = self.resources.create(
            **targets.build_target(self.client, args), kind=args.kind,
            **build_fields(args))
        self.next_step = 'event source show ' + shlex.quote(
            args.name or row['id'])
        return row


class Update(EventSource, base.Addressed, base.Show):
    """Change an event source; settings and filter are replaced."""

    arguments = (*targets.ARGUMENTS, *BEHAVIOUR, options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        target = (targets.build_target(self.client, args)
                  if args.function or args.function_alias else {})
        return self.resources.update(
            *self.locate(args), if_match=args.if_match, **target,
            **build_fields(args))


class Pause(EventSource, base.Addressed, base.Show):
    """Leave the events in the source until it is resumed."""

    arguments = (options.IF_MATCH,)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.pause(*self.locate(args),
                                    if_match=args.if_match)


class Resume(EventSource, base.Addressed, base.Show):
    """Read a paused event source again."""

    arguments = (options.IF_MATCH,)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.resume(*self.locate(args),
                                     if_match=args.if_match)
