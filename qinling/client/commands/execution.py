# SPDX-License-Identifier: Apache-2.0
"""Commands about executions."""

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions


class Execution(base.Noun):
    collection = 'executions'
    word = 'execution'
    columns = ('id', 'function_alias', 'function_id', 'function_version',
               'description', 'input', 'result', 'status', 'sync',
               'project_id', 'created_at', 'updated_at')
    more = ('attempt', 'next_attempt_at', 'job_id', 'scheduled_at',
            'rerun_of', 'failed_id')
    filters = ('function_id', 'status', 'description', 'job_id',
               'all_projects', 'project_id')


class List(Execution, base.List):
    """List executions."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--function', metavar='FUNCTION',
                            help='Show those of the function with this id '
                            'or name.')
        parser.add_argument('--job', help='Show those of the job with this '
                            'id or name.')
        return parser

    def rows(self, args, **query):
        if args.function:
            query['function_id'] = self.client.functions.id_of(args.function)
        if args.job:
            query['job_id'] = self.client.jobs.id_of(args.job)
        return super().rows(args, **query)


class Identified(Execution):
    """One execution."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('execution', help='Id of the execution.')
        return parser


class Show(Identified, base.Show):
    """Show an execution."""

    def row(self, args):
        return self.things.get(args.execution)


class Ended(base.Show):
    """An execution that can be waited for."""

    def ended(self, row, args):
        """The execution, which has ended if that is wanted."""
        if args.wait:
            row = self.things.wait(row['id'])
            if row['status'] != 'success':
                self.failure = (f'Execution {row["id"]} ended with status '
                                f'{row["status"]}.')
        return row


class Create(Execution, Ended):
    """Run a function."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        options.add_target(parser)
        options.add_input(parser)
        parser.add_argument('--description',
                            help='Description of the execution.')
        parser.add_argument(
            '--routing-key', metavar='KEY',
            help='Decides which version of an alias with weights runs: the '
                 'same key, the same version.')
        parser.add_argument(
            '--idempotency-key', metavar='KEY',
            help='Whatever is asked again with the same key is done once.')
        group = parser.add_mutually_exclusive_group()
        group.add_argument('--sync', action='store_true', default=True,
                           help='Wait for the end; the default.')
        group.add_argument('--async', action='store_false', dest='sync',
                           help='Do not wait for the end.')
        options.add_wait(parser, 'until it has ended, also with --async')
        return parser

    def row(self, args):
        return self.ended(self.things.create(
            **options.target(self.client, args), sync=args.sync,
            input=options.text(args.input), description=args.description,
            routing_key=args.routing_key,
            idempotency_key=args.idempotency_key), args)


class Rerun(Identified, Ended):
    """Run again what an execution ran."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--function-version', metavar='N',
            help='Run this version; "original" is the one that ran and the '
                 'default, "current" what would run today.')
        options.add_sync(parser)
        options.add_wait(parser, 'until it has ended')
        return parser

    def row(self, args):
        return self.ended(self.things.rerun(
            args.execution, args.function_version, args.sync), args)


class Cancel(Execution, base.Delete):
    """Cancel executions that run or wait."""

    def get_parser(self, prog_name):
        parser = super(base.Delete, self).get_parser(prog_name)
        parser.add_argument('executions', nargs='+', metavar='EXECUTION',
                            help='Id of the execution; can be repeated.')
        return parser

    def take_action(self, args):
        self.each(args.executions, self.things.cancel, 'cancel')


class Delete(Execution, base.Delete):
    """Delete executions."""

    def get_parser(self, prog_name):
        parser = super(base.Delete, self).get_parser(prog_name)
        parser.add_argument('executions', nargs='*', metavar='EXECUTION',
                            help='Id of the execution; can be repeated.')
        group = parser.add_mutually_exclusive_group()
        group.add_argument('--execution', nargs='+', default=[],
                           help='Ids of executions.')
        group.add_argument('--function', nargs='+', default=[],
                           help='Ids or names of functions, of which all '
                           'executions are deleted.')
        return parser

    def take_action(self, args):
        ids = [*args.executions, *args.execution]
        for name in args.function:
            function = self.client.functions.id_of(name)
            ids += [row['id'] for row in
                    self.things.list(function_id=function)]
        if not (ids or args.function):
            raise exceptions.ClientError(
                'Say what to delete: ids of executions, or --function.')
        self.each(ids, self.things.delete)


class LogShow(Identified, base.Command):
    """Show the log of an execution."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--follow', action='store_true',
            help='Go on until the execution has ended.')
        return parser

    def take_action(self, args):
        out = self.app.stdout
        if not args.follow:
            out.write(self.things.log(args.execution) or '\n')
            return
        shown = 0
        for _ in self.things.looks(args.execution):
            log = self.things.log(args.execution)
            out.write(log[shown:])
            out.flush()
            shown = len(log)
