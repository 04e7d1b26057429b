#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the statistics of a project with many executions.

Fills a new database with the statistics of executions of 30 days, and prints
the times of every grouping, for a day and for 30 days::

    python tools/bench/stats.py sqlite:////tmp/stats.db
    python tools/bench/stats.py \
        postgresql+psycopg://postgres@127.0.0.1/stats --create

``--create`` drops the database first, and again at the end.  ``--filled``
uses the rows of an earlier run.  A busy machine shows in the processor time of
this process, which other programs hardly change.
"""

import argparse
import collections
from collections.abc import Callable
import datetime
import gc
import statistics as statistics_library
import time
import types
import typing

import lists
from oslo_config import cfg
import sqlalchemy as sa
import timing

from qinling import context
from qinling.core.execution import figures
from qinling.core.execution import rollup
from qinling.core.execution import statistics
from qinling.db import crud
from qinling.db import models
from qinling.db import session

ROUNDS = 200
MAX_SECONDS = 5
Read = Callable[[statistics.StatisticsReader, statistics.Query],
                statistics.Statistics]
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


def add_up_days(db: session.Database) -> None:
    """Add up the hours to days, as an engine does."""
    rollup.count_ended(db)
    db.write(lambda tx: crud.update_all(
        tx, models.StatisticsProgress, {'as_of': lists.END + DAY}))
    start, turns = time.monotonic(), 0
    while rollup.add_up_days(db) is None:
        turns += 1
    print(f'{turns} turns add up {lists.DAYS} days in '
          f'{time.monotonic() - start:.1f} s')


def create_reader(conf: cfg.ConfigOpts, db: session.Database
                  ) -> statistics.StatisticsReader:
    """Return a reader without sums in memory, and without lookups."""
    lookup = typing.cast(typing.Any, types.SimpleNamespace(
        get=lambda *address: types.SimpleNamespace(
            project_id=lists.PROJECT)))
    return statistics.StatisticsReader(conf, db, lookup, lookup, lookup)


def report(conf: cfg.ConfigOpts, db: session.Database) -> None:
    """Print the times of all statistics."""
    # Not at midnight, so the first and the last day are read by the hour.
    end = lists.END - DAY / 2
    ctx, function = context.project_owner(lists.PROJECT), lists.create_id(0)
    reads: tuple[tuple[str, tuple[str, ...], Read], ...] = (
        ('project', statistics.PROJECT_GROUPS,
         lambda reader, query: reader.of_project(ctx, query)),
        ('function', statistics.FUNCTION_GROUPS,
         lambda reader, query: reader.of_function(ctx, function, query)),
        ('version', statistics.VERSION_GROUPS,
         lambda reader, query: reader.of_version(ctx, function, 1, query)),
        ('alias', statistics.ALIAS_GROUPS,
         lambda reader, query: reader.of_alias(
             ctx, f'prod-{function}', query)))
    warm_reader = create_reader(conf, db)
    for noun, groups, read in reads:
        for by in (None, *groups):
            for days in (1, lists.DAYS):
                query = statistics.Query(end - DAY * days, end, by)
                print(f'{noun} by {by}, {days} days')
                measure('first', lambda: show(read(
                    create_reader(conf, db), query)))
                measure('again', lambda: show(read(warm_reader, query)))


def measure(name: str, action: Callable[[], None]) -> None:
    """Print the times and the processor time of this process."""
    action()
    times: list[float] = []
    until = time.monotonic() + MAX_SECONDS
    used = time.process_time()
    while len(times) < ROUNDS and (len(times) < 10
                                   or time.monotonic() < until):
        times.append(timing.measure_ms(action))
    used = (time.process_time() - used) / len(times) * 1000
    p95 = statistics_library.quantiles(times, n=20)[-1]
    print(f'  {name}  best {min(times):7.2f} ms  '
          f'p50 {statistics_library.median(times):7.2f} ms  '
          f'p95 {p95:7.2f} ms  processor {used:6.2f} ms', flush=True)


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
    parser.add_argument('--filled', action='store_true')
    options = parser.parse_args()
    with lists.open_database(options.url, options.create) as (conf, db):
        if not options.filled:
            lists.measure_fill(fill, db, options.rows)
            add_up_days(db)
        gc.collect()
        gc.freeze()
        report(conf, db)


if __name__ == '__main__':
    main()
