# SPDX-License-Identifier: Apache-2.0
"""Tests of transactions: commit, rollback and retry."""

import threading

import fixtures
from oslotest import base
import sqlalchemy as sa

from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests.contracts import relays
from qinling.tests import databases

THREADS = 16
#: PostgreSQL looks for deadlocks only after a while.
IMPATIENT = {'postgresql': "SET LOCAL deadlock_timeout = '20ms'",
             'mariadb': 'SELECT 1'}


class Fault(Exception):
    """Error of an action in a test."""


class Session(database.OnDatabase):
    """Tests of reading and writing, on any database."""

    def add(self, name, fault=None):
        """Return an action that writes a function, and may fail afterwards."""
        def action(tx):
            crud.insert(tx, models.Function, **databases.sample(
                models.Function, name=name))
            if fault:
                raise fault
            return name
        return action

    def names(self):
        return sorted(row.name for row in self.db.read(
            lambda tx: crud.select(tx, models.Function)))

    def test_full_disk(self):
        error = self.assertRaises(
            exception.Unavailable, self.db.write, self.fill)
        self.assertEqual(503, error.http_code)

    def test_errors_with_the_number_of_a_full_disk(self):
        def fail(_tx):
            raise PermissionError(13, 'not allowed')
        self.assertRaises(PermissionError, self.db.write, fail)

    def test_transactions_return_the_result(self):
        self.assertEqual('a', self.db.write(self.add('a')))
        self.assertEqual(['a'], self.names())

    def test_faults_roll_back(self):
        self.db.write(self.add('a'))
        fault = Fault('mine')
        self.assertIs(fault, self.assertRaises(
            Fault, self.db.write, self.add('b', fault)))
        self.db.write(self.add('c'))
        self.assertEqual(['a', 'c'], self.names())
        self.assertRaises(ZeroDivisionError, self.db.read, lambda tx: 1 / 0)

    def test_database_faults_reach_the_caller(self):
        self.insert(models.FunctionAlias)
        self.assertRaises(crud.DuplicateEntry, self.insert,
                          models.FunctionAlias)
        self.assertRaises(sa.exc.ArgumentError, self.db.read,
                          lambda tx: tx.execute('SELECT 1'))
        self.assertEqual(1, self.db.read(
            lambda tx: crud.count(tx, models.FunctionAlias)))

    def test_many_writers_and_readers(self):
        """Check that each writer gets the right value or fault, and sees the
        row.
        """
        def work(number):
            fault = Fault(number) if number % 4 == 0 else None
            for turn in range(5):
                name = f'{number:02}-{turn}'
                try:
                    value = self.db.write(
                        self.add(name, fault), durable=number % 2 == 0)
                    assert value == name and name in self.names()
                except Fault as e:
                    assert e is fault
        database.run_together(*[
            lambda number=number: work(number) for number in range(THREADS)])
        self.assertEqual(
            [f'{number:02}-{turn}' for number in range(THREADS)
             if number % 4 for turn in range(5)], self.names())

    def test_other_processes_see_committed_rows(self):
        second = self.database.open()
        self.db.write(self.add('a'))
        second.write(self.add('b'))
        self.db.write(self.add('c'))
        for db in (self.db, second):
            self.assertEqual(3, db.read(
                lambda tx: crud.count(tx, models.Function)))

    def test_two_processes_write_concurrently(self):
        connections = [self.db, self.database.open()]

        def work(db, number):
            for turn in range(10):
                db.write(self.add(f'{number}-{turn}'))
        database.run_together(*[
            lambda number=number: work(connections[number % 2], number)
            for number in range(4)])
        self.assertEqual(40, len(self.names()))


