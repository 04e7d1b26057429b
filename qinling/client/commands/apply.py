# SPDX-License-Identifier: Apache-2.0
"""Commands for applications in a file."""

from __future__ import annotations

import argparse
import json
import pathlib
import shlex

from qinling.client.commands import base
from qinling.client.commands import colors
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client.manifest import changes
from qinling.client.manifest import export
from qinling.client.manifest import forms
from qinling.client.manifest import model
from qinling.client.manifest import plan as plans

FILE = options.Argument(
    '--file', '-f', default='app.yaml', metavar='FILE',
    help='Application file; default is app.yaml.')
PRUNE = options.Argument(
    '--prune', action='store_true',
    help='Also delete the functions, aliases, jobs, webhooks and event '
         'sources of the project that the file does not have, of the nouns '
         'in the file.')
SECRETS = options.Argument(
    '--update-secrets', action='store_true',
    help='Set all secrets again; without this, only those that the server '
         'lacks.')


class Planned(base.Command):
    """Base of the commands that compare a file with the server."""

    def build_plan(self, args: argparse.Namespace) -> list[changes.Change]:
        """Print the changes, and return them."""
        planner = plans.Planner(self.client, model.load(args.file),
                                args.update_secrets)
        plan = list(planner.plan())
        for sentence in planner.warnings:
            self.note(sentence)
        if args.prune:
            plan += planner.plan_deletions()
        style = colors.Style(self.app.stdout)
        paint = {changes.CREATE: style.green, changes.DELETE: style.red}
        for change in plan:
            title, *details = change.describe()
            self.print_line(paint.get(change.sign, str)(title))
            for line in details:
                self.print_line(line)
        counts = plans.summarise(plan)
        self.print_line(
            f'{counts[changes.CREATE]} to create, '
            f'{counts[changes.UPDATE]} to change, '
            f'{counts[changes.DELETE]} to delete.' if plan
            else 'Nothing to do: the project is as the file says.')
        return plan


class Diff(Planned):
    """Show what "apply" would change; the exit code is 1 for a difference."""

    arguments = (FILE, PRUNE, SECRETS)

    def run(self, args: argparse.Namespace) -> int:
        """Return the exit code."""
        return 1 if self.build_plan(args) else 0

    def take_action(self, args: argparse.Namespace) -> None:
        """Do nothing: :meth:`run` is all there is."""


class Apply(Planned):
    """Bring a project to the state of a file.

    A second run changes nothing; after a failure, another run continues.
    """

    arguments = (
        FILE, PRUNE, SECRETS,
        options.Argument('--dry-run', action='store_true',
                         help='Show the changes only.'),
        options.Argument('--yes', '-y', action='store_true',
                         help='Delete without a question.'),
        options.Argument('--schema', action='store_true',
                         help='Print the JSON Schema of the file, for '
                              'editors, and do nothing.'))

    def take_action(self, args: argparse.Namespace) -> None:
        """Print the changes, then carry them out."""
        if args.schema:
            self.print_line(json.dumps(forms.build_schema(), indent=2))
            return
        plan = self.build_plan(args)
        if args.dry_run or not plan:
            return
        if not args.yes and any(change.sign == changes.DELETE
                                for change in plan):
            self.confirm()
        for number, change in enumerate(plan):
            try:
                change.apply()
            except exceptions.ClientError as e:
                raise exceptions.ClientError(
                    f'{change.subject}: {e}\n{number} of {len(plan)} changes '
                    'are done; run the command again to continue.') from e
            self.print_line(f'done: {change.sign} {change.subject}')

    def confirm(self) -> None:
        """Ask before deletions.

        :raises ClientError: the answer is not yes.
        """
        if not self.app.stdin.isatty():
            raise exceptions.ClientError(
                'The plan deletes something; confirm with --yes.')
        self.app.stdout.write('Delete? [y/N] ')
        self.app.stdout.flush()
        if self.app.stdin.readline().strip().lower() not in ('y', 'yes'):
            raise exceptions.ClientError('Nothing was changed.')


class Export(base.Command):
    """Write the functions of a project to an application file.

    The directory gets the file, and all packages of all versions. Values of
    secrets are not exported: the file names environment variables that must
    have them.
    """

    arguments = (options.Argument(
        'directory', metavar='DIRECTORY',
        help='Directory to create; its app.yaml is for "apply".'),)

    def take_action(self, args: argparse.Namespace) -> None:
        """Write the directory."""
        try:
            exporter = export.Exporter(
                self.client, pathlib.Path(args.directory))
            path = exporter.export()
        except OSError as e:
            raise exceptions.ClientError(
                f'Cannot write {exceptions.describe_failure(e)}')
        for sentence in exporter.omissions:
            self.note(sentence)
        self.print_line(f'Wrote {path}')
        self.note('Next: ' + self.describe_command(
            f'apply --file {shlex.quote(str(path))}') + ' (on another server)')
