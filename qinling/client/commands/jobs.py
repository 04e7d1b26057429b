# SPDX-License-Identifier: Apache-2.0
"""Commands for jobs."""

import argparse
from collections.abc import Iterable
import shlex
import typing

from qinling.client.commands import base
from qinling.client.commands import dry_run
from qinling.client.commands import failures
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client.commands import targets
from qinling.client import units

#: Overlap policies.
OVERLAPS = ('allow', 'skip', 'queue_one', 'queue_all', 'cancel_other')
SCHEDULE = (
    options.Argument('--pattern', help='Schedule in the syntax of cron.'),
    options.Argument(
        '--timezone', metavar='ZONE',
        help='Time zone of the pattern, such as Europe/Berlin; default UTC.'),
    options.Argument(
        '--misfire', choices=('skip', 'once', 'all'),
        help='Which fire times to make up for after a downtime.'),
    options.Argument(
        '--overlap', choices=OVERLAPS,
        help='What to do with a fire time during an earlier execution.'),
    options.Argument('--start-at', metavar='TIME',
                     help='No fire time is before; UTC.'),
    options.Argument('--end-at', metavar='TIME',
                     help='No fire time is after; UTC.'),
    options.Argument(
        '--jitter', type=units.parse_duration, metavar='TIME',
        help='Spread of the executions after each fire time, such as 5m; 0 '
             'for none.'),
    options.Argument(
        '--max-failures', type=options.parse_count, metavar='NUMBER',
        help='Failed executions in a row that pause the job; 0 for no '
             'limit.'),
    options.Argument(
        '--exclude', action='append', metavar='DATE[/DATE]',
        help='Date, or range of dates, without fire times, in the time zone '
             'of the job; repeat for several. An empty text removes all.'))
INPUT = options.add_input('--function-input')


def build_schedule(args: argparse.Namespace) -> dict[str, typing.Any]:
    """Return the fields of :data:`SCHEDULE`."""
    names = ('pattern', 'timezone', 'misfire', 'overlap', 'start_at',
             'end_at', 'jitter', 'max_failures')
    fields = {name: getattr(args, name) for name in names}
    if args.exclude is not None:
        fields['exclusions'] = [date for date in args.exclude if date]
    return fields


def show_schedule(row: base.Row, _lookup: names.Names) -> str:
    """Return the pattern."""
    return row['pattern'] or 'once'


def show_next(row: base.Row, _lookup: names.Names) -> str:
    """Return the next fire time in the zone of the job and in UTC."""
    time = row.get('next_execution_time')
    return units.format_local(time, row.get('timezone')) if time else ''


class Job(base.Noun):
    """Noun of the commands for jobs."""

    collection = 'jobs'
    word = 'job'
    columns: base.Columns = (
        'id', 'name', 'count', 'status', 'function_alias', 'function_id',
        'function_version', 'function_input', 'pattern',
        'first_execution_time', 'next_execution_time', 'project_id',
        'created_at', 'updated_at')
    detail_columns: base.Columns = (
        'status_reason', 'timezone', 'misfire', 'overlap', 'start_at',
        'end_at', 'jitter', 'max_failures', 'failures', 'exclusions')
    brief: base.Briefs = (
        tables.NAME, tables.TARGET, base.Brief('Schedule', show_schedule),
        base.Brief('Status', tables.show_field('status')),
        base.Brief('Next', show_next))
    filters = ('status', 'all_projects', 'project_id')


List = base.define(
    'List jobs.', Job, tables.List,
    sortable=(*tables.List.sortable, 'status', 'next_execution_time'),
    empty='There are no jobs. Create one:',
    hint='job create --name NAME --function FUNCTION --pattern "0 3 * * *"')
Show = base.define('Show a job.', Job, base.Get)
Delete = base.define('Delete jobs.', Job, base.Delete)


