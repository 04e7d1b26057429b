#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
    filters = ('all_projects', 'project_id')


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
        return parser

    def row(self, args):
        return self.things.create(
            **options.target(self.client, args),
            description=args.description)


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
        options.add_if_match(parser)
        return parser

    def row(self, args):
        function = args.function_id and self.client.functions.id_of(
            args.function_id)
        return self.things.update(
            self.things.id_of(args.id), args.if_match, function_id=function,
            function_version=args.function_version,
            function_alias=args.function_alias,
            description=args.description)


class Delete(Webhook, base.Delete):
    """Delete webhooks."""


class Invoke(Webhook, base.Show):
    """Run the function of a webhook, as whoever has its URL can."""

    columns = ('execution_id',)
    more = ()

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
