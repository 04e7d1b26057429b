# SPDX-License-Identifier: Apache-2.0
"""Command that runs a function like a program."""

import argparse
import json
import typing

from qinling.client.commands import base
from qinling.client.commands import content
from qinling.client.commands import failures
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import tracebacks


class Invoke(base.Command):
    """Run a function and print the result.

    A text is printed as is, any other result as JSON. If the function fails,
    the exit code is 1, and standard error shows the exception, the place in
    the code and the command for the log.
    """

    arguments = (
        options.Argument('function', metavar='FUNCTION', nargs='?',
                         help='Id or name of the function; not needed with '
                              '--alias.'),
        options.Argument('--alias', help='Run the target of this alias.'),
        options.Argument('--function-version', type=int, metavar='N',
                         help='Run this version, not the latest code or the '
                              'version that the alias selects.'),
        options.add_input(), options.ROUTING_KEY,
        options.Argument(
            '--async', dest='sync', action='store_false',
            help='Do not wait; print the id of the execution.'),
        options.Argument('--show-log', action='store_true',
                         help='Print the log, too, on standard error.'),
        content.OUTPUT, options.MEMBERS)

    def take_action(self, args: argparse.Namespace) -> None:
        if args.alias and args.function and '=' in args.function:
            args.arguments.insert(0, args.function)
            args.function = None
        arguments = options.read_input(args)
        execution = self.client.executions.create(
            **self.build_target(args), sync=args.sync,
            input=None if arguments == {} else arguments,
            routing_key=args.routing_key)
        if not args.sync:
            self.print_line(execution['id'])
            self.note('Wait for the end: ' + self.describe_command(
                'function execution wait', execution['id']))
            return
        if args.show_log:
            self.app.stderr.write(
                self.client.executions.get_log(execution['id']))
        if execution['status'] != 'success':
            raise exceptions.ClientError(failures.explain(self, execution))
        output = tracebacks.read_output(execution)
        if args.output:
            content.write(self, args.output, content.decode(output))
            return
        if not isinstance(output, str):
            output = json.dumps(output, ensure_ascii=False)
        self.print_line(output)

    def build_target(self, args: argparse.Namespace
                     ) -> dict[str, typing.Any]:
        """Return the fields of the function to run.

        :raises ClientError: if the alias points at another function.
        """
        if not args.function:
            if not args.alias:
                raise exceptions.ClientError(
                    'Specify the function: its name, or --alias.')
            return self.build_alias_target(args)
        id = self.client.functions.find_id(args.function)
        if not args.alias:
            return {'function_id': id,
                    'function_version': args.function_version}
        target = self.client.aliases.get(args.alias)['function_id']
        if target != id:
            raise exceptions.ClientError(
                f'Alias {args.alias} points at function {target}, not at '
                f'{args.function}.')
        return self.build_alias_target(args)

    def build_alias_target(self, args: argparse.Namespace
                           ) -> dict[str, typing.Any]:
        """Return the fields of an alias, perhaps with another version."""
        target = {'function_alias': args.alias}
        if args.function_version:
            target['function_version'] = args.function_version
        return target
