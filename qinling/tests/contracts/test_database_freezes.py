# SPDX-License-Identifier: Apache-2.0
"""Tests of a process that freezes amid a transaction, on both servers."""

from unittest import mock

from oslo_db import exception as db_exc
from oslotest import base
import sqlalchemy as sa

from qinling.db import crud
from qinling.db import idle_limit
from qinling.db import models
from qinling.tests import databases


class Freezes:
    """Tests of freezes on the database ``backend``."""

    def test_locks_of_a_frozen_process_end(self):
        limit = mock.patch.object(idle_limit, 'IDLE_SECONDS', 1)
        limit.start()
        self.addCleanup(limit.stop)
        database = self.useFixture(databases.Database(self.backend))
        id = models.new_id()
        database.db.write(lambda tx: crud.insert(
            tx, models.Function, id=id, **databases.sample(models.Function)))
        frozen = database.open()
        connection = frozen.engine.connect()
        self.addCleanup(connection.invalidate)
        connection.execute(sa.update(models.Function).where(
            models.Function.id == id).values(count=5))
        # The other process waits no longer than the limit.
        database.db.write(lambda tx: crud.update_all(
            tx, models.Function, {'count': 7}, models.Function.id == id))
        self.assertRaises(db_exc.DBError, connection.execute,
                          sa.text('SELECT 1'))
        self.assertEqual(7, database.db.read(
            crud.select, models.Function, models.Function.id == id)[0].count)


class TestFreezesOnPostgresql(Freezes, base.BaseTestCase):
    backend = 'postgresql'


class TestFreezesOnMariadb(Freezes, base.BaseTestCase):
    backend = 'mariadb'
