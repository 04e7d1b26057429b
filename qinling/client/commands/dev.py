# SPDX-License-Identifier: Apache-2.0
"""Command that runs functions after each change of their files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import contextlib
import getpass
import json
import pathlib
import signal
import time
import typing

from qinling.client.commands import base
from qinling.client.commands import colors
from qinling.client.commands import debugger
from qinling.client.commands import failures
from qinling.client.commands import local_runs
from qinling.client.commands import options
from qinling.client.commands import progress
from qinling.client.commands import recorded
from qinling.client import debugging
from qinling.client import dev_server
from qinling.client import exceptions
from qinling.client import local_project
from qinling.client.manifest import model
from qinling.client import package
from qinling.client import project_templates
from qinling.client import tracebacks
from qinling.client import v1

#: Milliseconds in which the changes of one save are collected.
SETTLE_MS = 30
#: Milliseconds between two answers of the watch without a change.
INTERVAL_MS = 200


class Dev(base.Command):
    """Run the functions of a project after each change of its files.

    The functions of app.yaml run in the sandbox of production, on a private
    server that ends with the command. Each run prints the result and the log;
    the input is event.json, or NAME.event.json for one function.
    """

    arguments = (
        options.Argument(
            'directory', metavar='DIRECTORY', nargs='?', default='.',
            help='Directory of the project; default is the current '
                 'directory.'),
        options.Argument(
            '--function', metavar='NAME',
            help='Run this function only; default is all of app.yaml.'),
        options.Argument(
            '--on-server', action='store_true',
            help='Use the server of the other commands, with functions of '
                 'your own: their names end with -dev and your name.'),
        debugger.OPTION, debugger.PORT,
        options.Argument(
            '--once', action='store_true',
            help='Run once and end; the exit code is 1 after a failure.'))

    def take_action(self, args: argparse.Namespace) -> None:
        """Run until Ctrl+C."""
        directory = pathlib.Path(args.directory)
        if not directory.is_dir():
            raise exceptions.ClientError(
                f'There is no directory {directory}. Start a project with '
                '"qinling init".')
        # The end of the command must also end the server.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.ExitStack() as stack:
            with progress.Spinner(self.app.stderr,
                                  'Starting the server').show():
                client = stack.enter_context(self.connect(args, directory))
            session = Session(self, client, directory, args)
            if args.once:
                if not session.run_functions():
                    raise exceptions.ClientError('A function has failed.')
                return
            with contextlib.suppress(KeyboardInterrupt):
                self.run_again(session, watch(directory))

    def run_again(self, session: 'Session', changes: Iterator[bool]) -> None:
        """Run the functions once, and after each change."""
        next(changes)  # from now on, no change is missed
        session.run()
        self.note('Waiting for changes; end with Ctrl+C.')
        for has_changed in changes:
            if has_changed:
                session.run()

    @contextlib.contextmanager
    def connect(self, args: argparse.Namespace, directory: pathlib.Path
                ) -> Iterator[v1.Client]:
        """Yield a client of the server that runs the functions."""
        if args.on_server:
            if args.debugger:
                raise exceptions.ClientError(
                    'A debugger needs a function on this machine; omit '
                    '--on-server.')
            yield self.client
            return
        state = directory.resolve() / package.STATE
        if args.debugger:
            with dev_server.debug(state) as client:
                yield client
            return
        if args.once:
            with dev_server.connect(state) as client:
                yield client
            return
        with dev_server.run(state, shared=True) as url:
            yield dev_server.create_client(url)


class Session:
    """Functions of a project, on a server."""

    def __init__(self, command: base.Command, client: v1.Client,
                 directory: pathlib.Path, args: argparse.Namespace) -> None:
        self._command = command
        self._client = client
        self._directory = directory
        self._function = args.function
        #: End of the names of functions.
        self._suffix = f'-dev-{getpass.getuser()}' if args.on_server else ''
        self._has_debugger, self._port = args.debugger, args.port
        self._style = colors.Style(command.app.stdout)

    def run(self) -> None:
        """Send what has changed, and run the functions; print faults."""
        try:
            self.run_functions()
        except exceptions.ClientError as e:
            self._print(self._style.red(str(e)))

    def run_functions(self) -> bool:
        """Send what has changed, and run the functions.

        :returns: whether no function failed.
        :raises ClientError: if the functions cannot run.
        """
        started = time.monotonic()
        functions = self._load()
        if self._has_debugger:
            return all([self._debug(function) for function in functions])
        local_project.deploy(self._client, functions[0].manifest, {
            function.name + self._suffix: function.fields
            for function in functions}, is_local=not self._suffix)
        return all([self._invoke(function.name, started)
                    for function in functions])

    def _load(self) -> list[local_project.LocalFunction]:
        """Return the functions of the application file."""
        names = [self._function] if self._function else model.load(str(
            self._directory / project_templates.APPLICATION)
        ).objects.get('functions', {})
        functions = [local_project.find(str(self._directory), name)
                     for name in names]
        if not functions:
            raise exceptions.ClientError(
                f'{project_templates.APPLICATION} has no function.')
        return functions

    def _debug(self, function: local_project.LocalFunction) -> bool:
        """Run a function in a debugger, and print the outcome."""
        with debugging.prepare(function, self._port) as replaced:
            execution = local_runs.run(
                self._client, replaced.deploy(self._client),
                self._read_event(function.name), self._command.app.stderr)
        recorded.print_outcome(self._command, execution, self._client)
        return True

    def _invoke(self, name: str, started: float) -> bool:
        """Run a function and print the outcome."""
        execution = self._client.executions.create(
            function_id=self._client.functions.find_id(name + self._suffix),
            sync=True, input=self._read_event(name))
        seconds = time.monotonic() - started
        is_good: bool = execution['status'] == 'success'
        paint = self._style.green if is_good else self._style.red
        duration = execution.get('duration')
        self._print(paint(
            f'{time.strftime("%H:%M:%S")} {name}: {execution["status"]}')
            + (f' in {duration * 1000:.1f} ms' if duration else '')
            + f' ({seconds * 1000:.0f} ms after the change)')
        if is_good:
            self._print_log(execution['id'])
            output = tracebacks.read_output(execution)
            self._print(output if isinstance(output, str) else
                        json.dumps(output, ensure_ascii=False))
        else:
            self._print(failures.explain(self._command, execution,
                                         self._client))
        return is_good

    def _print_log(self, id: str) -> None:
        """Print what the function wrote, between first and last line."""
        lines = self._client.executions.get_log(id).splitlines()
        for line in lines[1:-1]:
            self._print(f'  | {line}')

    def _read_event(self, name: str) -> typing.Any:
        """Return the input of a function."""
        path = self._directory / f'{name}.{project_templates.EVENT}'
        if not path.exists():
            path = self._directory / project_templates.EVENT
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text('utf-8'))
        except (OSError, ValueError) as e:
            raise exceptions.ClientError(f'Cannot read {path}: {e}')

    def _print(self, text: str) -> None:
        self._command.print_line(text)
        self._command.app.stdout.flush()


def watch(directory: pathlib.Path) -> Iterator[bool]:
    """Yield whether files of a directory have changed, at short intervals.

    The files that a run itself creates are no changes.
    """
    import watchfiles

    names = watchfiles.DefaultFilter.ignore_dirs
    # The paths of changes begin with the path as it is passed.
    for changes in watchfiles.watch(
            directory.resolve(), step=SETTLE_MS, raise_interrupt=True,
            rust_timeout=INTERVAL_MS, yield_on_timeout=True,
            watch_filter=watchfiles.DefaultFilter(
                ignore_dirs=(*names, 'target'),
                ignore_paths=list_outputs(directory))):
        yield bool(changes)


def list_outputs(directory: pathlib.Path) -> list[pathlib.Path]:
    """Return the paths that commands write: the state, and programs."""
    root = directory.resolve()
    try:
        functions = model.load(str(
            root / project_templates.APPLICATION)).objects['functions']
    except (exceptions.ClientError, KeyError):
        functions = {}
    return [root / package.STATE, *(
        root / path for fields in functions.values() if 'compile' in fields
        for path in fields['code'])]
