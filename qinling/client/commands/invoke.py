# SPDX-License-Identifier: Apache-2.0
"""``function invoke``: run a function and print the result."""

import argparse
import json
import typing

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions


class Invoke(base.Command):
    """Run a function and print the result.

    A text is printed as is, any other result as JSON. If the function fails,
    the exit code is 1 and the reason is on standard error.
    """

    arguments = (
        options.reference('function'),
        options.Exclusive(
            options.Argument('--alias', help='Run the target of this alias.'),
            options.Argument('--function-version', type=int, metavar='N',
                             help='Run this version, not the latest code.')),
        options.add_input(), options.ROUTING_KEY,
        options.Argument(
            '--async', dest='sync', action='store_false',
            help='Do not wait; print the id of the execution.'),
        options.Argument('--show-log', action='store_true',
                         help='Print the log, too, on standard error.'),
        options.MEMBERS)

    def take_action(self, args: argparse.Namespace) -> None:
        arguments = options.read_input(args)
        execution = self.client.executions.create(
            **self.build_target(args), sync=args.sync,
            input=None if arguments == {} else arguments,
            routing_key=args.routing_key)
        if not args.sync:
            self.print_line(execution['id'])
            return
        if args.show_log:
            self.app.stderr.write(
                self.client.executions.get_log(execution['id']))
        output = json.loads(execution['result'] or '{}').get('output')
        if not isinstance(output, str):
            output = json.dumps(output, ensure_ascii=False)
        if execution['status'] != 'success':
            raise exceptions.ClientError(output)
        self.print_line(output)

    def build_target(self, args: argparse.Namespace
                     ) -> dict[str, typing.Any]:
        """Return the fields of the function to run.

        :raises ClientError: if the alias points at another function.
        """
        id = self.client.functions.find_id(args.function)
        if not args.alias:
            return {'function_id': id,
                    'function_version': args.function_version}
        target = self.client.aliases.get(args.alias)['function_id']
        if target != id:
            raise exceptions.ClientError(
                f'Alias {args.alias} points at function {target}, not at '
                f'{args.function}.')
        return {'function_alias': args.alias}
