# SPDX-License-Identifier: Apache-2.0
"""Command that shows the logs of a function."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Iterator
import itertools
import time
import typing

from qinling.client.commands import base
from qinling.client.commands import json_lines
from qinling.client.commands import options
from qinling.client.commands import selection
from qinling.client import exceptions
from qinling.client import units

DEFAULT_LIMIT = 10
#: Executions to search without the help of the server.
MAX_SEARCHED = 1000
#: Seconds between two polls.
FOLLOW_SECONDS = 1.0
#: Newest executions that a poll reads.
FOLLOW_LIMIT = 100
#: Fields of an execution beside a line of the log in JSON.
FIELDS = ('created_at', 'function_id', 'function_version', 'status', 'reason')
#: Lines of the service around the output of a function.
FRAMES = ('Start execution: ', 'Finished execution: ')


class Logs(base.Command):
    """Show the logs of a function, the newest execution last."""

    arguments = (
        options.Argument('function', metavar='FUNCTION', nargs='?',
                         help='Id or name of the function; not needed with '
                              '--alias.'),
        *(selection.ALIAS, selection.VERSION, selection.SINCE,
          selection.FAILURES),
        options.Argument('--grep', metavar='TEXT',
                         help='Only lines that contain this text.'),
        options.Argument('--follow', action='store_true',
                         help='Print new logs until an interrupt (Ctrl-C).'),
        options.Argument('--limit', type=options.parse_positive, metavar='N',
                         default=DEFAULT_LIMIT,
                         help='Show the logs of at most N executions, '
                              f'default {DEFAULT_LIMIT}.'),
        json_lines.OPTION)

    def take_action(self, args: argparse.Namespace) -> None:
        if not (args.function or args.alias):
            raise exceptions.ClientError(
                'Specify the function: its name, or --alias.')
        query = dict(selection.build_query(self.client, args),
                     sort_key='created_at', sort_dir='desc')
        rows = self.select_rows(args, query)
        has_older = len(rows) > args.limit
        rows = rows[:args.limit][::-1]
        printer = (JsonPrinter if args.formatter else Printer)(
            self, args.grep)
        for row in rows:
            printer.print_log(row)
        if args.follow:
            self.follow(printer, query, rows)
        elif not rows:
            self.note('No execution matches. Run a function: '
                      + self.describe_command('function invoke FUNCTION'))
        elif has_older:
            self.note(f'Older logs exist; add --limit {args.limit * 10}.')

    def select_rows(self, args: argparse.Namespace,
                    query: dict[str, typing.Any]) -> list[base.Row]:
        """Return the newest executions, one more than the limit."""
        list_rows = self.client.executions.list
        count = args.limit + 1
        if not args.grep:
            return list(itertools.islice(
                list_rows(limit=count, **query), count))
        try:
            return list(itertools.islice(list_rows(
                limit=count, logs=f'has:{args.grep}', **query), count))
        except exceptions.HttpError as e:
            if e.status != 400:
                raise
        # The server does not search in logs.
        rows = itertools.islice(list_rows(limit=100, **query), MAX_SEARCHED)
        return list(itertools.islice(self._search(rows, args.grep), count))

    def _search(self, rows: Iterable[base.Row], text: str
                ) -> Iterator[base.Row]:
        for row in rows:
            if any(text in line for line in read_lines(self, row)):
                yield row

    def follow(self, printer: Printer, query: dict[str, typing.Any],
               rows: list[base.Row]) -> None:
        """Print the logs of new and of running executions."""
        ended = {row['id'] for row in rows if row['status'] != 'running'}
        start = rows[-1]['created_at'] if rows else units.now().strftime(
            '%Y-%m-%dT%H:%M:%SZ')
        while True:
            time.sleep(FOLLOW_SECONDS)
            recent = list(itertools.islice(self.client.executions.list(
                limit=FOLLOW_LIMIT, **query), FOLLOW_LIMIT))
            for row in reversed(recent):
                if row['created_at'] >= start and row['id'] not in ended:
                    printer.print_log(row)
                    if row['status'] != 'running':
                        ended.add(row['id'])


def read_lines(command: base.Command, row: base.Row) -> list[str]:
    """Return the lines that the function wrote, and the traceback."""
    id = row['id']
    log = command.client.executions.get_log(id)
    return [line for line in log.splitlines() if not any(
        line == prefix + id for prefix in FRAMES)]


class Printer:
    """Printer of logs, each line once.

    :param text: print only lines that contain this text.
    """

    def __init__(self, command: base.Command, text: str | None) -> None:
        self._command = command
        self._text = text
        #: Execution -> number of printed lines.
        self._counts: dict[str, int] = {}

    def print_log(self, row: base.Row) -> None:
        """Print the new lines of the log of an execution."""
        lines = read_lines(self._command, row)
        count = self._counts.get(row['id'])
        self._counts[row['id']] = len(lines)
        lines = lines[count or 0:]
        if self._text is not None:
            lines = [line for line in lines if self._text in line]
        if lines or count is None and self._text is None:
            for line in self.describe(row, lines):
                self._command.print_line(line)
        self._command.app.stdout.flush()

    def describe(self, row: base.Row, lines: list[str]) -> list[str]:
        """Return a line about an execution, and the lines of the log."""
        seconds = selection.read_duration(row)
        version = row.get('function_version')
        words = [row['created_at'], row['id'], f'version {version}' if version
                 else '', row.get('reason') or row['status'],
                 '' if seconds is None else units.format_duration(seconds)]
        return ['  '.join(filter(None, words)),
                *(f'  {line}' for line in lines)]


class JsonPrinter(Printer):
    """Printer of logs as JSON lines."""

    def describe(self, row: base.Row, lines: list[str]) -> list[str]:
        """Return an object for each line of a log."""
        fields = {name: row.get(name) for name in FIELDS}
        return [json_lines.encode({
            'execution_id': row['id'], **fields, 'line': line})
            for line in lines]
