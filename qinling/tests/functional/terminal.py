# SPDX-License-Identifier: Apache-2.0
"""Commands typed at a terminal: each is a process of its own."""

import json
import os
import pathlib
import subprocess
import sys

#: Seconds that a command may take.
PATIENCE = 120
#: Programs of the environment that runs the tests.
BIN = pathlib.Path(sys.executable).parent


class Terminal:
    """Runs the commands of one program.

    ``directory`` is where they run and what they take for home; ``options``
    stand before each command; ``environ`` is added to the environment, in
    which nothing of a cloud is left.
    """

    def __init__(self, program, directory, options=(), **environ):
        self.words = [str(program), *options]
        self.directory = directory
        self.environ = {name: value for name, value in os.environ.items()
                        if not name.startswith(('OS_', 'QINLING_'))}
        self.environ.update(environ, HOME=str(directory), COLUMNS='80')
        #: The commands that were run.
        self.used = set()
        #: What the last one printed as errors.
        self.errors = ''

    def run(self, command, *words, code=0, stdin=''):
        """What a command prints; it must end with the exit code."""
        self.used.add(command)
        ran = subprocess.run(
            [*self.words, *command.split(), *(str(word) for word in words)],
            cwd=self.directory, env=self.environ, input=stdin.encode(),
            capture_output=True, timeout=PATIENCE)
        self.errors = ran.stderr.decode()
        text = ran.stdout.decode()
        assert ran.returncode == code, (
            command, words, ran.returncode, text, self.errors)
        return text

    def json(self, command, *words, **how):
        """What a command prints as JSON, decoded."""
        return json.loads(self.run(command, *words, '-f', 'json', **how))

    def value(self, column, command, *words, **how):
        """One column of what a command prints."""
        return self.run(command, *words, '-f', 'value', '-c', column,
                        **how).strip()

    def fails(self, command, *words, code=1, **how):
        """What a command that must fail prints as errors."""
        self.run(command, *words, code=code, **how)
        return self.errors
