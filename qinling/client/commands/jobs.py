# SPDX-License-Identifier: Apache-2.0
"""Commands for jobs."""

import argparse
from collections.abc import Iterable

from qinling.client.commands import base
from qinling.client.commands import options

SCHEDULE = (
    options.Argument('--pattern', help='Schedule in the syntax of cron.'),
    options.Argument(
        '--timezone', metavar='ZONE',
        help='Time zone of the pattern, such as Europe/Berlin; default UTC.'),
    options.Argument(
        '--misfire', choices=('skip', 'once', 'all'),
        help='Which fire times to make up for after a downtime.'))
INPUT = options.add_input('--function-input')


class Job(base.Noun):
    """Noun of the commands for jobs."""

    collection = 'jobs'
    word = 'job'
    columns: base.Columns = (
        'id', 'name', 'count', 'status', 'function_alias', 'function_id',
        'function_version', 'function_input', 'pattern',
        'first_execution_time', 'next_execution_time', 'project_id',
        'created_at', 'updated_at')
    detail_columns: base.Columns = ('status_reason', 'timezone', 'misfire')
    filters = ('all_projects', 'project_id')


List = base.define('List jobs.', Job, base.List)
Show = base.define('Show a job.', Job, base.Get)
Delete = base.define('Delete jobs.', Job, base.Delete)


class Create(Job, base.Show):
    """Run a function on a schedule."""

    arguments = (
        *options.TARGET,
        options.Argument('--name', help='Name of the job.'),
        options.Argument('--first-execution-time', metavar='TIME',
                         help='Earliest fire time, UTC.'),
        *SCHEDULE, INPUT,
        options.Argument('--count', type=int,
                         help='Number of executions; default is no limit for '
                              'a job with a pattern.'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        return self.resources.create(
            **options.build_target(self.client, args), name=args.name,
            first_execution_time=args.first_execution_time,
            pattern=args.pattern, count=args.count,
            timezone=args.timezone, misfire=args.misfire,
            function_input=options.read_text(args.function_input))


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
            status=args.status, pattern=args.pattern,
            timezone=args.timezone, misfire=args.misfire,
            next_execution_time=args.next_execution_time,
            function_input=options.read_text(args.function_input))


class Next(Job, base.Addressed, base.Table):
    """List the next fire times of a job."""

    columns: base.Columns = ('next_execution_time',)
    arguments = (options.Argument(
        '--count', type=options.parse_positive,
        help='Number of fire times.'),)

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return [{'next_execution_time': time} for time in
                self.resources.list_fire_times(
                    *self.locate(args), args.count)]
