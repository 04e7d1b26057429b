# SPDX-License-Identifier: Apache-2.0
"""Commands about jobs."""

from qinling.client.commands import base
from qinling.client.commands import options


class Job(base.Noun):
    collection = 'jobs'
    word = 'job'
    columns = ('id', 'name', 'count', 'status', 'function_alias',
               'function_id', 'function_version', 'function_input',
               'pattern', 'first_execution_time', 'next_execution_time',
               'project_id', 'created_at', 'updated_at')
    more = ('status_reason', 'timezone', 'misfire')
    filters = ('all_projects', 'project_id')


def add_times(parser):
    """When a job runs."""
    parser.add_argument('--pattern', help='When to run it, as in cron.')
    parser.add_argument(
        '--timezone', metavar='ZONE',
        help='What the pattern is of, such as Europe/Berlin; else UTC.')
    parser.add_argument(
        '--misfire', choices=('skip', 'once', 'all'),
        help='What becomes of times that passed while no server ran.')


class List(Job, base.List):
    """List jobs."""


class Show(Job, base.ShowById):
    """Show a job."""


class Create(Job, base.Show):
    """Run a function on a schedule."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        options.add_target(parser)
        parser.add_argument('--name', help='Name of the job.')
        parser.add_argument('--first-execution-time', metavar='TIME',
                            help='The earliest time to run it, UTC.')
        add_times(parser)
        options.add_input(parser, '--function-input')
        parser.add_argument('--count', type=int,
                            help='How often to run it; for ever if not '
                            'given and there is a pattern.')
        return parser

    def row(self, args):
        return self.things.create(
            **options.target(self.client, args), name=args.name,
            first_execution_time=args.first_execution_time,
            pattern=args.pattern, count=args.count,
            timezone=args.timezone, misfire=args.misfire,
            function_input=options.text(args.function_input))


class Update(Job, base.Show):
    """Change a job."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('id', metavar='JOB', help='Id or name of the '
                            'job.')
        parser.add_argument('--name', help='Another name.')
        parser.add_argument(
            '--status', choices=('running', 'paused', 'done', 'cancelled'),
            help='Another status.')
        parser.add_argument('--next-execution-time', metavar='TIME',
                            help='When to run it next, UTC.')
        add_times(parser)
        options.add_input(parser, '--function-input')
        options.add_if_match(parser)
        return parser

    def row(self, args):
        return self.things.update(
            self.things.id_of(args.id), args.if_match, name=args.name,
            status=args.status, pattern=args.pattern,
            timezone=args.timezone, misfire=args.misfire,
            next_execution_time=args.next_execution_time,
            function_input=options.text(args.function_input))


class Delete(Job, base.Delete):
    """Delete jobs."""


class Next(Job, base.Table):
    """List the next times at which a job runs."""

    columns = ('next_execution_time',)

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('job', help='Id or name of the job.')
        parser.add_argument('--count', type=options.positive,
                            help='How many of them.')
        return parser

    def rows(self, args):
        times = self.things.next(self.things.id_of(args.job), args.count)
        return [{'next_execution_time': time} for time in times]
