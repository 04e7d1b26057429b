# SPDX-License-Identifier: Apache-2.0
"""What is particular to SQLite: the write-ahead log and the one writer."""

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
    """An action that writes a runtime."""
    return lambda tx: crud.insert(tx, models.Runtime, **databases.sample(
        models.Runtime, name=name))


def asked(pragma):
    """An action that returns a setting of its connection."""
    return lambda tx: tx.exec_driver_sql(f'PRAGMA {pragma}').scalar()


class TestSqlite(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.database = self.useFixture(databases.Database())
        self.db = self.database.db

    def names(self):
        return sorted(row.name for row in self.db.read(
            lambda tx: crud.select(tx, models.Runtime)))

    def test_readers_and_the_writer_do_not_wait(self):
        for door in (self.db.read, self.db.write):
            self.assertEqual('wal', door(asked('journal_mode')))

        def action(tx):
            add('a')(tx)
            return self.names()
        self.assertEqual([], self.db.write(action))
        self.assertEqual(['a'], self.names())

    def test_references_are_kept(self):
        self.assertEqual(1, self.db.write(asked('foreign_keys')))
        self.assertRaises(
            db_exc.DBReferenceError, self.db.write, lambda tx: crud.insert(
                tx, models.FunctionAlias, **databases.sample(
                    models.FunctionAlias, function_id='none')))

    def test_what_must_survive_a_power_loss(self):
        full, normal = 2, 1
        self.assertEqual(full, self.db.write(asked('synchronous')))
        self.assertEqual(normal, self.db.write(
            asked('synchronous'), durable=False))
        self.assertEqual(full, self.db.write(asked('synchronous')))

    def test_a_transaction_of_another_process_is_waited_for(self):
        path = sa.make_url(self.database.connection).database
        other = sqlite3.connect(path, isolation_level=None,
                                check_same_thread=False)
        self.addCleanup(other.close)
        other.execute('BEGIN IMMEDIATE')
        done = threading.Event()

        def write():
            self.db.write(add('a'))
            done.set()
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        databases.wait_until(lambda: self.db._batches._commit_lock.locked())
        self.assertFalse(done.is_set())
        other.execute('COMMIT')
        thread.join(databases.PATIENCE)
        self.assertEqual(['a'], self.names())

    def test_the_other_process_does_not_end(self):
        path = sa.make_url(self.database.connection).database
        other = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(other.close)
        self.db.write(asked('busy_timeout = 20'))
        other.execute('BEGIN IMMEDIATE')
        self.assertRaises(exception.Unavailable, self.db.write, add('a'))
        other.execute('COMMIT')
        self.db.write(add('b'))
        self.assertEqual(['b'], self.names())

    def test_memory_of_a_close(self):
        self.db.write(add('a'))
        self.db.close()
        again = self.database.open()
        self.assertEqual(1, again.read(
            lambda tx: crud.count(tx, models.Runtime)))
