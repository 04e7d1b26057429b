# SPDX-License-Identifier: Apache-2.0
"""Command that shows a function on one screen."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from qinling.client.commands import base
from qinling.client.commands import colors
from qinling.client.commands import dry_run
from qinling.client.commands import functions
from qinling.client.commands import names
from qinling.client import units

#: Versions and aliases on the screen.
MAX_ROWS = 5
DAY = '24h'
#: Start of the one effect of an execution that depends on no input.
FLOW_CONTROL = 'Flow control'


class Describe(functions.Function, base.Addressed):
    """Show a function at a glance: can it run, and if not, why?"""

    def take_action(self, args: argparse.Namespace) -> int:
        """Print the screen; fail if the function cannot run."""
        id = self.resolve(args.function)
        style = colors.Style(self.app.stdout)
        function = self.resources.get(id)
        # A flow control may refuse synchronous executions, or have no room.
        explanation = self.client.explain(
            lambda client: client.executions.create(
                function_id=id, sync=False))
        self.print_line(f'{function["name"] or id}  ({id})')
        if explanation['allowed']:
            self.print_line(style.green('It can run.'))
        else:
            self.print_line(style.red(
                f'It cannot run: {explanation["refusal"]}'))
        for target in explanation['targets']:
            self.print_line(dry_run.describe_target(target))
        for effect in explanation['effects']:
            if effect.startswith(FLOW_CONTROL):
                self.print_line(f'  {effect}')
        for title, lines in (
                ('Versions', self.list_versions(id)),
                ('Aliases', self.list_aliases(id)),
                ('Used by', self.list_users(id)),
                ('Last day', self.list_figures(id))):
            self.print_line(f'{title}:' + (''.join(
                f'\n  {line}' for line in lines) or ' none'))
        return 0 if explanation['allowed'] else 1

    def run(self, args: argparse.Namespace) -> int:
        """Return the exit code of the action."""
        code: int = self.take_action(args)
        return code

    def list_versions(self, id: str) -> Iterator[str]:
        """Yield the newest versions."""
        rows = self.client.versions.list(
            id, limit=MAX_ROWS, sort_key='version_number', sort_dir='desc')
        for row, _number in zip(rows, range(MAX_ROWS)):
            text = f'{row["version_number"]}, published ' + units.format_age(
                row['created_at'])
            summary = row.get('message') or row['description']
            yield text + (f': {summary}' if summary else '')

    def list_aliases(self, id: str) -> Iterator[str]:
        """Yield the aliases of the function."""
        for row in self.client.aliases.list():
            if row['function_id'] != id:
                continue
            weights = row['routing'] or {row['function_version']: 1}
            yield f'{row["name"]}: ' + ', '.join(
                f'version {version} ({weight:.4g})' if weight < 1
                else f'version {version}'
                for version, weight in weights.items())

    def list_users(self, id: str) -> Iterator[str]:
        """Yield what refers to the function, except aliases."""
        rows = [row for row in self.resources.list_references(id)
                if row['kind'] != 'alias']
        fields = [f'{row["kind"]}_id' for row in rows]
        lookup = names.Names(self.client, [
            {field: row['id']} for field, row in zip(fields, rows)])
        for field, row in zip(fields, rows):
            name = (lookup.describe(field, row['id'])
                    if field in names.COLLECTIONS else row['id'])
            through = (f' through alias {row["alias"]}'
                       if row.get('alias') else '')
            yield f'{row["kind"].replace("_", " ")} {name}{through}'

    def list_figures(self, id: str) -> Iterator[str]:
        """Yield the figures of the last day."""
        stats = self.client.stats.get(
            function_id=id, since=units.parse_moment(DAY))
        if stats['count']:
            yield (f'{stats["count"]} executions, {stats["failures"]} failed, '
                   f'{units.format_figure(stats["gb_seconds"])} GB-seconds')
