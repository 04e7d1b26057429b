#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of lists of executions.

Fills a new database with executions of one project, and prints the times of
every filter, order and page that the API offers::

    python tools/bench/lists.py sqlite:////tmp/lists.db
    python tools/bench/lists.py \
        postgresql+psycopg://postgres@127.0.0.1/lists --create
    python tools/bench/lists.py mysql+pymysql://root@127.0.0.1/lists --create

``--create`` drops the database first, and again at the end.  ``--keep``
leaves the database for another run, which ``--filled`` starts.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import datetime
import gc
import itertools
import json
import random
import statistics
import sys
import time
import typing
import uuid

from oslo_config import cfg
import sqlalchemy as sa

from qinling import conf as qinling_conf
from qinling import context
from qinling.core.execution import executions
from qinling.db import migration
from qinling.db import models
from qinling.db import paging
from qinling.db import session
from qinling import exception

PROJECT = 'bench'
BATCH_ROWS = 5000
PAGE_ROWS = 50
ROUNDS = 40
END = datetime.datetime(2026, 1, 31)
DAYS = 30
TABLE: typing.Any = models.Execution.__table__
RANDOM = random.Random(1)


def create_id(number: int) -> str:
    """Return the id of a function, a job or a group."""
    return str(uuid.UUID(int=number))


