# SPDX-License-Identifier: Apache-2.0
"""Measures an upgrade of the database while the service uses it.

Makes a database of its own at the first revision, fills it with executions,
and brings it to the newest one while threads write and read executions::

    python tools/bench/upgrade.py --url mysql+pymysql://root@127.0.0.1/mysql
    python tools/bench/upgrade.py \
        --url postgresql+psycopg://postgres@127.0.0.1/postgres

The longest time that a write or a read took during the upgrade is the stall;
the same before the upgrade is the reference.  With ``--hold`` a transaction
that uses the table is open for so many seconds when the upgrade begins.
"""

import argparse
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
BATCH = 50000


class Load:
    """Threads that use executions, and how long it took them at most."""

    def __init__(self, engine, row):
        self._engine = engine
        self._row = row
        self._stop = threading.Event()
        self.longest = {}
        self.done = {}
        self._threads = [
            threading.Thread(target=self._repeat, args=(name, action))
            for name, action in (('write', self._write),
                                 ('read', self._read)) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _repeat(self, name, action):
        with self._engine.connect() as connection:
            while not self._stop.is_set():
                begin = time.perf_counter()
                action(connection)
                took = time.perf_counter() - begin
                self.longest[name] = max(took, self.longest.get(name, 0))
                self.done[name] = self.done.get(name, 0) + 1

    def _write(self, connection):
        id = str(uuid.uuid4())
        connection.exec_driver_sql(
            f'INSERT INTO executions ({COLUMNS}) '
            f"VALUES ('{id}', {self._row})".replace('%', '%%'))
        connection.exec_driver_sql(
            f"UPDATE executions SET status = 'failed' WHERE id = '{id}'")
        connection.commit()

    def _read(self, connection):
        connection.exec_driver_sql(
            "SELECT id, status FROM executions WHERE project_id = 'default' "
            'ORDER BY created_at LIMIT 20').all()
        connection.commit()

    def end(self, title):
        """Stop, and print what was seen."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for name, longest in sorted(self.longest.items()):
            print(f'{title:22} {name:6} {self.done[name]:8} done, longest '
                  f'{longest * 1000:9.1f} ms')


@contextlib.contextmanager
def database(url):
    """A database of its own, beside the one that the URL names."""
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


def fill(engine, row, rows):
    """Write so many executions."""
    statement = FILL[engine.dialect.name.replace('mariadb', 'mysql')]
    for first in range(1, rows + 1, BATCH):
        with engine.begin() as connection:
            connection.exec_driver_sql(statement.format(
                columns=COLUMNS, row=row, first=first,
                last=min(first + BATCH - 1, rows)))


def hold(engine, seconds, begun):
    """Use the table in one transaction for so long."""
    with engine.begin() as connection:
        connection.exec_driver_sql('SELECT id FROM executions LIMIT 1')
        begun.set()
        time.sleep(seconds)


def main():
    parser = argparse.ArgumentParser(
        description='Measure an upgrade while the service runs.')
    parser.add_argument('--url', required=True,
                        help='a database of a server where others may be made')
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--seconds', type=float, default=10,
                        help='how long the reference is measured')
    parser.add_argument('--hold', type=float, default=0,
                        help='seconds of a transaction in the way')
    options = parser.parse_args()
    with database(options.url) as db:
        measure(db, options)


def measure(db, options):
    """Fill, upgrade, print."""
    engine = db.engine
    kind = engine.dialect.name.replace('mariadb', 'mysql')
    row = ROW.format(now=NOW[kind], true=TRUE[kind])
    migration.upgrade(db, '001')
    begin = time.perf_counter()
    fill(engine, row, options.rows)
    print(f'{options.rows} executions written in '
          f'{time.perf_counter() - begin:.0f} s')
    load = Load(engine, row)
    time.sleep(options.seconds)
    load.end('before the upgrade')
    begun = threading.Event()
    holder = threading.Thread(
        target=hold, args=(engine, options.hold, begun))
    holder.start()
    begun.wait()
    load = Load(engine, row)
    begin = time.perf_counter()
    migration.upgrade(db)
    took = time.perf_counter() - begin
    load.end('during the upgrade')
    holder.join()
    print(f'The upgrade to {migration.current(db)} took {took:.2f} s.')


if __name__ == '__main__':
    main()
