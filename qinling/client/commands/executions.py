# SPDX-License-Identifier: Apache-2.0
"""Commands for executions."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
import typing

from qinling.client.commands import base
from qinling.client.commands import batch
from qinling.client.commands import bulk
from qinling.client.commands import dry_run
from qinling.client.commands import failures
from qinling.client.commands import json_inputs
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import selection
from qinling.client.commands import tables
from qinling.client.commands import targets
from qinling.client import exceptions
from qinling.client import units


def show_status(row: base.Row, _lookup: names.Names) -> str:
    """Return the status and the reason of a failure."""
    reason = row.get('reason')
    status: str = row['status']
    return f'{status}: {reason}' if reason and reason != status else status


def show_duration(row: base.Row, _lookup: names.Names) -> str:
    """Return how long the function ran."""
    seconds = selection.read_duration(row)
    return '' if seconds is None else units.format_duration(seconds)


def _declare_ids(nargs: str) -> options.Argument:
    return options.Argument('executions', nargs=nargs, metavar='EXECUTION',
                            help='Id of the execution; can be repeated.')


class Execution(base.Noun):
    """Noun of the commands for executions."""

    collection = 'executions'
    word = 'execution'
    columns: base.Columns = (
        'id', 'function_alias', 'function_id', 'function_version',
        'description', 'input', 'result', 'status', 'sync', 'project_id',
        'created_at', 'updated_at')
    detail_columns: base.Columns = (
        'reason', 'detail', 'fingerprint', 'attempt', 'next_attempt_at',
        'job_id', 'scheduled_at', 'rerun_of', 'failed_id', 'started_at',
        'ended_at', 'duration', 'queue_ms', 'import_ms', 'cold',
        'memory_peak', 'trigger', 'group_id', 'digest', 'secrets',
        'version_chosen', 'flow_key', 'waiting_for')
    brief: base.Briefs = (
        base.Brief('Id', tables.show_field('id')), tables.TARGET,
        base.Brief('Status', show_status),
        base.Brief('Duration', show_duration), tables.CREATED)
    filters = selection.FILTERS
    naming = 'Id'

    def resolve(self, reference: str) -> str:
        return reference


class List(Execution, tables.List):
    """List executions, for people the newest 20."""

    default_limit = 20
    sortable = selection.SORTABLE
    empty = 'No execution matches. Run a function:'
    hint = 'function invoke FUNCTION'
    arguments = (
        options.Argument('--function', metavar='FUNCTION',
                         help='Show the executions of the function with this '
                              'id or name.'),
        *selection.ARGUMENTS,
        options.Argument('--job', help='Show the executions of the job with '
                                       'this id or name.'))

    def list_rows(self, args: argparse.Namespace,
                  **query: typing.Any) -> Iterable[base.Row]:
        query.update(selection.build_query(self.client, args))
        if args.job:
            query['job_id'] = self.client.jobs.find_id(args.job)
        return super().list_rows(args, **query)


class Show(Execution, base.Get):
    """Show an execution."""

    def format_for_people(self, row: base.Row, names: Sequence[str],
                          args: argparse.Namespace) -> list[typing.Any]:
        """Return values with commands in place of REST paths."""
        return failures.format_fields(
            self, names, super().format_for_people(row, names, args))


class Started(Execution, base.Show):
    """Base of the commands that start an execution."""

    def await_end(self, row: base.Row, args: argparse.Namespace) -> base.Row:
        """Return the execution; with ``--wait``, after the end."""
        if args.wait:
            row = self.resources.wait(row['id'])
            if row['status'] != 'success':
                self.failure = (f'Execution {row["id"]} ended with status '
                                f'{row["status"]}.\n'
                                f'{failures.explain(self, row)}')
        elif row['status'] == 'running':
            self.next_step = f'function execution wait {row["id"]}'
        return row


class Create(batch.Batched, Started, dry_run.DryRun):
    """Run a function, or with --batch many times."""

    arguments = (
        *targets.ARGUMENTS, options.add_input(), options.describe('execution'),
        options.ROUTING_KEY,
        options.Argument(
            '--idempotency-key', metavar='KEY',
            help='Return the existing execution if the key was used before.'),
        options.Exclusive(
            options.Argument('--sync', action='store_true', default=True,
                             help='Wait for the end; the default.'),
            options.Argument('--async', action='store_false', dest='sync',
                             help='Do not wait for the end.')),
        options.add_wait('until the execution has ended, also with --async'),
        batch.FILE)

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the execution, or the summary of a batch."""
        if args.batch is None:
            return super().take_action(args)
        if args.dry_run:
            raise exceptions.ClientError(
                '--dry-run explains one execution; leave --batch out.')
        summary = batch.run(self, args)
        self.failure = summary.failure
        self.next_step = (
            f'function execution list --filter group_id={summary.group_id}'
            if args.wait else
            f'function execution wait --group {summary.group_id}')
        return summary.build_output(args.formatter == 'table')

    def fetch(self, args: argparse.Namespace) -> base.Row:
        target = targets.build_target(self.client, args, True)
        text = options.read_text(args.input)
        json_inputs.warn(args, text, self.note)
        return self.await_end(self.resources.create(
            **target, sync=args.sync, input=text, description=args.description,
            routing_key=args.routing_key,
            idempotency_key=args.idempotency_key), args)