def create_row(number: int, count: int) -> dict[str, typing.Any]:
    """Return a row; the numbers are in the order of creation."""
    created = END - datetime.timedelta(days=DAYS * (1 - number / count))
    started = created + datetime.timedelta(milliseconds=RANDOM.random() * 20)
    duration = RANDOM.lognormvariate(-3, 1.5)
    status, reason = choose_status(number, count)
    is_running = status == 'running'
    kind = RANDOM.choice(('api', 'api', 'api', 'webhook', 'job'))
    return {
        'id': models.new_id(), 'project_id': PROJECT, 'created_at': created,
        'function_id': create_id(min(int(RANDOM.expovariate(0.7)), 19)),
        'function_version': RANDOM.choice((0, 0, 0, 1, 2, 3)),
        'function_alias': 'prod' if number % 3 == 0 else None,
        'status': status, 'reason': reason, 'sync': number % 2 == 0,
        'input': '{"name": "Bench"}', 'attempt': 1, 'retry': 0,
        'result': json.dumps({'output': 'x' * 40, 'duration': duration}),
        'description': (f'Created by Job {create_id(7)}' if kind == 'job'
                        else None),
        'trigger': kind, 'memory_size': 33554432,
        'job_id': create_id(7) if kind == 'job' else None,
        'scheduled_at': created if kind == 'job' else None,
        'group_id': create_id(number // 500) if number % 10 == 0 else None,
        'flow_key': f'tenant-{number % 999}' if number % 3 == 1 else None,
        'started_at': started, 'import_ms': 0,
        'duration': None if is_running else duration,
        'memory_peak': 9000000,
        'updated_at': None if is_running else (
            started + datetime.timedelta(seconds=duration)),
        'lease_until': END if is_running else None}


def choose_status(number: int, count: int) -> tuple[str, str | None]:
    """Return a status with its reason; some are rare."""
    if number % (count // 10) == 3:
        return 'cancelled', 'cancelled'
    if number % (count // 50) == 5:
        return 'running', None
    dice = RANDOM.random()
    if dice < 0.03:
        return 'failed', RANDOM.choice(('user_error', 'timeout'))
    if dice < 0.04:
        return 'error', 'no_worker'
    return 'success', None


def fill(db: session.Database, count: int) -> None:
    """Write the rows in the order of their ids, then create the indexes."""
    rows = [create_row(number, count) for number in range(count)]
    rows.sort(key=get_id)
    with db.engine.connect() as connection:
        for index in TABLE.indexes:
            index.drop(connection)
        connection.commit()
        for batch in split(rows):
            connection.execute(sa.insert(TABLE), batch)
            connection.commit()
        for index in TABLE.indexes:
            index.create(connection)
        connection.commit()
        if db.engine.dialect.name == 'postgresql':
            connection.exec_driver_sql('ANALYZE executions')
            connection.commit()


def get_id(row: dict[str, typing.Any]) -> str:
    """Return the id of a row."""
    return str(row['id'])


def split(rows: list[typing.Any]) -> Iterator[list[typing.Any]]:
    """Yield the batches of rows."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start:start + BATCH_ROWS]


HOUR = 'created_at=gte:2026-01-30T12:00:00&created_at=lt:2026-01-30T12:30:00'
FILTERS = (
    '', 'status=running', 'status=cancelled', 'status=success',
    'status=neq:success', 'status=in:failed,error', 'reason=timeout',
    'reason=in:timeout,no_worker', 'reason=nin:timeout', 'reason=neq:timeout',
    'reason=out_of_memory',
    f'function_id={create_id(0)}', f'function_id={create_id(12)}',
    f'function_id={create_id(0)}&function_version=3',
    f'function_id={create_id(0)}&function_version=99',
    f'function_id={create_id(0)}&function_version=0&status=cancelled',
    'function_alias=prod', 'function_alias=none', f'job_id={create_id(7)}',
    f'group_id={create_id(5)}', f'description=Created by Job {create_id(7)}',
    'description=nothing', 'created_at=gte:2026-01-20T00:00:00',
    'created_at=lt:2026-01-20T00:00:00', HOUR,
    'status=failed&created_at=gte:2026-01-20T00:00:00',
    f'{HOUR}&description=has:Job', f'{HOUR}&trigger=webhook&sync=true',
    f'group_id={create_id(5)}&status=failed&duration=gt:0.1',
    f'function_id={create_id(12)}&{HOUR}&status=success',
    f'status=cancelled&function_id={create_id(0)}',
    'flow_key=tenant-7', f'flow_key=in:tenant-7,tenant-8&{HOUR}',
    'description=has:nothing', 'trigger=webhook', 'sync=true',
    f'function_id={create_id(0)}&status=failed')
ORDERS = (
    ('updated_at', ''), ('ended_at', 'ended_at=gte:2026-01-20T00:00:00'),
    ('duration', ''), ('duration', 'duration=gt:1'), ('status', ''),
    ('status', 'status=neq:success'), ('id', ''), ('started_at', ''),
    ('started_at', HOUR), ('duration', HOUR),
    ('duration', 'status=cancelled'), ('duration', 'status=failed'),
    ('ended_at', f'group_id={create_id(5)}'))


class Lists:
    """Lists of one database."""

    def __init__(self, db: session.Database, conf: typing.Any) -> None:
        self._core = executions.Executions(
            conf, db, typing.cast(typing.Any, None))
        self._context = context.project_owner(PROJECT)
        self.slowest = 0.0

    def page(self, query: str, **page: typing.Any
             ) -> typing.Sequence[typing.Any]:
        """Return a page."""
        filters = [(name, text) for name, _, text in (
            item.partition('=') for item in query.split('&') if item)]
        return self._core.list(self._context, filters, paging.Page(
            limit=PAGE_ROWS + 1, **page))

    def measure(self, name: str, query: str, **page: typing.Any) -> None:
        """Print the times of a list, and of the page after the first."""
        try:
            rows, times = self._time(query, **page)
        except exception.Invalid as e:
            print(f'{name:66} refused: {e}'[:130])
            return
        print(f'{name:66}{len(rows):4} rows{self._show(times)}')
        if len(rows) > PAGE_ROWS and 'marker' not in page:
            _, times = self._time(query, marker=rows[-1].id, **page)
            print(f'{"  next page":66}{"":9}{self._show(times)}')

    def _time(self, query: str, **page: typing.Any
              ) -> tuple[typing.Sequence[typing.Any], list[float]]:
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            rows = self.page(query, **page)
            times.append((time.perf_counter() - start) * 1000)
        return rows, times

    def _show(self, times: list[float]) -> str:
        p95 = statistics.quantiles(times, n=20)[-1]
        self.slowest = max(self.slowest, p95)
        return f'  p50 {statistics.median(times):7.1f} ms  p95 {p95:7.1f} ms'


def report(db: session.Database, conf: typing.Any, count: int) -> None:
    """Print the times of all lists."""
    lists = Lists(db, conf)
    for query, direction in itertools.product(FILTERS, ('asc', 'desc')):
        lists.measure(f'{query} {direction}', query, sort_dir=direction)
    for (key, query), direction in itertools.product(
            ORDERS, ('asc', 'desc')):
        lists.measure(f'{query} by {key} {direction}', query, sort_key=key,
                      sort_dir=direction)
    late = END - datetime.timedelta(days=DAYS / 10)
    marker = lists.page(f'created_at=gte:{late.isoformat()}')[0].id
    lists.measure(f'marker at row {count * 9 // 10}', '', marker=marker)
    print(f'slowest p95: {lists.slowest:.1f} ms')


def recreate(url: sa.URL, create: bool) -> None:
    """Drop a database of a server, and create the database again."""
    first = {'mysql': 'mysql', 'postgresql': 'postgres'}[
        url.get_backend_name()]
    engine = sa.create_engine(url.set(database=first),
                              isolation_level='AUTOCOMMIT')
    with engine.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS {url.database}')
        if create:
            connection.exec_driver_sql(f'CREATE DATABASE {url.database}')
    engine.dispose()


def measure_fill(fill_rows: Callable[[session.Database, int], None],
                 db: session.Database, count: int) -> None:
    """Fill a database, and print the seconds."""
    start = time.monotonic()
    fill_rows(db, count)
    print(f'filled in {time.monotonic() - start:.0f} s', file=sys.stderr)


@contextlib.contextmanager
def open_database(url: str, create: bool
                  ) -> Iterator[tuple[cfg.ConfigOpts, session.Database]]:
    """Yield configuration and migrated database of a benchmark.

    :param create: create the database before, and drop it afterwards.
    """
    if create:
        recreate(sa.make_url(url), create=True)
    conf = qinling_conf.load([], [])
    conf.set_override('connection', url, group='database')
    db = session.Database(conf, patient=True)
    migration.upgrade(db)
    yield conf, db
    db.close()
    if create:
        recreate(sa.make_url(url), create=False)


def main() -> None:
    """Fill the database and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('url')
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--create', action='store_true')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--filled', action='store_true')
    options = parser.parse_args()
    url = sa.make_url(options.url)
    if options.create and not options.filled:
        recreate(url, create=True)
    conf = qinling_conf.load([], [])
    conf.set_override('connection', options.url, group='database')
    db = session.Database(conf, patient=True)
    if not options.filled:
        migration.upgrade(db)
        measure_fill(fill, db, options.rows)
    gc.collect()
    gc.freeze()
    report(db, conf, options.rows)
    db.close()
    if options.create and not options.keep:
        recreate(url, create=False)


if __name__ == '__main__':
    main()
