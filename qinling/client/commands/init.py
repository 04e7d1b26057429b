# SPDX-License-Identifier: Apache-2.0
"""Command that starts a project."""

from __future__ import annotations

import argparse
import pathlib
import shlex

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import project_templates


class Init(base.Command):
    """Write a small project: a function, a test, an application file.

    Existing files are never replaced.
    """

    arguments = (
        options.Argument(
            'language', metavar='LANGUAGE', nargs='?', default='python',
            choices=tuple(project_templates.TEMPLATES),
            help='Language: '
                 f'{", ".join(project_templates.TEMPLATES)}; default is '
                 'python.'),
        options.Argument(
            'directory', metavar='DIRECTORY', nargs='?', default='.',
            help='Directory of the project, created if it is missing; '
                 'default is the current directory.'),
        options.Argument(
            '--name', metavar='NAME',
            help='Name of the function; default is the name of the '
                 'directory.'))

    def take_action(self, args: argparse.Namespace) -> None:
        """Write the files, and print what to do next."""
        directory = pathlib.Path(args.directory)
        template = project_templates.TEMPLATES[args.language]
        name = args.name or project_templates.create_name(
            directory.resolve().name)
        files = template.render(name)
        present = [file for file in files if (directory / file).exists()]
        if present:
            raise exceptions.ClientError(
                f'{directory} has {", ".join(present)} already; nothing was '
                'written.')
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for file, text in files.items():
                path = directory / file
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, 'utf-8')
                if file in template.programs:
                    path.chmod(0o755)
                self.print_line(f'Wrote {path}')
        except OSError as e:
            raise exceptions.ClientError(
                'Cannot write the project: '
                f'{exceptions.describe_failure(e)}')
        self.explain(directory, template.test)

    def explain(self, directory: pathlib.Path, test: str) -> None:
        """Print the next steps."""
        lines = [] if directory == pathlib.Path('.') else [
            f'  cd {shlex.quote(str(directory))}']
        lines += [
            f'  {test:32}test the function',
            f'  {self.describe_command("test"):32}test it in the sandbox',
            f'  {self.describe_command("dev"):32}run it after each change',
            f'  {self.describe_command("apply"):32}publish it on a server']
        self.note('\n'.join(['Next:', *lines]))
