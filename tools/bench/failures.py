#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the failures of a project with many failed executions.

Fills a new database with the failures of 1,000,000 executions, and prints the
times of the lists by every filter and order::

    python tools/bench/failures.py sqlite:////tmp/failures.db
    python tools/bench/failures.py \
        postgresql+psycopg://postgres@127.0.0.1/failures --create

``--create`` drops the database first, and again at the end.
"""

import argparse
import datetime
import itertools
import random
import statistics
import time
import typing

import lists
import sqlalchemy as sa

from qinling import context
from qinling.core.execution import failures
from qinling.db import models
from qinling.db import paging
from qinling.db import session

TABLE: typing.Any = models.Failure.__table__
RANDOM = random.Random(7)
REASONS = ('user_error', 'user_error', 'user_error', 'timeout', 'crashed')
FUNCTION = lists.create_id(3)
QUERIES: tuple[tuple[str, int | None], ...] = (
    ('', None), ('', 3), (f'function_id={FUNCTION}', None),
    (f'function_id={FUNCTION}', 99), ('reason=timeout', None),
    ('reason=out_of_memory', None), ('exception_type=KeyError', None),
    ('exception_type=Nothing', None), ('count=gt:1000', None),
    ('count=gt:100000000', None), ('created_at=gte:2026-01-20T00:00:00', None),
    ('last_seen_at=gte:2026-01-29T00:00:00&reason=timeout', None))
ORDERS = ('created_at', 'updated_at', 'id', 'last_seen_at', 'count')


def create_rows(groups: int, executions: int
                ) -> list[dict[str, typing.Any]]:
    """Return groups that have so many executions together."""
    weights = [RANDOM.paretovariate(1) for _ in range(groups)]
    total = sum(weights)
    return [create_row(number, max(1, int(executions * weight / total)))
            for number, weight in enumerate(weights)]


def create_row(number: int, count: int) -> dict[str, typing.Any]:
    """Return one group."""
    first = lists.END - datetime.timedelta(
        days=RANDOM.uniform(0, lists.DAYS))
    last = first + (lists.END - first) * RANDOM.random()
    function = lists.create_id(RANDOM.randrange(20))
    frame = {'file': 'main.py', 'line': number, 'function': 'main'}
    return {
        'id': f'{number:036d}', 'project_id': lists.PROJECT,
        'function_id': function, 'version_list': ',1,2,3,',
        'reason': RANDOM.choice(REASONS), 'frames': [frame] * 3,
        'exception_type': RANDOM.choice(('KeyError', 'ValueError', None)),
        'message': f'order {number}: ' + 'x' * 200, 'count': count,
        'created_at': first, 'updated_at': last, 'last_seen_at': last,
        'last_execution_id': models.new_id()}


def report(db: session.Database) -> None:
    """Print the times of all lists."""
    reader = failures.Failures(db)
    ctx = context.project_owner(lists.PROJECT)
    slowest = 0.0
    for (query, version), order, direction in itertools.product(
            QUERIES, ORDERS, ('asc', 'desc')):
        filters = [(name, text) for name, _, text in (
            item.partition('=') for item in query.split('&') if item)]
        page = paging.Page(limit=lists.PAGE_ROWS + 1, sort_key=order,
                           sort_dir=direction)
        times = []
        for _ in range(lists.ROUNDS):
            start = time.perf_counter()
            rows = reader.list(ctx, filters, version, page)
            times.append((time.perf_counter() - start) * 1000)
        p95 = statistics.quantiles(times, n=20)[-1]
        slowest = max(slowest, p95)
        print(f'{query} {version or ""} by {order} {direction}'.ljust(70)
              + f'{len(rows):4} rows  p50 {statistics.median(times):6.1f} ms'
              f'  p95 {p95:6.1f} ms')
    print(f'slowest p95: {slowest:.1f} ms')


def main() -> None:
    """Fill the database and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('url')
    parser.add_argument('--executions', type=int, default=1_000_000)
    parser.add_argument('--groups', type=int, default=5000)
    parser.add_argument('--create', action='store_true')
    options = parser.parse_args()
    with lists.open_database(options.url, options.create) as (_conf, db):
        with db.engine.begin() as connection:
            for batch in lists.split(create_rows(
                    options.groups, options.executions)):
                connection.execute(sa.insert(TABLE), batch)
        report(db)


if __name__ == '__main__':
    main()
