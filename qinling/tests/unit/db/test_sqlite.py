# SPDX-License-Identifier: Apache-2.0
"""Write-ahead log and write lock of SQLite."""

import sqlite3
import threading

from oslo_db import exception as db_exc
from oslotest import base
import sqlalchemy as sa

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import databases


def add(name):
    """Return an action that inserts a runtime."""
    return lambda tx: crud.insert(tx, models.Runtime, **databases.sample(
        models.Runtime, name=name))


def read_pragma(pragma):
    """Return an action that reads or sets a pragma."""
    return lambda tx: tx.exec_driver_sql(f'PRAGMA {pragma}').scalar()


class TestSqlite(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.database = self.useFixture(databases.Database())
        self.db = self.database.db

    def names(self):
        return sorted(row.name for row in self.db.read(
            lambda tx: crud.select(tx, models.Runtime)))

    def test_readers_do_not_wait_for_the_writer(self):
        for run in (self.db.read, self.db.write):
            self.assertEqual('wal', run(read_pragma('journal_mode')))

        def action(tx):
            add('a')(tx)
            return self.names()
        self.assertEqual([], self.db.write(action))
        self.assertEqual(['a'], self.names())

    def test_foreign_keys_are_enforced(self):
        self.assertEqual(1, self.db.write(read_pragma('foreign_keys')))
        self.assertRaises(
            db_exc.DBReferenceError, self.db.write, lambda tx: crud.insert(
                tx, models.FunctionAlias, **databases.sample(
                    models.FunctionAlias, function_id='none')))

    def test_durable_writes_are_synchronous(self):
        full, normal = 2, 1
        self.assertEqual(full, self.db.write(read_pragma('synchronous')))
        self.assertEqual(normal, self.db.write(
            read_pragma('synchronous'), durable=False))
        self.assertEqual(full, self.db.write(read_pragma('synchronous')))

    def test_writes_wait_for_another_process(self):
        path = sa.make_url(self.database.connection).database
        connection = sqlite3.connect(path, isolation_level=None,
                                     check_same_thread=False)
        self.addCleanup(connection.close)
        connection.execute('BEGIN IMMEDIATE')
        done = threading.Event()

        def write():
            self.db.write(add('a'))
            done.set()
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        databases.wait_until(lambda: self.db._batches._leader.locked())
        self.assertFalse(done.is_set())
        connection.execute('COMMIT')
        thread.join(databases.PATIENCE)
        self.assertEqual(['a'], self.names())

    def test_writes_fail_after_the_busy_timeout(self):
        path = sa.make_url(self.database.connection).database
        connection = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(connection.close)
        self.db.write(read_pragma('busy_timeout = 20'))
        connection.execute('BEGIN IMMEDIATE')
        self.assertRaises(exception.Unavailable, self.db.write, add('a'))
        connection.execute('COMMIT')
        self.db.write(add('b'))
        self.assertEqual(['b'], self.names())

    def test_locked_files_are_unavailable(self):
        connection = sqlite3.connect(self.database.db.engine.url.database,
                                     isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute('BEGIN IMMEDIATE')

        def lock(tx):
            tx.exec_driver_sql('PRAGMA busy_timeout = 0')
            tx.exec_driver_sql('BEGIN IMMEDIATE')
        self.assertRaises(exception.Unavailable, self.db.read, lock)

    def test_lost_races_are_repeated(self):
        errors = []

        def read(_tx):
            if not errors:
                errors.append(sqlite3.OperationalError('locking protocol'))
                errors[0].sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
                raise sa.exc.OperationalError('SELECT 1', {}, errors[0])
            return 'value'
        self.assertEqual('value', self.db.read(read))

    def test_rows_survive_a_close(self):
        self.db.write(add('a'))
        self.db.close()
        reopened = self.database.open()
        self.assertEqual(1, reopened.read(
            lambda tx: crud.count(tx, models.Runtime)))

    def test_writes_after_the_close_are_refused(self):
        # A write on a connection that another thread closes would end the
        # process.
        db = self.database.open()
        threads = [threading.Thread(target=self.write_until_closed, args=(
            db,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        databases.wait_until(lambda: db.read(
            lambda tx: crud.count(tx, models.Runtime)))
        db.close()
        for thread in threads:
            thread.join(databases.PATIENCE)
            self.assertFalse(thread.is_alive())
        error = self.assertRaises(exception.Unavailable, db.write, add('z'))
        self.assertIn('stopping', str(error))

    @staticmethod
    def write_until_closed(db):
        try:
            while True:
                db.write(lambda tx: crud.insert(
                    tx, models.Runtime, **databases.sample(models.Runtime)))
        except exception.Unavailable:
            pass
