# SPDX-License-Identifier: Apache-2.0
"""Command that runs a function like a program."""

import argparse
import json
import signal
import typing

from qinling.client.commands import base
from qinling.client.commands import content
from qinling.client.commands import failures
from qinling.client.commands import json_inputs
from qinling.client.commands import local_runs
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import local_project
from qinling.client import local_runner
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
                              '--alias. With --local: a file, a directory, '
                              'or a name of app.yaml.'),
        options.Argument('--local', action='store_true',
                         help='Run the files of this machine once, without a '
                              'server, in the sandbox of production; default '
                              'is the current directory.'),
        options.Argument('--alias', help='Run the target of this alias.'),
        options.Argument('--function-version', type=int, metavar='N',
                         help='Run this version, not the latest code or the '
                              'version that the alias selects.'),
        options.add_input(), options.ROUTING_KEY,
        options.Argument(
            '--async', dest='sync', action='store_false',
            help='Do not wait; print the id of the execution.'),
        options.Argument(
            '--stream', action='store_true',
            help='Print the output as the function yields it, other values '
                 'than texts as lines of JSON; an interrupt (Ctrl-C) cancels '
                 'the execution.'),
        options.Argument('--show-log', action='store_true',
                         help='Print the log, too, on standard error.'),
        content.OUTPUT, options.MEMBERS)

    def take_action(self, args: argparse.Namespace) -> None:
        if (args.alias or args.local) and '=' in (args.function or ''):
            args.arguments.insert(0, args.function)
            args.function = None
        arguments = options.read_input(args)
        json_inputs.warn(args, arguments, self.note)
        fields = {'routing_key': args.routing_key,
                  'input': None if arguments == {} else arguments}
        if args.local:
            self.run_local(args, fields)
        else:
            self.run_on_server(args, {**self.build_target(args), **fields})

    def run_local(self, args: argparse.Namespace,
                  fields: dict[str, typing.Any]) -> None:
        """Run the files of this machine in a sandbox, and print the result.

        :raises ClientError: if the options need a server.
        """
        if args.alias or args.function_version or not args.sync:
            raise exceptions.ClientError(
                'Use --local without --alias, --function-version and '
                '--async.')
        # The end of the command must also end the worker.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        printer = Printer(self, args) if args.stream else None
        with local_runner.start() as runner:
            execution = local_runs.run_once(
                runner, local_project.find(args.function), fields['input'],
                None if printer is None else printer.print_part)
            if printer is not None:
                printer.end()
            self.check_end(args, execution)
        if printer is None:
            self.print_output(args, execution)

    def run_on_server(self, args: argparse.Namespace,
                      fields: dict[str, typing.Any]) -> None:
        """Run a function on a server, and print the result."""
        if args.stream:
            self.stream(args, fields)
            return
        execution = self.client.executions.create(sync=args.sync, **fields)
        if not args.sync:
            self.print_line(execution['id'])
            self.note('Wait for the end: ' + self.describe_command(
                'function execution wait', execution['id']))
            return
        self.check_end(args, execution)
        self.print_output(args, execution)

    def print_output(self, args: argparse.Namespace, execution: base.Row
                     ) -> None:
        """Print or write the result of a function."""
        output = tracebacks.read_output(execution)
        if args.output:
            content.write(self, args.output, content.decode(output))
            return
        if not isinstance(output, str):
            output = json.dumps(output, ensure_ascii=False)
        self.print_line(output)

    def check_end(self, args: argparse.Namespace, execution: base.Row
                  ) -> None:
        """Print the log if wanted.

        :param execution: with its ``log`` if no server has the execution.
        :raises ClientError: if the execution has failed.
        """
        if args.show_log:
            self.app.stderr.write(
                execution['log'] if 'log' in execution
                else self.client.executions.get_log(execution['id']))
        if execution['status'] != 'success':
            raise exceptions.ClientError(failures.explain(self, execution))

    def stream(self, args: argparse.Namespace, fields: dict[str, typing.Any]
               ) -> None:
        """Print an output as the function yields it."""
        printer = Printer(self, args)
        id = ''
        for name, data in self.client.executions.stream(
                cancel_on_disconnect=True, **fields):
            if name == 'start':
                id = data['id']
            elif name == 'output':
                printer.print_part(
                    data['text'] if 'text' in data else data['value'])
        printer.end()
        self.check_end(args, self.client.executions.get(id))

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


class Printer:
    """Printer of the parts of an output.

    :raises ClientError: if the options exclude each other.
    """

    def __init__(self, command: base.Command, args: argparse.Namespace
                 ) -> None:
        if not args.sync or args.output:
            raise exceptions.ClientError(
                'Use --stream without --async and --output; redirect the '
                'standard output to write a file.')
        self._output = command.app.stdout
        self._text = '\n'

    def print_part(self, value: typing.Any) -> None:
        """Print a text, or a line of JSON for another value."""
        self._text = value if isinstance(value, str) else json.dumps(
            value, ensure_ascii=False) + '\n'
        self._output.write(self._text)
        self._output.flush()

    def end(self) -> None:
        """End the last line."""
        if not self._text.endswith('\n'):
            self._output.write('\n')