class Server(Session):
    """Tests of faults between client and database server."""

    def disconnecting_action(self, name):
        """Return an action that loses the connection halfway."""
        self.tries = 0

        def action(tx):
            self.tries += 1
            self.add(f'{name} {self.tries}')(tx)
            if self.tries == 1:
                self.database.disconnect()
            return crud.count(tx, models.Function)
        return action

    def test_idle_connections_closed_by_the_server(self):
        self.db.write(self.add('a'))
        for _ in range(2):
            self.database.disconnect()
            self.assertEqual(['a'], self.names())
        self.database.disconnect()
        self.db.write(self.add('b'))
        self.assertEqual(['a', 'b'], self.names())

    def test_connection_lost_during_a_write(self):
        self.assertEqual(1, self.db.write(self.disconnecting_action('try')))
        self.assertEqual((['try 2'], 2), (self.names(), self.tries))

    def test_connection_lost_during_a_read(self):
        tries = []

        def action(tx):
            tries.append(1)
            if len(tries) == 1:
                self.database.disconnect()
            return crud.count(tx, models.Function)
        self.assertEqual(0, self.db.read(action))
        self.assertEqual(2, len(tries))

    def test_database_restart(self):
        db = self.database.open(self.connection_through_relay())
        db.write(self.add('a'))
        self.relay.stop()
        for run in (db.read, db.write):
            error = self.assertRaises(
                exception.Unavailable, run,
                lambda tx: crud.count(tx, models.Function))
            self.assertEqual(503, error.http_code)
        self.relay.start()
        db.write(self.add('b'))
        self.assertEqual(['a', 'b'], self.names())

    def connection_through_relay(self):
        url = sa.make_url(self.database.connection)
        self.relay = self.useFixture(relays.Relay(url.port))
        return url.set(port=self.relay.port).render_as_string(
            hide_password=False)

    def test_deadlocks_are_retried(self):
        ids = [self.insert(models.Function) for _ in range(2)]
        barrier = threading.Barrier(2)
        tries = []

        def increment_both(first, second):
            def action(tx):
                tries.append(1)
                tx.exec_driver_sql(IMPATIENT[self.backend])
                crud.increment(tx, models.Function, 'count', 1, id=first)
                if len(tries) <= 2:
                    barrier.wait(databases.PATIENCE)
                crud.increment(tx, models.Function, 'count', 1, id=second)
            return lambda: self.db.write(action)
        database.run_together(increment_both(*ids), increment_both(*ids[::-1]))
        self.assertEqual([2, 2], [
            self.get(models.Function, id).count for id in ids])
        # Repeated transactions may meet again.
        self.assertGreaterEqual(len(tries), 3)

    def test_retries_are_limited(self):
        tries = []

        def action(tx):
            tries.append(1)
            self.database.disconnect()
            crud.count(tx, models.Function)
        self.assertRaises(exception.Unavailable, self.db.write, action)
        self.assertEqual(session.MAX_TRIES, len(tries))

    def test_close_leaves_no_connection(self):
        db = self.database.open()
        self.db.close()
        db.read(lambda tx: crud.count(tx, models.Function))
        db.write(self.add('a'))
        self.assertNotEqual([], self.database.connections())
        db.close()
        databases.wait_until(lambda: not self.database.connections())

    def test_text_of_the_client_is_unicode(self):
        text = self.db.read(lambda tx: tx.execute(
            sa.select(sa.literal('😀'))).scalar())
        self.assertEqual('😀', text)

    def test_silent_server(self):
        self.limit_silence(2)
        db = self.database.open(self.connection_through_relay())
        db.write(self.add('a'))
        self.relay.pause()
        tries = []

        def count(tx):
            tries.append(None)
            return crud.count(tx, models.Function)
        for run in (db.read, db.write):
            self.assertRaises(exception.Unavailable, run, count)
        # Nothing waits for a silent server again and again.
        self.assertLessEqual(len(tries), 2)
        self.relay.resume()
        self.assertEqual(1, db.read(count))

    def test_slow_statement(self):
        self.limit_silence(1)
        db = self.database.open()
        tries = []

        def sleep(tx):
            tries.append(None)
            tx.execute(sa.text(self.sleep_statement))
        self.assertRaises(exception.Unavailable, db.read, sleep)
        self.assertEqual(1, len(tries))
        self.assertEqual(0, db.read(
            lambda tx: crud.count(tx, models.Function)))

    def limit_silence(self, seconds):
        for name in ('CONNECT_TIMEOUT_SECONDS', 'SILENCE_TIMEOUT_SECONDS'):
            self.useFixture(fixtures.MockPatchObject(session, name, seconds))


class TestSessionOnSqlite(Session, base.BaseTestCase):
    backend = 'sqlite'

    def fill(self, tx):
        tx.exec_driver_sql('PRAGMA max_page_count = 1')
        tx.exec_driver_sql('CREATE TABLE more (text TEXT)')
        tx.exec_driver_sql('INSERT INTO more VALUES (zeroblob(1000000))')


class TestSessionOnPostgresql(Server, base.BaseTestCase):
    backend = 'postgresql'
    sleep_statement = 'SELECT pg_sleep(20)'

    def fill(self, tx):
        # What the server reports about a full disk.
        tx.exec_driver_sql(
            "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$")


class TestSessionOnMariadb(Server, base.BaseTestCase):
    backend = 'mariadb'
    sleep_statement = 'SELECT SLEEP(20)'

    def fill(self, tx):
        tx.exec_driver_sql('SET SESSION max_heap_table_size = 16384')
        tx.exec_driver_sql(
            'CREATE TEMPORARY TABLE more (text VARCHAR(1000)) ENGINE=MEMORY')
        tx.exec_driver_sql(
            'INSERT INTO more SELECT CHAR(seq) FROM seq_1_to_1000')
