# SPDX-License-Identifier: Apache-2.0
"""Tests of upgrades that end half way, or run twice at once."""

import subprocess
import sys

from oslotest import base
import sqlalchemy as sa

from qinling.db import migration
from qinling.db import models
from qinling.db import online_ddl
from qinling import exception
from qinling.tests import databases

#: Program that upgrades the database of its argument.
UPGRADE = """
import sys, tempfile
from qinling.cmd import db_manage
with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
    print('[database]', f'connection = {sys.argv[1]}', sep='\\n', file=file,
          flush=True)
    sys.argv[1:] = ['--config-file', file.name, 'upgrade']
    db_manage.main()
"""
#: A loop that does not end is a fault of its own.
MAX_UPGRADES = 500


class Killed(BaseException):
    """End of a process, in the middle of an upgrade."""


class InterruptedUpgrade:
    """Tests of upgrades on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(
            databases.Database(self.backend, empty=True))
        self.db = self.database.db

    def upgrade_until(self, limit):
        """Upgrade; die before a statement that changes something.

        :param limit: changing statements that are executed.
        :returns: whether the upgrade ended.
        """
        count = 0

        def die(_connection, _cursor, statement, *_):
            nonlocal count
            if statement.lstrip().upper().startswith(
                    ('SELECT', 'SET', 'SHOW', 'PRAGMA', 'BEGIN')):
                return
            count += 1
            if count > limit:
                raise Killed('killed')
        db = self.database.open()
        sa.event.listen(db.engine, 'before_cursor_execute', die)
        try:
            migration.upgrade(db)
        except (Killed, sa.exc.PendingRollbackError):
            return False
        finally:
            db.close()
        return True

    def test_upgrade_continues_from_every_statement(self):
        limit, revision = 0, None
        for _ in range(MAX_UPGRADES):
            if self.upgrade_until(limit):
                break
            limit += 1
            if migration.current(self.db) != revision:
                revision, limit = migration.current(self.db), 1
        self.assertEqual(migration.head(self.db),
                         migration.current(self.db))
        with self.db.engine.connect() as connection:
            inspector = sa.inspect(connection)
            for table in models.Base.metadata.sorted_tables:
                self.assertEqual(
                    {column.name for column in table.columns},
                    {column['name']
                     for column in inspector.get_columns(table.name)})

    def test_upgrades_at_the_same_time(self):
        processes = [subprocess.Popen(
            [sys.executable, '-c', UPGRADE, self.database.connection],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for _ in range(2)]
        ends = [(process.communicate(timeout=databases.PATIENCE)[1],
                 process.returncode) for process in processes]
        self.assertEqual(migration.head(self.db),
                         migration.current(self.db))
        self.assertIn(0, [code for _, code in ends])
        for text, code in ends:
            if code:
                self.assertIn('another upgrade of the database is running',
                              text)
                self.assertNotIn('Traceback', text)
        # The lock is free again.
        migration.upgrade(self.db)


class TestSqlite(InterruptedUpgrade, base.BaseTestCase):
    backend = 'sqlite'


class Server(InterruptedUpgrade):
    """Tests of a database with a lock of upgrades."""

    def test_lock_is_held(self):
        with online_ddl.single_upgrade(self.db.engine):
            self.assertRaises(exception.Unavailable, migration.upgrade,
                              self.db)
        migration.upgrade(self.db)


class TestPostgresql(Server, base.BaseTestCase):
    backend = 'postgresql'


class TestMariadb(Server, base.BaseTestCase):
    backend = 'mariadb'
