# SPDX-License-Identifier: Apache-2.0
"""State of the server at a glance."""

from __future__ import annotations

import argparse
import itertools
import shlex
import typing

from qinling.client.commands import base
from qinling.client.commands import colors
from qinling.client.commands import names
from qinling.client.commands import selection
from qinling.client import exceptions
from qinling.client import units

DAY = '24h'
MAX_FUNCTIONS = 200
#: Executions to count if the server has no statistics.
MAX_EXECUTIONS = 1000
MAX_FAILURES = 3


class Overview(base.Command):
    """Show the server, the functions and the executions of the last day."""

    def take_action(self, args: argparse.Namespace) -> None:
        style = colors.Style(self.app.stdout)
        functions = list(itertools.islice(self.client.functions.list(
            limit=MAX_FUNCTIONS), MAX_FUNCTIONS))
        app: typing.Any = self.app
        server = app.client_manager.url or 'in the catalog of Keystone'
        self.print_line(f'Server      {server}, {style.green("reachable")}')
        sign = '+' if len(functions) == MAX_FUNCTIONS else ''
        self.print_line(f'Functions   {len(functions)}{sign}')
        if not functions:
            self.suggest('function create --name NAME --runtime python3 '
                         '--file main.py')
            return
        count, failures = self.count_executions()
        failed = f'{failures} failed'
        noun = 'execution' if str(count) == '1' else 'executions'
        self.print_line(f'Last day    {count} {noun}, '
                        f'{style.red(failed) if failures else failed}')
        if failures:
            self.print_failures(style)
            self.suggest('logs FUNCTION --failed')
        elif count:
            self.suggest('stats')
        else:
            name = names.show_name(functions[0], names.Names(self.client, ()))
            self.suggest(f'function invoke {shlex.quote(name)}')

    def suggest(self, command: str) -> None:
        """Print the next step."""
        self.print_line(f'\nNext: {self.describe_command(command)}')
        self.print_line(f'All commands: {self.describe_command("help")}')

    def count_executions(self) -> tuple[int | str, int | str]:
        """Return the executions and failures of the last day."""
        since = units.parse_moment(DAY)
        try:
            stats = self.client.stats.get(since=since)
            # The statistics lack the last minute.
            if stats['count']:
                return stats['count'], stats['failures']
        except exceptions.NotFound:
            pass  # a server without statistics
        rows = self._list_recent(MAX_EXECUTIONS)
        recent = [row for row in rows if row['created_at'] >= since]
        sign = '+' if len(recent) == MAX_EXECUTIONS else ''
        failures = sum(row['status'] in ('failed', 'error')
                       for row in recent)
        return f'{len(recent)}{sign}', failures

    def _list_recent(self, limit: int, **query: typing.Any
                     ) -> list[base.Row]:
        """Return the newest executions."""
        return list(itertools.islice(self.client.executions.list(
            limit=limit, sort_key='created_at', sort_dir='desc', **query),
            limit))

    def print_failures(self, style: colors.Style) -> None:
        """Print the newest failures."""
        rows = self._list_recent(MAX_FAILURES, status=selection.FAILED)
        lookup = names.Names(self.client, rows)
        for row in rows:
            age = units.format_age(row['created_at'])
            reason = row.get('reason') or row['status']
            self.print_line(f'  {style.red(reason)}  '
                            f'{lookup.describe_target(row)}  {age}  '
                            f'{row["id"]}')
