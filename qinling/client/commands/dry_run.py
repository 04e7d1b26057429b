# SPDX-License-Identifier: Apache-2.0
"""Option to explain what a command would do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import units
from qinling.client import v1

FIELDS = ('allowed', 'refusal', 'effects', 'targets')
OPTION = options.Argument(
    '--dry-run', action='store_true',
    help='Show what the command would do and what would refuse it; change '
         'and run nothing.')


class DryRun(base.Show):
    """Base of the commands that can be explained."""

    _explaining_client: v1.Client | None = None

    def list_arguments(self) -> tuple[options.Declaration, ...]:
        """Return the arguments of the command, and ``--dry-run``."""
        return (*super().list_arguments(), OPTION)

    @property
    def client(self) -> v1.Client:
        """Return the Python client, which explains in a dry run."""
        return self._explaining_client or super().client

    def list_columns(self, args: argparse.Namespace) -> Sequence[str]:
        """Return the names of all printable fields."""
        return FIELDS if args.dry_run else super().list_columns(args)

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the result of the command, or its explanation."""
        if not args.dry_run:
            return super().take_action(args)
        explanation = self.client.explain(
            lambda client: self._fetch_from(client, args))
        self.next_step = None
        if not explanation['allowed']:
            self.failure = f'Refused: {explanation["refusal"]}'
        values = [explanation[field] for field in FIELDS]
        if args.formatter == 'table':
            values[2] = '\n'.join(explanation['effects'])
            values[3] = '\n'.join(map(describe_target,
                                      explanation['targets']))
        return FIELDS, values

    def _fetch_from(self, client: v1.Client, args: argparse.Namespace
                    ) -> None:
        self._explaining_client = client
        try:
            self.fetch(args)
        finally:
            self._explaining_client = None


def describe_target(target: base.Row) -> str:
    """Return what some of the executions would run, for people."""
    version = target['function_version']
    text = f'{target["function_name"] or target["function_id"]}, ' + (
        f'version {version}' if version else 'the current code')
    if target['share'] < 1:
        text += f', for {target["share"]:.1%}'
    lines = [text, f'  {target["entry"] or "image"} on '
                   f'{target["runtime"] or "its image"} with {target["cpu"]} '
                   f'millicpu, {units.format_size(target["memory_size"])}, '
                   f'at most {target["timeout"]} s']
    lines += [f'  Problem: {problem}' for problem in target['problems']]
    lines += [f'  {note}' for note in target['notes']]
    return '\n'.join(lines)
