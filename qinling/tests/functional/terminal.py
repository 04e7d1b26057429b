# SPDX-License-Identifier: Apache-2.0
"""Commands, each in a separate process."""

import json
import os
import pathlib
import subprocess
import sys

COMMAND_TIMEOUT_SECONDS = 120
#: Programs of the environment that runs the tests.
BIN = pathlib.Path(sys.executable).parent


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
        self.environ.update(environ, HOME=str(directory), COLUMNS='80')
        #: Names of the commands so far.
        self.commands = set()
        #: Standard error of the last command.
        self.errors = ''

    def run(self, command, *words, code=0, stdin=''):
        """Run a command, check the exit code, and return the output."""
        self.commands.add(command)
        process = subprocess.run(
            [*self.words, *command.split(), *(str(word) for word in words)],
            cwd=self.directory, env=self.environ, input=stdin.encode(),
            capture_output=True, timeout=COMMAND_TIMEOUT_SECONDS)
        self.errors = process.stderr.decode()
        text = process.stdout.decode()
        assert process.returncode == code, (
            command, words, process.returncode, text, self.errors)
        return text

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
