# SPDX-License-Identifier: Apache-2.0
"""``function invoke``: run a function and see what it returns."""

import json

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions


class Invoke(base.Command):
    """Run a function and print what it returns.

    A text is printed as it is, anything else as JSON. The exit code is 1 if
    the function failed, and why is on standard error.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', help='Id or name of the function.')
        group = parser.add_mutually_exclusive_group()
        group.add_argument('--alias', help='Run what this alias points at.')
        group.add_argument('--function-version', type=int, metavar='N',
                           help='Run this version, not the latest code.')
        options.add_input(parser)
        parser.add_argument(
            '--routing-key', metavar='KEY',
            help='Decides which version of an alias with weights runs.')
        parser.add_argument(
            '--async', dest='sync', action='store_false',
            help='Do not wait; print the id of the execution.')
        parser.add_argument(
            '--show-log', action='store_true',
            help='Print the log, too, on standard error.')
        options.add_members(parser)
        return parser

    def take_action(self, args):
        execution = self.client.executions.create(
            **self.target(args), sync=args.sync, input=_input(args),
            routing_key=args.routing_key)
        if not args.sync:
            self.say(execution['id'])
            return
        if args.show_log:
            self.app.stderr.write(
                self.client.executions.log(execution['id']))
        output = json.loads(execution['result'] or '{}').get('output')
        if not isinstance(output, str):
            output = json.dumps(output, ensure_ascii=False)
        if execution['status'] != 'success':
            raise exceptions.ClientError(output)
        self.say(output)

    def target(self, args):
        """The fields that say what shall run.

        :raises ClientError: when the alias is not one of this function.
        """
        id = self.client.functions.id_of(args.function)
        if not args.alias:
            return {'function_id': id,
                    'function_version': args.function_version}
        found = self.client.aliases.get(args.alias)['function_id']
        if found != id:
            raise exceptions.ClientError(
                f'Alias {args.alias} points at function {found}, not at '
                f'{args.function}.')
        return {'function_alias': args.alias}


def _input(args):
    if args.input is None:
        return options.members(args.arguments) or None
    if args.arguments:
        raise exceptions.ClientError(
            'Give either --input or arguments, not both.')
    return options.text(args.input)
