#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of an upgrade of the database under load.

Creates a database at the first revision, stores executions, and upgrades the
database to the newest revision while threads write and read executions::

    python tools/bench/upgrade.py --url mysql+pymysql://root@127.0.0.1/mysql
    python tools/bench/upgrade.py \
        --url postgresql+psycopg://postgres@127.0.0.1/postgres

The longest write or read during the upgrade is the stall; the longest before
the upgrade is the reference.  With ``--hold``, a transaction on the table is
open for that many seconds at the start of the upgrade.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import threading
import time
import uuid

import sqlalchemy as sa

from qinling import conf as qinling_conf
from qinling.db import migration
from qinling.db import session

COLUMNS = ('id, project_id, created_at, function_id, function_version, '
           'status, sync, attempt, input, result, logs')
ROW = ("'default', {now}, 'f', 0, 'success', {true}, 1, '{{}}', "
       "'{{\"output\": \"Hello\", \"duration\": 0.001}}', 'hello'")
FILL = {
    'mysql': 'INSERT INTO executions ({columns}) SELECT uuid(), {row} '
             'FROM seq_{first}_to_{last}',
    'postgresql': 'INSERT INTO executions ({columns}) SELECT '
                  'gen_random_uuid()::text, {row} '
                  'FROM generate_series({first}, {last})',
}
TRUE = {'mysql': '1', 'postgresql': 'true'}
NOW = {'mysql': 'utc_timestamp(6)',
       'postgresql': "now() at time zone 'utc'"}
MAX_BATCH_ROWS = 50000


class Load:
    """Threads that write and read executions, and their longest times."""

    def __init__(self, engine: sa.Engine, row: str) -> None:
        self._engine = engine
        self._row = row
        self._stop = threading.Event()
        self._max_seconds: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._threads = [
            threading.Thread(target=self._repeat, args=(name, action))
            for name, action in (('write', self._write),
                                 ('read', self._read)) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _repeat(self, name: str, action: Callable[[sa.Connection], None]
                ) -> None:
        with self._engine.connect() as connection:
            while not self._stop.is_set():
                start = time.perf_counter()
                action(connection)
                self._max_seconds[name] = max(
                    time.perf_counter() - start,
                    self._max_seconds.get(name, 0))
                self._counts[name] = self._counts.get(name, 0) + 1

    def _write(self, connection: sa.Connection) -> None:
        id = str(uuid.uuid4())
        connection.exec_driver_sql(
            f'INSERT INTO executions ({COLUMNS}) '
            f"VALUES ('{id}', {self._row})".replace('%', '%%'))
        connection.exec_driver_sql(
            f"UPDATE executions SET status = 'failed' WHERE id = '{id}'")
        connection.commit()

    def _read(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql(
            "SELECT id, status FROM executions WHERE project_id = 'default' "
            'ORDER BY created_at LIMIT 20').all()
        connection.commit()

    def stop(self, title: str) -> None:
        """Stop the threads, and print the longest times."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for name, seconds in sorted(self._max_seconds.items()):
            print(f'{title:22} {name:6} {self._counts[name]:8} done, longest '
                  f'{seconds * 1000:9.1f} ms')


@contextlib.contextmanager
def create_database(url: str) -> Iterator[session.Database]:
    """Create a database on the server of a URL, until the end of the
    ``with`` statement."""
    admin = sa.create_engine(url, isolation_level='AUTOCOMMIT')
    name = f'qinling_bench_{uuid.uuid4().hex[:8]}'
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE {name}')
    conf = qinling_conf.load([], [])
    conf.set_override('connection', sa.make_url(url).set(
        database=name).render_as_string(False), group='database')
    db = session.Database(conf)
    try:
        yield db
    finally:
        db.close()
        with admin.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE {name}')


def store_executions(engine: sa.Engine, row: str, count: int) -> None:
    """Write executions."""
    statement = FILL[get_dialect(engine)]
    for first in range(1, count + 1, MAX_BATCH_ROWS):
        with engine.begin() as connection:
            connection.exec_driver_sql(statement.format(
                columns=COLUMNS, row=row, first=first,
                last=min(first + MAX_BATCH_ROWS - 1, count)))


def hold_transaction(engine: sa.Engine, seconds: float,
                     started: threading.Event) -> None:
    """Use the table in one transaction for some seconds."""
    with engine.begin() as connection:
        connection.exec_driver_sql('SELECT id FROM executions LIMIT 1')
        started.set()
        time.sleep(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure an upgrade while the service runs.')
    parser.add_argument('--url', required=True,
                        help='any database of a server whose user may create '
                        'databases')
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--seconds', type=float, default=10,
                        help='duration of the measurement before the upgrade')
    parser.add_argument('--hold', type=float, default=0,
                        help='seconds of a blocking transaction')
    options = parser.parse_args()
    with create_database(options.url) as db:
        measure(db, options)


def get_dialect(engine: sa.Engine) -> str:
    """Return the name of the SQL dialect."""
    return engine.dialect.name.replace('mariadb', 'mysql')


def measure(db: session.Database, options: argparse.Namespace) -> None:
    """Store executions, upgrade the database, and print the times."""
    engine = db.engine
    dialect = get_dialect(engine)
    row = ROW.format(now=NOW[dialect], true=TRUE[dialect])
    migration.upgrade(db, '001')
    start = time.perf_counter()
    store_executions(engine, row, options.rows)
    print(f'{options.rows} executions written in '
          f'{time.perf_counter() - start:.0f} s')
    load = Load(engine, row)
    time.sleep(options.seconds)
    load.stop('before the upgrade')
    started = threading.Event()
    holder = threading.Thread(
        target=hold_transaction, args=(engine, options.hold, started))
    holder.start()
    started.wait()
    load = Load(engine, row)
    start = time.perf_counter()
    migration.upgrade(db)
    duration = time.perf_counter() - start
    load.stop('during the upgrade')
    holder.join()
    print(f'The upgrade to {migration.current(db)} took {duration:.2f} s.')


if __name__ == '__main__':
    main()
