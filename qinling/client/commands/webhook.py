# SPDX-License-Identifier: Apache-2.0
"""Commands about webhooks."""

import json

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions


class Webhook(base.Noun):
    collection = 'webhooks'
    word = 'webhook'
    columns = ('id', 'function_alias', 'function_id', 'function_version',
               'description', 'project_id', 'created_at', 'updated_at',
               'webhook_url')
    more = ('sync', 'payload', 'signature', 'secret', 'previous_until',
            'refused')
    filters = ('all_projects', 'project_id')


def add_behaviour(parser):
    """What comes to the function, and what the sender gets."""
    parser.add_argument(
        '--payload', metavar='FORM',
        help='What the function gets: "merged", the default: all parameters '
             'as arguments; or "request": the request as it came.')
    options.add_sync(parser)


def add_secret(parser):
    """How senders prove who they are."""
    parser.add_argument(
        '--signature', metavar='FORM',
        help='How senders sign: github, standard, stripe or slack.')
    parser.add_argument(
        '--secret', help='The secret of the sender; else one is made. @FILE '
        'is what is in a file, - what comes from standard input.')


def secret(args):
    """The secret that is given; a file may end with a line break."""
    text = options.text(args.secret)
    return text and text.strip('\r\n')


class List(Webhook, base.List):
    """List webhooks."""


class Show(Webhook, base.ShowById):
    """Show a webhook."""


class Create(Webhook, base.Show):
    """Create a URL that runs a function."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        options.add_target(parser)
        parser.add_argument('--description',
                            help='Description of the webhook.')
        add_behaviour(parser)
        add_secret(parser)
        return parser

    def row(self, args):
        return self.things.create(
            **options.target(self.client, args), sync=args.sync,
            description=args.description, payload=args.payload,
            signature=args.signature, secret=secret(args))


class Update(Webhook, base.Show):
    """Change a webhook."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('id', metavar='WEBHOOK',
                            help='Id or description of the webhook.')
        parser.add_argument('--function-id', '--function', metavar='FUNCTION',
                            help='Id or name of the function.')
        parser.add_argument('--function-version', type=int, metavar='N',
                            help='Number of the version.')
        parser.add_argument('--function-alias', metavar='ALIAS',
                            help='Name of an alias, in place of both.')
        parser.add_argument('--description', help='Another description.')
        add_behaviour(parser)
        options.add_if_match(parser)
        return parser

    def row(self, args):
        function = args.function_id and self.client.functions.id_of(
            args.function_id)
        return self.things.update(
            self.things.id_of(args.id), args.if_match, function_id=function,
            function_version=args.function_version,
            function_alias=args.function_alias, sync=args.sync,
            description=args.description, payload=args.payload)


class Delete(Webhook, base.Delete):
    """Delete webhooks."""


class Rotate(Webhook, base.Show):
    """Give a webhook another secret."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('webhook', help='Id or description of the '
                            'webhook.')
        add_secret(parser)
        parser.add_argument(
            '--overlap', type=int, metavar='SECONDS',
            help='How long the present secret stays good.')
        options.add_if_match(parser)
        return parser

    def row(self, args):
        return self.things.rotate(
            self.things.id_of(args.webhook), args.if_match,
            secret=secret(args), signature=args.signature,
            overlap=args.overlap)


class Unseal(Webhook, base.Command):
    """Let anybody use a webhook, without a secret."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('webhook', help='Id or description of the '
                            'webhook.')
        options.add_if_match(parser)
        return parser

    def take_action(self, args):
        self.things.unseal(self.things.id_of(args.webhook), args.if_match)


class Invoke(Webhook, base.Show):
    """Run the function of a webhook, as whoever has its URL can."""

    columns = ('execution_id', 'status_code')
    more = ('output',)

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('webhook', help='Id or description of the '
                            'webhook.')
        options.add_input(parser)
        options.add_members(parser)
        options.add_wait(parser, 'until the execution has ended')
        return parser

    def row(self, args):
        row = self.things.invoke(
            self.things.id_of(args.webhook), _body(args))
        if args.wait:
            execution = self.client.executions.wait(row['execution_id'])
            if execution['status'] != 'success':
                self.failure = (f'Execution {execution["id"]} ended with '
                                f'status {execution["status"]}.')
        return row


def _body(args):
    """The JSON object that is sent."""
    if args.input is None:
        return options.members(args.arguments)
    if args.arguments:
        raise exceptions.ClientError(
            'Give either --input or arguments, not both.')
    try:
        body = json.loads(options.text(args.input))
    except ValueError:
        raise exceptions.ClientError('The input is not valid JSON.')
    if not isinstance(body, dict):
        raise exceptions.ClientError(
            'The input of a webhook must be a JSON object.')
    return body
