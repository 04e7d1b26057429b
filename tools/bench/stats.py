#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the statistics of a project with many executions.

Fills a new database with the statistics of executions of 30 days, and prints
the times of every grouping, for a day and for all days::

    python tools/bench/stats.py sqlite:////tmp/stats.db
    python tools/bench/stats.py \
        postgresql+psycopg://postgres@127.0.0.1/stats --create

``--create`` drops the database first, and again at the end.
"""

import argparse
import collections
import datetime
import gc
import statistics as statistics_library
import time
import types
import typing

import lists
from oslo_config import cfg
import sqlalchemy as sa

from qinling import context
from qinling.core.execution import figures
from qinling.core.execution import statistics
from qinling.db import models
from qinling.db import session

ROUNDS = 200
DAY = datetime.timedelta(days=1)
TABLE: typing.Any = models.ExecutionStatistics.__table__
NAMES = ('function_id', 'function_version', 'function_alias', 'hour')


def build_groups(count: int) -> dict[tuple[typing.Any, ...],
                                     list[typing.Any]]:
    """Return the ended executions by the key of their statistics."""
    groups = collections.defaultdict(list)
    for number in range(count):
        values = lists.create_row(number, count)
        if values['updated_at'] is None:
            continue
        row = types.SimpleNamespace(**{name: values[name] for name in (
            'status', 'reason', 'duration', 'import_ms', 'memory_size')})
        # An alias belongs to a function, and points at a version.
        alias = (values['function_alias'] and values['function_version']
                 == 1 and f'prod-{values["function_id"]}') or ''
        hour = values['updated_at'].replace(minute=0, second=0,
                                            microsecond=0)
        for key in ((models.ALL_FUNCTIONS, models.ALL_VERSIONS, ''),
                    (values['function_id'], models.ALL_VERSIONS, ''),
                    (values['function_id'], values['function_version'],
                     alias)):
            groups[*key, hour].append(row)
    return groups


def fill(db: session.Database, count: int) -> None:
    """Write the statistics, and the functions and the alias."""
    rows = [{'project_id': lists.PROJECT, **dict(zip(NAMES, key)),
             **vars(figures.of_executions(group))}
            for key, group in sorted(build_groups(count).items())]
    function: typing.Any = models.Function.__table__
    alias: typing.Any = models.FunctionAlias.__table__
    common = {'project_id': lists.PROJECT, 'revision': 1}
    with db.engine.begin() as connection:
        connection.execute(sa.insert(function), [{
            **common, 'id': lists.create_id(number), 'cpu': 100,
            'code': {'source': 'image'}, 'memory_size': 1, 'timeout': 5}
            for number in range(20)])
        connection.execute(sa.insert(alias), {
            **common, 'id': lists.create_id(1), 'name': 'prod',
            'function_id': lists.create_id(0)})
        for batch in lists.split(rows):
            connection.execute(sa.insert(TABLE), batch)
    print(f'{len(rows)} rows of {count} executions')


def report(conf: cfg.ConfigOpts, db: session.Database) -> None:
    """Print the times of all statistics."""
    any_object = typing.cast(typing.Any, None)
    reader = statistics.StatisticsReader(
        conf, db, any_object, any_object, any_object)
    lookup = types.SimpleNamespace(get=lambda *address: types.SimpleNamespace(
        project_id=lists.PROJECT))
    reader._functions = reader._versions = reader._aliases = (  # noqa: SLF001
        typing.cast(typing.Any, lookup))
    ctx, function = context.project_owner(lists.PROJECT), lists.create_id(0)
    for noun, groups, read in (
            ('project', statistics.PROJECT_GROUPS,
             lambda query: reader.of_project(ctx, query)),
            ('function', statistics.FUNCTION_GROUPS,
             lambda query: reader.of_function(ctx, function, query)),
            ('version', statistics.VERSION_GROUPS,
             lambda query: reader.of_version(ctx, function, 1, query)),
            ('alias', statistics.ALIAS_GROUPS,
             lambda query: reader.of_alias(ctx, f'prod-{function}', query))):
        for by in (None, *groups):
            for days in (1, lists.DAYS):
                measure(f'{noun} by {by}, {days} days', read,
                        statistics.Query(lists.END - DAY * days, lists.END,
                                         by))


def measure(name: str, read: typing.Callable[[statistics.Query], typing.Any],
            query: statistics.Query) -> None:
    """Print the times of the statistics of one query."""
    times: list[float] = []
    until = time.monotonic() + 10
    while len(times) < ROUNDS and (len(times) < 10
                                   or time.monotonic() < until):
        start = time.perf_counter()
        show(read(query))
        times.append((time.perf_counter() - start) * 1000)
    p95 = statistics_library.quantiles(times, n=20)[-1]
    print(f'{name:32} p50 {statistics_library.median(times):7.2f} ms  '
          f'p95 {p95:7.2f} ms')


def show(answer: statistics.Statistics) -> None:
    """Compute the quantiles that the API shows."""
    answer.total.durations_by_quantile()
    for _, group in answer.groups or ():
        group.durations_by_quantile()


def main() -> None:
    """Fill the database and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('url')
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--create', action='store_true')
    options = parser.parse_args()
    with lists.open_database(options.url, options.create) as (conf, db):
        lists.measure_fill(fill, db, options.rows)
        gc.collect()
        gc.freeze()
        report(conf, db)


if __name__ == '__main__':
    main()
