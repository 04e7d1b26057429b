# SPDX-License-Identifier: Apache-2.0
"""Tests of upgrades of tables in use: no long interruption."""

import threading

import fixtures
from oslo_db import exception as db_exc
from oslotest import base
import sqlalchemy as sa

from qinling.db import migration
from qinling.db import online_ddl
from qinling.tests import databases

FAULTS = (db_exc.DBError, sa.exc.DBAPIError)


class OnlineUpgrade:
    """Tests of upgrades on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(
            databases.Database(self.backend, empty=True))
        self.db = self.database.db
        migration.upgrade(self.db, '001')
        self.tries = threading.Semaphore(0)
        self.useFixture(fixtures.MockPatchObject(
            online_ddl, 'PAUSE_SECONDS', 0.05))
        self.useFixture(fixtures.MockPatchObject(
            online_ddl.LOG, 'info', lambda *_: self.tries.release()))

    def use(self, db):
        """Read a table changed by the upgrade."""
        db.read(lambda tx: tx.exec_driver_sql(
            'SELECT id FROM executions').all())

    def upgrade(self):
        """Start the upgrade in a thread; store errors in ``errors``."""
        self.errors = []

        def run():
            try:
                migration.upgrade(self.db)
            except Exception as e:
                self.errors.append(e)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def test_upgrades_let_other_transactions_pass(self):
        second = self.database.open()
        with second.engine.begin() as connection:
            connection.exec_driver_sql('SELECT id FROM executions').all()
            upgrade = self.upgrade()
            for _ in range(2):
                self.assertTrue(self.tries.acquire(
                    timeout=databases.PATIENCE))
                self.use(second)
        upgrade.join(databases.PATIENCE)
        self.assertEqual([], self.errors)
        self.assertEqual(migration.head(self.db),
                         migration.current(self.db))
        # The connection is as it was: the settings were for the upgrade.
        with self.db.engine.connect() as connection:
            self.assertNotIn(connection.exec_driver_sql(
                self.setting).scalar(), (
                    online_ddl.LOCK_TIMEOUT_SECONDS,
                    f'{online_ddl.LOCK_TIMEOUT_SECONDS}s'))

    def test_upgrades_give_up_after_a_time(self):
        second = self.database.open()
        with second.engine.begin() as connection:
            connection.exec_driver_sql('SELECT id FROM executions').all()
            error = self.assertRaises(
                FAULTS, online_ddl.retry,
                lambda: online_ddl.retry(self.read_once, tries=1), tries=1)
        self.assertTrue(online_ddl.is_lock_timeout(error))

    def read_once(self):
        with self.db.engine.begin() as connection:
            connection.exec_driver_sql(self.impatient)
            connection.exec_driver_sql(
                'ALTER TABLE executions ADD COLUMN more INTEGER')

    def test_other_faults_are_not_retried(self):
        calls = []

        def fail():
            calls.append(1)
            self.db.write(lambda tx: tx.exec_driver_sql('nonsense'))
        error = self.assertRaises(FAULTS, online_ddl.retry, fail)
        self.assertFalse(online_ddl.is_lock_timeout(error))
        self.assertEqual([1], calls)


class TestPostgresql(OnlineUpgrade, base.BaseTestCase):
    backend = 'postgresql'
    setting = 'SHOW lock_timeout'
    impatient = "SET LOCAL lock_timeout = '100ms'"


class TestMariadb(OnlineUpgrade, base.BaseTestCase):
    backend = 'mariadb'
    setting = 'SELECT @@lock_wait_timeout'
    impatient = 'SET SESSION lock_wait_timeout = 1'