class Create(Job, dry_run.DryRun):
    """Run a function on a schedule."""

    arguments = (
        *targets.ARGUMENTS,
        options.Argument('--name', help='Name of the job.'),
        options.Argument('--first-execution-time', metavar='TIME',
                         help='Earliest fire time, UTC.'),
        *SCHEDULE, INPUT,
        options.Argument('--count', type=int,
                         help='Number of executions; default is no limit for '
                              'a job with a pattern.'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row = self.resources.create(
            **targets.build_target(self.client, args), name=args.name,
            first_execution_time=args.first_execution_time,
            count=args.count, **build_schedule(args),
            function_input=options.read_text(args.function_input))
        self.next_step = 'job run ' + shlex.quote(args.name or row['id'])
        return row


class Update(Job, base.Addressed, base.Show):
    """Change a job."""

    arguments = (
        options.Argument('--name', help='New name.'),
        options.Argument(
            '--status', choices=('running', 'paused', 'done', 'cancelled'),
            help='New status.'),
        options.Argument('--next-execution-time', metavar='TIME',
                         help='Next fire time, UTC.'),
        *SCHEDULE, INPUT, options.IF_MATCH)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.update(
            *self.locate(args), if_match=args.if_match, name=args.name,
            status=args.status, **build_schedule(args),
            next_execution_time=args.next_execution_time,
            function_input=options.read_text(args.function_input))


class Run(Job, base.Addressed, base.Show):
    """Run the function of a job now; the schedule stays."""

    columns: base.Columns = (
        'id', 'function_alias', 'function_id', 'function_version', 'input',
        'status', 'job_id', 'created_at')
    detail_columns: base.Columns = ()
    arguments = (options.add_wait('until the execution has ended'),)

    def fetch(self, args: argparse.Namespace) -> base.Row:
        row = self.resources.run(*self.locate(args))
        if not args.wait:
            self.next_step = f'function execution wait {row["id"]}'
            return row
        row = self.client.executions.wait(row['id'])
        if row['status'] != 'success':
            self.failure = failures.explain(self, row)
        return row


class Next(Job, base.Addressed, tables.Table):
    """List the next fire times of a job."""

    columns: base.Columns = ('next_execution_time',)
    detail_columns: base.Columns = ('timezone',)
    brief: base.Briefs = (
        base.Brief('Next', show_next),
        base.Brief('When', tables.show_field('next_execution_time')))
    arguments = (options.Argument(
        '--count', type=options.parse_positive,
        help='Number of fire times.'),)

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        id, = self.locate(args)
        zone = self.resources.get(id)['timezone'] if self.is_brief(
            args) else None
        return [{'next_execution_time': time, 'timezone': zone} for time in
                self.resources.list_fire_times(id, args.count)]


def show_late(row: base.Row, _lookup: names.Names) -> str:
    """Return the delay of a fire time."""
    late = row.get('late')
    return '' if late is None else units.format_duration(late)


class Fired(Job, base.Addressed, tables.Table):
    """Base of the commands that list fire times."""

    columns: base.Columns = ('scheduled_at', 'status', 'late', 'reason',
                             'execution_id')
    detail_columns: base.Columns = ()
    brief: base.Briefs = (
        base.Brief('Time (UTC)', lambda row, _lookup: row['scheduled_at']),
        base.Brief('Status', tables.show_field('status')),
        base.Brief('Late', show_late),
        base.Brief('Reason', tables.show_field('reason')),
        base.Brief('Execution', tables.show_field('execution_id')))


class Fires(Fired):
    """List what became of the fire times of a job, and those to come."""

    arguments = (
        options.Argument('--since', type=units.parse_moment, metavar='TIME',
                         help='First time: 1h ago, or a time in UTC such as '
                              '2026-01-31T12:00:00; default is a day ago, '
                              'less for a job that fires often.'),
        options.Argument('--until', type=units.parse_moment, metavar='TIME',
                         help='Last time; default is as far ahead.'))

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return self.resources.list_fires(
            *self.locate(args), since=args.since, until=args.until)


class Backfill(Fired):
    """Run a job for the fire times that it missed; each time runs once."""

    empty = 'The job has missed no fire time in this range.'
    arguments = (
        options.Argument('--since', type=units.parse_moment, required=True,
                         metavar='TIME', help='First time: 1h ago, or a time '
                         'in UTC such as 2026-01-31T12:00:00.'),
        options.Argument('--until', type=units.parse_moment, metavar='TIME',
                         help='Last time; default is now.'),
        options.Argument('--dry-run', action='store_true',
                         help='Only list the times.'),
        options.Argument('--overlap', choices=OVERLAPS,
                         help='Overlap policy; default is that of the job.'),
        options.Argument('--interval', type=units.parse_duration,
                         metavar='SECONDS',
                         help='Time between the starts of two executions, '
                              'such as 30s.'))

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return self.resources.backfill(
            *self.locate(args), args.since, args.until, args.dry_run,
            overlap=args.overlap, interval=args.interval)
