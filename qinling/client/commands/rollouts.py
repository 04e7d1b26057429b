# SPDX-License-Identifier: Apache-2.0
"""Commands for rollouts of aliases."""

import argparse
from collections.abc import Iterator
import shlex
import typing

from qinling.client.commands import base
from qinling.client.commands import colors
from qinling.client.commands import options
from qinling.client import units

#: Characters of the longest bar.
BAR_LENGTH = 40
BAR, ASCII_BAR = '█', '#'
LIVE = ('running', 'paused')
_STOPPED = ('paused', 'rolled_back', 'superseded', 'aborted')


class Rollout(base.Addressed):
    """Noun of the commands for rollouts."""

    collection = 'rollouts'
    word = 'function_alias'
    columns: base.Columns = (
        'alias', 'function_id', 'from_version', 'function_version', 'status',
        'status_reason', 'step', 'step_executions', 'created_at')
    detail_columns: base.Columns = ('steps', 'guards', 'on_breach', 'id')
    naming = 'Name'

    def resolve(self, reference: str) -> str:
        return reference


class ShowRollout(Rollout, base.Show):
    """Base of the commands that show a rollout."""

    def run(self, args: argparse.Namespace) -> int:
        """Print the fields, or draw the rollout for people."""
        self._is_drawn = args.formatter == 'table' and not args.columns
        return super().run(args)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        """Return the rollout; draw it for people."""
        row = self.request(args)
        if self._is_drawn:
            for line in draw(row, self.app.stdout):
                self.print_line(line)
        return row

    def produce_output(self, args: argparse.Namespace,
                       column_names: typing.Any, data: typing.Any) -> int:
        """Print the fields, unless the rollout is drawn."""
        if self._is_drawn:
            return 0
        return super().produce_output(args, column_names, data)

    def request(self, args: argparse.Namespace) -> base.Row:
        """Return the rollout in the answer of the server."""
        row: base.Row = self.resources.get(args.function_alias)
        return row


class Show(ShowRollout):
    """Show the latest rollout of an alias, with the figures of its guards."""

    is_watchable = True


class Start(ShowRollout):
    """Move an alias to another version in steps, under guards.

    Every step waits for executions of the new version. When the new version
    fails more often than the old version, or more of its runs are slow, the
    alias returns to the old version.
    """

    arguments = (
        options.Argument(
            '--to', required=True, type=options.parse_positive, metavar='N',
            help='Number of the new version.'),
        options.Argument(
            '--weight', action='append', type=float, metavar='SHARE',
            help='Share of the new version in a step, such as 0.1. Repeat '
                 'the option for each step. By default the first share gives '
                 'the version 300 executions in a minute, at most half.'),
        options.Argument(
            '--min-executions', type=options.parse_positive, metavar='N',
            help='Executions of the new version in each step; default 50.'),
        options.Argument(
            '--min-time', type=units.parse_duration, metavar='TIME',
            help='Least time of each step, such as 10m; default 55s.'),
        options.Argument(
            '--on-breach', choices=('rollback', 'pause'),
            help='What to do when a guard does not hold; default rollback.'),
        options.Argument(
            '--guards', type=options.parse_json_object, metavar='JSON',
            help='Guards with their limits, such as {"errors": {}, '
                 '"latency": {"max_ratio": 1.5}}; {} for no guard.'),
        options.Argument(
            '--requires-replay', nargs='?', const=True, metavar='OPERATION',
            help='Start only if a replay of the version has ended, any or the '
                 'one with this id; see "function replay".'),
        options.Argument(
            '--max-differences', type=options.parse_count, metavar='N',
            help='Most different executions of the replay; default 0.'),
        options.add_wait('until the rollout ends or pauses'),
        options.IF_MATCH)

    def request(self, args: argparse.Namespace) -> base.Row:
        """Start the rollout, and wait if asked to."""
        row = self.resources.start(
            args.function_alias, args.to, steps=_build_steps(args),
            guards=args.guards, on_breach=args.on_breach,
            requires_replay=args.requires_replay,
            max_differences=args.max_differences,
            if_match=args.if_match)
        if args.wait:
            row = self.wait(args.function_alias)
        self.next_step = ('function rollout show '
                          + shlex.quote(args.function_alias))
        return row

    def wait(self, alias: str) -> typing.Any:
        """Return the rollout after its end; print each step."""
        step = None
        with self.client.indicator.show():
            for row in self.resources.poll(alias):
                if row['step'] != step and row['status'] == 'running':
                    step = row['step']
                    self.note(f'Step {step} of {len(row["steps"])}: '
                              f'{_weight(row):.0%} of the executions run '
                              f'version {row["function_version"]}.')
        if row['status'] in _STOPPED:
            self.failure = (f'The rollout is {row["status"]}: '
                            f'{row["status_reason"]}')
        return row


