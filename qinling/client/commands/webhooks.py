# SPDX-License-Identifier: Apache-2.0
"""Commands for webhooks."""

import argparse
import shlex

from qinling.client.commands import base
from qinling.client.commands import dry_run
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client.commands import targets
from qinling.client import exceptions
from qinling.client import units

METHODS = ('POST', 'GET', 'PUT', 'PATCH', 'DELETE')
STREAM_MODES = ('off', 'continue', 'cancel')
SIGNATURES = ('github', 'gitlab', 'mailgun', 'meta', 'microsoft', 'shopify',
              'slack', 'standard', 'stripe', 'twilio')
#: Mode in which senders get the whole output.
NO_STREAM = 'off'
BEHAVIOUR = (
    options.Argument(
        '--payload', metavar='FORM', values=('merged', 'request'),
        help='Input of the function: "merged", the default, makes arguments '
             'of all parameters; "request" passes the request unchanged.'),
    options.SYNC,
    options.Argument(
        '--method', dest='methods', action='append', metavar='METHOD',
        values=METHODS,
        help='HTTP method that runs the function: POST, the default, GET, '
             'PUT, PATCH or DELETE; can be repeated.'),
    options.Argument(
        '--origin', dest='origins', action='append', metavar='ORIGIN',
        help='Origin of pages that may use the webhook from a browser, such '
             'as https://app.example, or "*" for all pages; can be '
             'repeated.'),
    options.Argument(
        '--no-origins', dest='origins', action='store_const', const=[],
        help='No pages may use the webhook from a browser: the default.'),
    options.Argument(
        '--previews', action=argparse.BooleanOptionalAction,
        help='Whether the URL has variants that run any version or alias of '
             'the function.'),
    options.Argument(
        '--keep-deliveries', action=argparse.BooleanOptionalAction,
        help='Whether deliveries stay on record, with their bytes.'),
    options.Argument(
        '--stream', metavar='MODE', values=STREAM_MODES,
        help='Whether a sender of a synchronous webhook gets the output as '
             'the function yields it: "off", the default; "continue", and '
             'the function goes on if the sender leaves; or "cancel".'))
SECRET = (
    options.Argument(
        '--signature', metavar='FORM', values=SIGNATURES,
        help='How senders sign: github, gitlab, mailgun, meta, microsoft, '
             'shopify, slack, standard, stripe or twilio.'),
    options.Argument(
        '--secret', help='Secret of the sender, random by default. @FILE '
                         'reads a file, - reads standard input.'))


def read_secret(args: argparse.Namespace) -> str | None:
    """Return the secret, without the line break at the end of a file."""
    text = options.read_text(args.secret)
    return text and text.strip('\r\n')


def check_stream(args: argparse.Namespace, is_sync: bool) -> None:
    """Raise ``ClientError`` if an asynchronous webhook has a stream."""
    if args.stream not in (None, NO_STREAM) and not is_sync:
        raise exceptions.ClientError(
            f'--stream {args.stream} works for synchronous webhooks only; '
            'add --sync.')


def show_webhook(row: base.Row, _lookup: names.Names) -> str:
    """Return the description that commands accept, or the id."""
    return row.get('description') or row['id']


def show_mode(row: base.Row, _lookup: names.Names) -> str:
    """Return what a sender gets."""
    return 'result' if row.get('sync') else 'id of the execution'


class Webhook(base.Noun):
    """Noun of the commands for webhooks."""

    collection = 'webhooks'
    word = 'webhook'
    columns: base.Columns = (
        'id', 'function_alias', 'function_id', 'function_version',
        'description', 'project_id', 'created_at', 'updated_at', 'webhook_url')
    detail_columns: base.Columns = (
        'sync', 'payload', 'signature', 'secret', 'previous_until', 'refused',
        'methods', 'origins', 'previews', 'preview_urls', 'stream',
        'keep_deliveries')
    brief: base.Briefs = (
        base.Brief('Webhook', show_webhook), tables.TARGET,
        base.Brief('Signature', tables.show_field('signature')),
        base.Brief('Answer', show_mode),
        base.Brief('Refused', tables.show_field('refused')), tables.CHANGED)
    filters = ('all_projects', 'project_id')
    naming = 'Id or description'


List = base.define(
    'List webhooks.', Webhook, tables.List,
    sortable=('created_at', 'updated_at', 'id'),
    empty='There are no webhooks. Create one:',
    hint='webhook create --description NAME --function FUNCTION')
Show = base.define('Show a webhook.', Webhook, base.Get)
Delete = base.define('Delete webhooks.', Webhook, base.Delete)


class Create(Webhook, dry_run.DryRun):
    """Create a URL that runs a function."""

    arguments = (*targets.ARGUMENTS, options.describe('webhook'), *BEHAVIOUR,
                 *SECRET)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        check_stream(args, bool(args.sync))
        row = self.resources.create(
            **targets.build_target(self.client, args), sync=args.sync,
            description=args.description, payload=args.payload,
            methods=args.methods, origins=args.origins,
            previews=args.previews, stream=args.stream,
            keep_deliveries=args.keep_deliveries, signature=args.signature,
            secret=read_secret(args))
        sign = ' --sign' if row.get('signature') else ''
        self.next_step = (
            'webhook invoke '
            f'{shlex.quote(args.description or row["id"])}{sign}')
        return row


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
        check_stream(args, args.sync is not False)
        targets.refuse_version(args)
        function = args.function_id and self.client.functions.find_id(
            args.function_id)
        return self.resources.update(
            *self.locate(args), if_match=args.if_match, function_id=function,
            function_version=args.function_version,
            function_alias=args.function_alias, sync=args.sync,
            description=args.description, payload=args.payload,
            methods=args.methods, origins=args.origins,
            previews=args.previews, stream=args.stream,
            keep_deliveries=args.keep_deliveries)


class Rotate(Webhook, base.Addressed, base.Show):
    """Replace the secret of a webhook."""

    arguments = (
        *SECRET,
        options.Argument('--overlap', type=units.parse_duration,
                         metavar='TIME',
                         help='Time for which the old secret stays valid: '
                              'seconds, or 5m or 1h30m.'),
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
