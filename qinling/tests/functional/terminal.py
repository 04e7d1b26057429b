# SPDX-License-Identifier: Apache-2.0
"""Commands, each in a separate process."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

COMMAND_TIMEOUT_SECONDS = 120
#: Programs of the environment that runs the tests.
BIN = pathlib.Path(sys.executable).parent
#: Program that runs commands, each in a process of its own, from lines with
#: the environment, words, standard input, and files for both outputs. What the
#: commands need is imported once, before the first command.
FORKS = """
import contextlib, importlib.metadata, json, os, sys, traceback
{imports}
def run(environ, words, source, *targets):
    os.environ.clear()
    os.environ.update(environ)
    for number, path in enumerate([source, *targets]):
        flags = os.O_WRONLY if number else os.O_RDONLY
        os.dup2(os.open(path, flags), number)
    sys.stdin = open(0)
    sys.argv[:] = ['{name}', *words]
    try:
        code = main(words)
    except SystemExit as e:
        code = e.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))
for line in os.fdopen(os.dup(0)):
    if not (pid := os.fork()):
        run(*json.loads(line))
    status = os.waitpid(pid, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
#: Imports of OpenStackClient with its plugins, and of our client.
OPENSTACK_IMPORTS = """
from openstackclient.shell import main
for point in (point for package in importlib.metadata.distributions()
              for point in package.entry_points):
    if point.group.startswith('openstack.') or point.group == (
            'keystoneauth1.plugin'):
        with contextlib.suppress(Exception):
            point.load()
"""
QINLING_IMPORTS = """
from qinling.client.__main__ import main
from qinling.client import direct, shell, v1
from qinling.client.commands import base
"""


class Terminal:
    """Runner of the commands of one program.

    :param directory: working directory and home of the commands.
    :param options: words before each command.
    :param environ: additions to the environment, from which variables of a
        cloud are removed.
    """

    def __init__(self, program, directory, options=(), **environ):
        self.words = [str(program), *options]
        self.directory = directory
        self.environ = {name: value for name, value in os.environ.items()
                        if not name.startswith(('OS_', 'QINLING_'))}
        # The old client writes an archive with a fixed name.
        self.environ.update(environ, HOME=str(directory), COLUMNS='80',
                            TMPDIR=str(directory))
        #: Names of the commands so far.
        self.commands = set()
        #: Standard error of the last command.
        self.errors = ''

    def run(self, command, *words, code=0, stdin=''):
        """Run a command, check the exit code, and return the output."""
        self.commands.add(command)
        received, text, self.errors = self.execute(
            [*command.split(), *(str(word) for word in words)], stdin)
        assert received == code, (
            command, words, received, text, self.errors)
        return text

    def execute(self, words, stdin):
        """Return the exit code and both outputs of a command."""
        process = subprocess.run(
            [*self.words, *words], cwd=self.directory, env=self.environ,
            input=stdin.encode(), capture_output=True,
            timeout=COMMAND_TIMEOUT_SECONDS)
        return (process.returncode, process.stdout.decode(),
                process.stderr.decode())

    def json(self, command, *words, **options):
        """Return the output of a command as JSON, decoded."""
        return json.loads(self.run(command, *words, '-f', 'json', **options))

    def value(self, column, command, *words, **options):
        """Return one column of the output of a command."""
        return self.run(command, *words, '-f', 'value', '-c', column,
                        **options).strip()

    def fails(self, command, *words, code=1, **options):
        """Run a command that must fail, and return standard error."""
        self.run(command, *words, code=code, **options)
        return self.errors


class Forking(Terminal):
    """Runner of the commands of a program, one at a time.

    One process imports the program and forks for each command, since the
    imports take longer than most commands.

    :param python: interpreter with the program.
    """

    name = 'qinling'
    imports = QINLING_IMPORTS

    def __init__(self, python, directory, **environ):
        super().__init__(python.parent / self.name, directory, **environ)
        self._process = subprocess.Popen(
            [python, '-c', FORKS.format(name=self.name, imports=self.imports)],
            cwd=directory, env=self.environ,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        """End the process."""
        self._process.communicate()

    def execute(self, words, stdin):
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.NamedTemporaryFile(
                'w+', encoding='utf-8')) for _ in range(3)]
            files[0].write(stdin)
            files[0].flush()
            self._process.stdin.write(json.dumps(
                [self.environ, words, *(file.name for file in files)]) + '\n')
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return code, files[1].read(), files[2].read()


class OpenStack(Forking):
    """Runner of the commands of OpenStackClient."""

    name = 'openstack'
    imports = OPENSTACK_IMPORTS