class _Change(ShowRollout):
    """Base of the commands that change a rollout."""

    verb: str

    def request(self, args: argparse.Namespace) -> base.Row:
        row: base.Row = self.resources.change(args.function_alias, self.verb)
        return row


class Pause(_Change):
    """Keep the present weights of a rollout until you decide."""

    verb = 'pause'


class Resume(_Change):
    """Begin the present step of a paused rollout again."""

    verb = 'resume'


class Promote(_Change):
    """Point the alias of a rollout at the new version now."""

    verb = 'promote'


class Abort(_Change):
    """Point the alias of a rollout at the old version now."""

    verb = 'abort'


def _build_steps(args: argparse.Namespace) -> typing.Any:
    """Return the steps of a request; the server chooses missing weights."""
    fields = {name: getattr(args, name)
              for name in ('min_executions', 'min_time')
              if getattr(args, name) is not None}
    if not args.weight:
        return fields or None
    return [dict(fields, weight=weight) for weight in args.weight]


def _weight(row: base.Row) -> float:
    """Return the share of the new version at present."""
    if row['status'] in LIVE:
        return float(row['steps'][row['step'] - 1]['weight'])
    return float(row['status'] == 'succeeded')


def draw(row: base.Row, stream: typing.TextIO) -> Iterator[str]:
    """Yield the lines that show a rollout to people."""
    style = colors.Style(stream)
    bar = BAR if 'utf' in (stream.encoding or '').lower() else ASCII_BAR
    old, new = row['from_version'], row['function_version']
    status = row['status']
    paint = style.red if status in _STOPPED else style.green
    yield (f'{row["alias"]}: version {old or "0 (latest code)"} to {new}, '
           f'{paint(status)}, step {row["step"]} of {len(row["steps"])}')
    if status != 'superseded':
        weight = _weight(row)
        for version, share, key in ((old, 1 - weight, 'old'),
                                    (new, weight, 'new')):
            yield (f'  version {version:<4} '
                   f'{bar * round(share * BAR_LENGTH):<{BAR_LENGTH}} '
                   f'{share:4.0%}{_describe(row, key)}')
    if status == 'running':
        yield _describe_progress(row)
    if row['status_reason']:
        yield row['status_reason']


def _describe(row: base.Row, key: str) -> str:
    """Return the figures of a version."""
    words = []
    for name, title in (('errors', 'failed'), ('latency', 'slow')):
        share = (row.get(name) or {}).get(key)
        if share and share['count']:
            words.append(f'{share["hits"] / share["count"]:.1%} {title}')
            count = share['count']
    return f'  {", ".join(words)} of {count} executions' if words else ''


def _describe_progress(row: base.Row) -> str:
    """Return what the present step waits for."""
    step = row['steps'][row['step'] - 1]
    age = (units.now() - units.read_time(row['step_started_at'])
           ).total_seconds()
    waits = []
    executions = step['min_executions'] - row['step_executions']
    if executions > 0:
        waits.append(f'{executions} more executions of version '
                     f'{row["function_version"]}')
    if age < step['min_time']:
        waits.append(units.format_duration(step['min_time'] - age))
    return ('The next step needs ' + ' and '.join(waits) + '.' if waits
            else 'The next step follows.')
