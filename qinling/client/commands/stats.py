# SPDX-License-Identifier: Apache-2.0
"""Command that shows statistics of executions."""

from __future__ import annotations

import argparse
import typing

from cliff import utils

from qinling.client.commands import base
from qinling.client.commands import colors
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import selection
from qinling.client.commands import tables
from qinling.client import exceptions
from qinling.client import units

#: Characters of the longest bar on a wide terminal, and of the shortest that
#: says something; the columns of a wide terminal.
BAR_LENGTH, MIN_BAR_LENGTH, MAX_WIDTH = 30, 5, 200
GAP = '  '
#: Characters of bars: successes and failures, and in ASCII.
BARS = '█░'
ASCII_BARS = '#!'
GROUPS = ('version', 'alias', 'hour', 'day', 'function', 'project')
#: Groups that people see in the order of the counts.
RANKED = ('alias', 'function', 'project')
#: Group -> text for people in place of a key.
SPECIAL_NAMES = {'alias': {'': '(no alias)'},
                 'version': {'0': '0 (latest code)'}}
FIGURES = ('count', 'failures', 'cold_starts', 'gb_seconds', 'cost')
BRIEF_PERCENTILES = ('p50', 'p95')
PERCENTILES = ('p50', 'p95', 'p99', 'max')


class Stats(tables.Lister):
    """Show counts, failures and durations of executions."""

    is_watchable = True

    arguments = (
        options.Argument('function', metavar='FUNCTION', nargs='?',
                         help='Id or name of the function; default is the '
                              'whole project.'),
        options.Argument('--by', choices=GROUPS, help='One row for each.'),
        selection.SINCE,
        options.Argument('--until', type=units.parse_moment, metavar='TIME',
                         help='Only executions before; like --since.'),
        selection.ALIAS, selection.VERSION,
        options.Argument('--all-projects', action='store_true',
                         help='All projects (administrators only); also with '
                              '--by project.'))

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the figures, and for people print them with bars."""
        stats = self.client.stats.get(
            function_id=args.function and self.client.functions.find_id(
                args.function),
            version=self.check_version(args), alias=args.alias,
            since=args.since, until=args.until, by=args.by,
            all_projects=args.all_projects or args.by == 'project' or None)
        rows = stats.get('groups', [stats])
        if args.formatter == 'table' and not args.columns:
            self.print_stats(stats, args)
            return (), ()
        key = (args.by or 'since').capitalize()
        headings = [key, *(name.capitalize() for name in (
            *FIGURES, *PERCENTILES, 'failures_by_reason'))]
        self.check_columns(args.columns, headings)
        return headings, [_list_figures(row) for row in rows]

    def check_version(self, args: argparse.Namespace) -> int | None:
        """Return the version, which belongs to a function."""
        version: int | None = args.function_version
        if version is not None and (args.alias or not args.function):
            raise exceptions.ClientError(
                'A version belongs to a function; specify the function, and '
                'no alias.')
        if args.alias and args.function:
            raise exceptions.ClientError(
                'Specify the function or --alias, not both.')
        return version

    def produce_output(self, args: argparse.Namespace,
                       column_names: typing.Any,
                       data: typing.Any) -> int:
        """Print the machine formats."""
        if not column_names:
            return 0
        return super().produce_output(args, column_names, data)

    def print_stats(self, stats: base.Row, args: argparse.Namespace) -> None:
        """Print the figures for people."""
        subject = args.function or args.alias or 'All functions'
        self.print_line(f'{subject}, {stats["since"]} to {stats["until"]}, '
                        f'as of {units.format_age(stats["as_of"])}')
        if not stats['count']:
            self.print_line('No executions in this time.')
            return
        style = colors.Style(self.app.stdout)
        self.print_line(_summarise(stats, style, PERCENTILES))
        cost = _format_cost(stats, stats.get('currency'))
        cold = stats['cold_starts']
        self.print_line(f'{cold} cold start{"s" if cold != 1 else ""}, '
                        f'{units.format_figure(stats["gb_seconds"])} '
                        f'GB-seconds{cost}')
        for reason, count in sorted(stats['failures_by_reason'].items()):
            self.print_line(f'  {reason}: {count}')
        groups = stats.get('groups') or []
        if args.by in RANKED:
            groups = sorted(groups, key=lambda group: -group['count'])
        keys = self._list_names([str(group['key']) for group in groups],
                                args.by)
        self._print_groups(keys, groups, [
            _summarise(group, style, BRIEF_PERCENTILES)
            + _format_cost(group, stats.get('currency')) for group in groups])

    def _print_groups(self, keys: list[str], groups: typing.Sequence[base.Row],
                      summaries: list[str]) -> None:
        """Print a line per group; bars shrink on a narrow terminal."""
        style = colors.Style(self.app.stdout)
        bars = BARS if 'utf' in (
            self.app.stdout.encoding or '').lower() else ASCII_BARS
        longest = max((group['count'] for group in groups), default=0)
        width = max(map(len, keys), default=0)
        rest = (utils.terminal_width() or MAX_WIDTH) - width - max(
            (len(style.strip(text)) for text in summaries),
            default=0) - len(GAP) * 2
        bar_length = min(max(rest, 0), BAR_LENGTH)
        for key, group, summary in zip(keys, groups, summaries):
            if bar_length < MIN_BAR_LENGTH:
                self.print_line(f'{key}\n{GAP}{summary}')
                continue
            good, bad = _measure_bar(group, longest, bar_length)
            self.print_line(
                f'{key:<{width}}{GAP}{bars[0] * good}'
                f'{style.red(bars[1] * bad)}'
                f'{" " * (bar_length - good - bad)}{GAP}{summary}')

    def _list_names(self, keys: list[str], by: str | None) -> list[str]:
        """Return the texts for the keys of groups."""
        if by == 'function':
            lookup = names.Names(self.client, [
                {'function_id': key} for key in keys])
            return [lookup.get('function_id', key) for key in keys]
        special = SPECIAL_NAMES.get(by or '', {})
        return [special.get(key, key) for key in keys]


def _format_cost(row: base.Row, currency: str | None) -> str:
    """Return the cost behind other figures, empty without prices."""
    cost = row.get('cost')
    return '' if cost is None else (
        f', {units.format_figure(cost, 4)} {currency}')


def _list_figures(row: base.Row) -> list[typing.Any]:
    duration = row['duration'] or {}
    return [row.get('key', row.get('since')),
            *(row.get(name) for name in FIGURES),
            *(duration.get(name) for name in PERCENTILES),
            row['failures_by_reason']]


def _summarise(row: base.Row, style: colors.Style,
               percentiles: tuple[str, ...]) -> str:
    """Return counts and durations in one line."""
    count, failures = row['count'], row['failures']
    words = [f'{count} executions' if count != 1 else '1 execution']
    if failures:
        words.append(style.red(f'{failures} failed ({failures / count:.1%})'))
    if row['duration']:
        words += [f'{name} {units.format_duration(row["duration"][name])}'
                  for name in percentiles]
    return ', '.join(words)


def _measure_bar(row: base.Row, longest: int, bar_length: int
                 ) -> tuple[int, int]:
    """Return the characters for successes and for failures."""
    length = max(round(row['count'] / longest * bar_length), 1)
    failed = 0
    if row['failures']:
        failed = max(round(row['failures'] / row['count'] * length), 1)
    return length - failed, failed
