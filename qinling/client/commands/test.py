# SPDX-License-Identifier: Apache-2.0
"""Command that runs the tests of a project in the sandbox."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import pathlib
import shlex
import signal
import typing

from qinling.client.commands import base
from qinling.client.commands import failures
from qinling.client.commands import local_runs
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client.harness import archives
from qinling.client.harness import tools
from qinling.client import local_project
from qinling.client import local_runner
from qinling.client import tracebacks

MIB = 1024 * 1024
#: Memory for the test program, beside that of the function.
TOOL_MEMORY_BYTES = 256 * MIB
DEFAULT_MEMORY_BYTES = 128 * MIB
DEFAULT_TIMEOUT_SECONDS = 600
#: Thousandths of a core, for an import of pytest in less than a second.
CPU = 1000
#: Test files, which projects leave out of packages.
INCLUDED = ('test_*', '*_test.*', '*.test.*', 'test.*', 'tests/', 'test/',
            'testdata/', 'conftest.py', 'pytest.ini')
#: Dependencies of tests, installed with those of the function.
REQUIREMENTS = 'requirements-test.txt'
SCRIPT = 'test.sh'


class Test(base.Command):
    """Run the tests of a project in the sandbox of production.

    The tests find the dependencies, the environment and the memory of the
    function: pytest (or unittest) for Python, "node --test" for Node.js,
    test.sh for programs. The exit code is that of the tests.
    """

    arguments = (
        options.Argument(
            'directory', metavar='DIRECTORY', nargs='?', default='.',
            help='Directory of the project, or a name of app.yaml; default is '
                 'the current directory.'),
        options.Argument(
            'words', metavar='ARGUMENT', nargs='*',
            help='Further arguments of the test program; write -- before '
                 'options, for instance: qinling test . -- -k greeting'),
        options.Argument(
            '--function', metavar='NAME',
            help='Function whose environment the tests have, if app.yaml has '
                 'several.'),
        options.Argument(
            '--timeout', type=options.parse_positive, metavar='SECONDS',
            default=DEFAULT_TIMEOUT_SECONDS,
            help='Maximum duration of all tests; default '
                 f'{DEFAULT_TIMEOUT_SECONDS}.'))

    def take_action(self, args: argparse.Namespace) -> int:
        """Run the tests; return their exit code."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with local_runner.start() as runner:
            function = local_project.find(args.directory, args.function)
            harness, input = create_harness(
                function, args.words, self.app.stdout.isatty())
            with self.replace_code(function, harness, args) as replaced:
                return self.read_code(local_runs.run_followed(
                    runner, replaced, input, self.app.stdout))

    def replace_code(self, function: local_project.LocalFunction,
                     harness: archives.Harness, args: argparse.Namespace
                     ) -> contextlib.AbstractContextManager[
                         local_project.LocalFunction]:
        """Return the function that runs the tests."""
        memory = function.fields.get('memory') or DEFAULT_MEMORY_BYTES
        # The schemas are for the function.
        return function.replace_code(
            archives.extend(function.create_archive(include=INCLUDED),
                            harness),
            '-test', entry=harness.entry, timeout=args.timeout, cpu=CPU,
            memory=memory + TOOL_MEMORY_BYTES, input_schema={},
            output_schema={})

    def read_code(self, execution: base.Row) -> int:
        """Return the exit code of the tests.

        :raises ClientError: the tests did not end.
        """
        code = tracebacks.read_output(execution)
        if execution['status'] != 'success' or not isinstance(code, int):
            raise exceptions.ClientError(
                'The tests did not end: ' + failures.explain(self, execution))
        return code


def create_harness(function: local_project.LocalFunction, words: list[str],
                   has_colors: bool
                   ) -> tuple[archives.Harness, dict[str, typing.Any]]:
    """Return the program that runs the tests, and its input."""
    runtime = function.fields.get('runtime')
    if runtime == 'nodejs':
        return archives.create_nodejs('run_tests'), {
            'arguments': ['--test-reporter=spec', *words]}
    if runtime == 'python3':
        return create_python(function.directory, words, has_colors)
    if not (function.directory / SCRIPT).is_file():
        raise exceptions.ClientError(
            f'There is no {SCRIPT} in {function.directory}; write a script '
            'that tests the program, and exits with 0 for success.')
    return create_script(words, function.directory), {}


def create_python(directory: pathlib.Path, words: list[str],
                  has_colors: bool
                  ) -> tuple[archives.Harness, dict[str, typing.Any]]:
    """Return the program that runs tests in Python, and its input.

    Without pytest, neither in the requirements of the tests nor installed
    here, unittest runs them.
    """
    path = directory / REQUIREMENTS
    requirements = path.read_bytes() if path.is_file() else b''
    modules = ({} if b'pytest' in requirements
               else tools.find_modules('pytest'))
    harness = archives.create_python('run_tests', modules)
    if requirements:
        harness = dataclasses.replace(harness, members={
            **harness.members, 'requirements.txt': requirements})
    if not modules and b'pytest' not in requirements:
        return harness, {'tool': 'unittest', 'arguments': words}
    return harness, {'tool': 'pytest', 'arguments': [
        '-p', 'no:cacheprovider', f'--color={"yes" if has_colors else "no"}',
        *words]}


def create_script(words: list[str], directory: pathlib.Path
                  ) -> archives.Harness:
    """Return the program that runs the test script with arguments."""
    text = (archives.HERE / 'run_tests.sh').read_text('utf-8')
    name = '_qinling/run_tests'
    return archives.Harness(name, {
        name: text.replace('"$@"', shlex.join(words)).encode(),
        SCRIPT: (directory / SCRIPT).read_bytes()})