class Rerun(bulk.Bulk, Started):
    """Repeat an execution, or all executions of a filter."""

    action = 'rerun'
    arguments = (
        options.Argument('execution', nargs='?', metavar='EXECUTION',
                         help='Id of the execution.'),
        *bulk.ARGUMENTS,
        options.Argument(
            '--function-version', metavar='N',
            help='Run this version; "original", the default, is the version '
                 'of the repeated execution, "current" the present target of '
                 'the alias or function.'),
        options.SYNC, options.add_wait('until the execution has ended'))

    def list_references(self, args: argparse.Namespace) -> list[str]:
        return [args.execution] if args.execution else []

    def list_words(self, args: argparse.Namespace) -> list[str]:
        words = ['-f', args.formatter]
        if args.sync:
            raise exceptions.ClientError('--sync repeats one execution.')
        if args.function_version is not None:
            words += ['--onto', args.function_version]
        return words

    def fetch(self, args: argparse.Namespace) -> base.Row:
        if not args.execution:
            raise exceptions.ClientError(
                'Specify what to repeat: an execution, or --filter.')
        return self.await_end(self.resources.rerun(
            args.execution, args.function_version, args.sync), args)


class Wait(Execution, tables.Lister):
    """Wait for the end of executions; fail if any does not succeed."""

    columns: base.Columns = ('id', 'status', 'reason', 'result')
    detail_columns: base.Columns = ()
    brief: base.Briefs = (
        base.Brief('Id', tables.show_field('id')), tables.TARGET,
        base.Brief('Status', show_status),
        base.Brief('Duration', show_duration))
    arguments = (
        _declare_ids('*'),
        options.Argument('--group', metavar='GROUP',
                         help='All executions of this group, such as those '
                              'of a batch.'),
        options.Argument('--timeout', type=units.parse_duration,
                         metavar='TIME', help='Give up after this time, such '
                                              'as 90s or 1h30m.'))

    def run(self, args: argparse.Namespace) -> int:
        """Print the executions; return 1 if any has not succeeded."""
        self._failed = False
        return super().run(args) or int(self._failed)

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the executions after their end."""
        ids = list(args.executions)
        if args.group:
            ids += [row['id'] for row in
                    self.resources.list(group_id=args.group)]
        elif not ids:
            raise exceptions.ClientError(
                'Specify what to wait for: ids of executions, or --group.')
        rows = list(self.resources.wait_all(ids, args.timeout))
        self._failed = any(row['status'] != 'success' for row in rows)
        return self.build_table(args, self.columns, rows)


class Cancel(bulk.Bulk, Execution, base.Batch):
    """Cancel running or waiting executions."""

    action = verb = 'cancel'
    arguments = (_declare_ids('*'), *bulk.ARGUMENTS, bulk.WAIT)

    def list_references(self, args: argparse.Namespace) -> list[str]:
        return list(args.executions)

    def take_action(self, args: argparse.Namespace) -> None:
        if not args.executions:
            raise exceptions.ClientError(
                'Specify what to cancel: ids of executions, or --filter.')
        self.process(args.executions, args)

    def send_request(self, reference: str, args: argparse.Namespace) -> None:
        self.resources.cancel(reference)


class Delete(bulk.Bulk, Execution, base.Batch):
    """Delete executions."""

    action = 'delete'
    arguments = (
        *bulk.ARGUMENTS, bulk.WAIT,
        _declare_ids('*'),
        options.Exclusive(
            options.Argument('--execution', nargs='+', default=[],
                             help='Ids of executions.'),
            options.Argument('--function', nargs='+', default=[],
                             help='Ids or names of functions, to delete all '
                                  'executions of.')))

    def list_references(self, args: argparse.Namespace) -> list[str]:
        return [*args.executions, *args.execution, *args.function]

    def take_action(self, args: argparse.Namespace) -> None:
        ids = [*args.executions, *args.execution]
        for name in args.function:
            function = self.client.functions.find_id(name)
            ids += [row['id'] for row in
                    self.resources.list(function_id=function)]
        if not (ids or args.function):
            raise exceptions.ClientError(
                'Specify what to delete: ids of executions, --filter or '
                '--function.')
        self.process(ids, args)

    def send_request(self, reference: str, args: argparse.Namespace) -> None:
        self.resources.delete(reference)


class LogShow(Execution, base.Addressed):
    """Show the log of an execution, also while the execution runs."""

    arguments = (options.Argument(
        '--follow', action='store_true',
        help='Print new lines until the execution has ended.'),)

    def take_action(self, args: argparse.Namespace) -> None:
        out = self.app.stdout
        if not args.follow:
            out.write(self.resources.get_log(args.execution) or '\n')
            return
        printed = 0
        for _ in self.resources.poll(args.execution):
            text = self.resources.get_log(args.execution, printed)
            out.write(text)
            out.flush()
            printed += len(text)
