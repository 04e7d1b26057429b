# SPDX-License-Identifier: Apache-2.0
"""Command for all triggers: jobs, webhooks, event sources and others."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Iterator
import itertools
import typing

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client import exceptions

DEFAULT_LIMIT = 50
PAGE = 100
TARGET = ('function_alias', 'function_id', 'function_version')
FAILED = ('failed', 'error')


class List(tables.Table):
    """List what runs functions: jobs, webhooks, event sources, failures.

    A trigger with a problem says what is wrong.
    """

    # The first of the collections.
    collection = 'jobs'
    word = 'trigger'
    columns: base.Columns = (
        'kind', 'id', 'name', 'function_alias', 'function_id',
        'function_version', 'status', 'problem', 'last_created_at', 'outcome',
        'next_execution_time')
    brief: base.Briefs = (
        base.Brief('Kind', tables.show_field('kind')),
        tables.NAME, tables.TARGET,
        base.Brief('State', tables.show_field('status')),
        base.Brief('Last run', tables.show_field('last_created_at')),
        base.Brief('Outcome', tables.show_field('outcome')),
        base.Brief('Next run', tables.show_field('next_execution_time')),
        base.Brief('Problem', tables.show_field('problem')))
    empty = 'Nothing runs functions by itself. Create a job:'
    hint = 'job create --name NAME --function FUNCTION --pattern "0 3 * * *"'
    arguments = (options.Argument(
        '--limit', type=options.parse_positive, default=DEFAULT_LIMIT,
        help='Maximum number of triggers of each kind; default is '
             f'{DEFAULT_LIMIT}.'),)

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        return [*self.list_jobs(args.limit), *self.list_webhooks(args.limit),
                *self.list_event_sources(args.limit),
                *self.list_failure_calls(args.limit)]

    def list_jobs(self, limit: int) -> Iterator[base.Row]:
        """Return the jobs that have not ended."""
        rows = (row for row in self.client.jobs.list(limit=PAGE)
                if row['status'] in ('running', 'paused'))
        for row in itertools.islice(rows, limit):
            yield self.describe(
                row, self.find_last(job_id=row['id']), kind='job',
                name=row['name'], status=row['status'],
                problem=row.get('status_reason'),
                next_execution_time=row['next_execution_time']
                if row['status'] == 'running' else None)

    def list_webhooks(self, limit: int) -> Iterator[base.Row]:
        """Return the webhooks; the last run is on record for a while."""
        rows = self.client.webhooks.list(limit=PAGE)
        for row in itertools.islice(rows, limit):
            refused = row.get('refused')
            yield self.describe(
                row, self.find_delivered(row['id']), kind='webhook',
                name=row.get('description'), status='open',
                problem=f'{refused} deliveries were refused.'
                if refused else None)

    def list_event_sources(self, limit: int) -> Iterator[base.Row]:
        """Return the event sources."""
        rows = self.client.event_sources.list(limit=PAGE)
        for row in itertools.islice(rows, limit):
            problem = row.get('state_reason')
            if problem is None and row.get('dead'):
                problem = f'{row["dead"]} events became dead letters.'
            yield self.describe(
                row, self.find_last(group_id=row['id']), kind=row['kind'],
                name=row.get('name'), problem=problem,
                status=row['status'] if row['status'] == 'paused'
                else row['state'])

    def list_failure_calls(self, limit: int) -> Iterator[base.Row]:
        """Return the functions whose failures call a function."""
        rows = (row for row in self.client.functions.list(limit=PAGE)
                if (row.get('async_policy') or {}).get('on_failure'))
        for row in itertools.islice(rows, limit):
            target = row['async_policy']['on_failure']
            yield self.describe(
                {**target, 'id': row['id']},
                self.find_last(trigger='on_failure', **select_target(target)),
                kind='on-failure', status='open', problem=None,
                name=f'failures of {row["name"] or row["id"]}')

    def find_last(self, **query: str) -> base.Row | None:
        """Return the newest execution that a query selects."""
        return next(iter(self.client.executions.list(
            limit=1, sort_key='created_at', sort_dir='desc', **query)), None)

    def find_delivered(self, webhook: str) -> base.Row | None:
        """Return the execution of the newest delivery on record."""
        for delivery in self.client.deliveries.list_of(
                webhook, status='accepted', limit=1):
            try:
                execution: base.Row = self.client.executions.get(
                    delivery['execution_id'])
            except exceptions.NotFound:
                break  # deleted
            return execution
        return None

    def describe(self, row: base.Row, last: base.Row | None,
                 **fields: typing.Any) -> base.Row:
        """Return a trigger with its last execution.

        :param row: id and target of the trigger.
        """
        if last is not None:
            fields |= {'last_created_at': last['created_at'],
                       'outcome': last.get('reason') or last['status']}
            if last['status'] in FAILED and fields['problem'] is None:
                fields['problem'] = f'See the log of {last["id"]}.'
        return {**dict.fromkeys(self.columns), **{
            name: row.get(name) for name in ('id', *TARGET)}, **fields}


def select_target(row: base.Row) -> dict[str, typing.Any]:
    """Return the filter of the executions of a target."""
    if row.get('function_alias'):
        return {'function_alias': row['function_alias']}
    return {'function_id': row['function_id']}
