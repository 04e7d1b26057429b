# SPDX-License-Identifier: Apache-2.0
"""Commands for webhooks."""

import argparse
import json
import typing

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions

BEHAVIOUR = (
    options.Argument(
        '--payload', metavar='FORM',
        help='Input of the function: "merged", the default, makes arguments '
             'of all parameters; "request" passes the request unchanged.'),
    options.SYNC)
SECRET = (
    options.Argument(
        '--signature', metavar='FORM',
        help='How senders sign: github, standard, stripe or slack.'),
    options.Argument(
        '--secret', help='Secret of the sender, random by default. @FILE '
                         'reads a file, - reads standard input.'))


def read_secret(args: argparse.Namespace) -> str | None:
    """Return the secret, without the line break at the end of a file."""
    text = options.read_text(args.secret)
    return text and text.strip('\r\n')


class Webhook(base.Noun):
    """Noun of the commands for webhooks."""

    collection = 'webhooks'
    word = 'webhook'
    columns: base.Columns = (
        'id', 'function_alias', 'function_id', 'function_version',
        'description', 'project_id', 'created_at', 'updated_at', 'webhook_url')
    detail_columns: base.Columns = (
        'sync', 'payload', 'signature', 'secret', 'previous_until', 'refused')
    filters = ('all_projects', 'project_id')
    naming = 'Id or description'


List = base.define('List webhooks.', Webhook, base.List)
Show = base.define('Show a webhook.', Webhook, base.Get)
Delete = base.define('Delete webhooks.', Webhook, base.Delete)


class Create(Webhook, base.Show):
    """Create a URL that runs a function."""

    arguments = (*options.TARGET, options.describe('webhook'), *BEHAVIOUR,
                 *SECRET)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.create(
            **options.build_target(self.client, args), sync=args.sync,
            description=args.description, payload=args.payload,
            signature=args.signature, secret=read_secret(args))


class Update(Webhook, base.Addressed, base.Show):
    """Change a webhook."""

    arguments = (
        options.Argument('--function-id', '--function', metavar='FUNCTION',
                         help='Id or name of the function.'),
        options.Argument('--function-version', type=int, metavar='N',
                         help='Number of the version.'),
        options.Argument('--function-alias', metavar='ALIAS',
                         help='Name of an alias, in place of function and '
                              'version.'),
        options.describe('webhook'), *BEHAVIOUR, options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        function = args.function_id and self.client.functions.find_id(
            args.function_id)
        return self.resources.update(
            *self.locate(args), if_match=args.if_match, function_id=function,
            function_version=args.function_version,
            function_alias=args.function_alias, sync=args.sync,
            description=args.description, payload=args.payload)


class Rotate(Webhook, base.Addressed, base.Show):
    """Replace the secret of a webhook."""

    arguments = (
        *SECRET,
        options.Argument('--overlap', type=int, metavar='SECONDS',
                         help='Time for which the old secret stays valid.'),
        options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.rotate_secret(
            *self.locate(args), args.if_match, secret=read_secret(args),
            signature=args.signature, overlap=args.overlap)


class ClearSecret(Webhook, base.Addressed):
    """Remove the secret of a webhook: unsigned requests then succeed."""

    arguments = (options.IF_MATCH,)

    def take_action(self, args: argparse.Namespace) -> None:
        self.resources.clear_secret(*self.locate(args), args.if_match)


class Invoke(Webhook, base.Addressed, base.Show):
    """Run the function of a webhook, like any client with the URL."""

    columns: base.Columns = ('execution_id', 'status_code')
    detail_columns: base.Columns = ('output',)
    arguments = (options.add_input(), options.MEMBERS,
                 options.add_wait('until the execution has ended'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row = self.resources.invoke(*self.locate(args), _read_body(args))
        if args.wait:
            execution = self.client.executions.wait(row['execution_id'])
            if execution['status'] != 'success':
                self.failure = (f'Execution {execution["id"]} ended with '
                                f'status {execution["status"]}.')
        return row


def _read_body(args: argparse.Namespace) -> dict[str, typing.Any]:
    """Return the JSON object to send."""
    body = options.read_input(args)
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            raise exceptions.ClientError('The input is not valid JSON.')
    if not isinstance(body, dict):
        raise exceptions.ClientError(
            'The input of a webhook must be a JSON object.')
    return body
