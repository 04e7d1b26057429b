# SPDX-License-Identifier: Apache-2.0
"""Options that select executions."""

from __future__ import annotations

import argparse
import json
import typing

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import http
from qinling.client import units
from qinling.client import v1

FILTERS = ('function_id', 'function_alias', 'function_version', 'status',
           'reason', 'fingerprint', 'trigger', 'sync', 'description',
           'job_id', 'group_id', 'flow_key', 'duration', 'created_at',
           'updated_at', 'started_at', 'ended_at', 'all_projects',
           'project_id')
SORTABLE = ('created_at', 'updated_at', 'id', 'status', 'started_at',
            'ended_at', 'duration')
FAILED = 'in:failed,error'
STATUSES = ('running', 'success', 'failed', 'error', 'cancelled')

ALIAS = options.Argument(
    '--alias', metavar='ALIAS', help='Only executions by this alias.')
VERSION = options.Argument(
    '--function-version', type=options.parse_count, metavar='N',
    help='Only executions of this version, 0 for the latest code. The '
         'program qinling accepts --version N, too.')
SINCE = options.Argument(
    '--since', type=units.parse_moment, metavar='TIME',
    help='Only executions since then: 30m, 24h, 7d, or a time in UTC such as '
         '2026-01-31T12:00:00.')
FAILURES = options.Argument(
    '--failed', action='store_true',
    help='Only executions that failed, or ended with an error of the '
         'service.')
ARGUMENTS = (
    ALIAS, VERSION, SINCE, options.Exclusive(
        FAILURES, options.Argument(
            '--status', metavar='STATUS', values=STATUSES,
            help='Only executions with this status: running, success, '
                 'failed, error or cancelled.')),
    options.Argument('--reason', metavar='REASON',
                     help='Only executions with this reason, such as '
                          'timeout or out_of_memory.'))


def build_query(client: v1.Client, args: argparse.Namespace
                ) -> dict[str, typing.Any]:
    """Return the query for the options of this module, and ``--function``."""
    status = FAILED if args.failed else getattr(args, 'status', None)
    return http.drop_none({
        'function_id': args.function and client.functions.find_id(
            args.function),
        'function_alias': args.alias,
        'function_version': args.function_version,
        'created_at': args.since and f'gte:{args.since}',
        'status': status, 'reason': getattr(args, 'reason', None)})


def read_duration(row: base.Row) -> float | None:
    """Return the seconds that the function ran, also of older servers."""
    if row.get('duration') is not None:
        return float(row['duration'])
    seconds = json.loads(row.get('result') or '{}').get('duration')
    return None if seconds is None else float(seconds)
