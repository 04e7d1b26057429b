# SPDX-License-Identifier: Apache-2.0
"""Tests of the upgrade of statistics with figures."""

import datetime
import json

from oslotest import base
import sqlalchemy as sa

from qinling.core.execution import figures
from qinling.core.execution import sketch
from qinling.db import crud
from qinling.db import migration
from qinling.db import models
from qinling import exception
from qinling.tests import databases

HOUR = datetime.datetime(2026, 1, 31, 12)
#: More rows than the upgrade converts at once.
COUNTS = ({}, {'-250': 3}, {'-250': 1, '0': 2 ** 33, '12': 7}) * 400
INSERT = sa.text(
    'INSERT INTO execution_statistics (project_id, function_id, '
    'function_version, hour, function_alias, count, cold_starts, gb_seconds, '
    "max_duration, failures, durations) VALUES ('p', 'f', :number, :hour, '', "
    "5, 0, 0, 1.5, '{}', :durations)").bindparams(
        sa.bindparam('hour', type_=sa.DateTime))


class Killed(BaseException):
    """End of a process, in the middle of an upgrade."""


class StatisticsUpgrade:
    """Tests of the upgrade on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(
            databases.Database(self.backend, empty=True))
        self.db = self.database.db
        migration.upgrade(self.db, '012')
        with self.db.engine.begin() as connection:
            connection.execute(INSERT, [
                {'number': number, 'hour': HOUR,
                 'durations': json.dumps(counts)}
                for number, counts in enumerate(COUNTS)])

    def check_converted(self):
        rows = self.db.read(lambda tx: crud.select(
            tx, models.ExecutionStatistics))
        # A second sketch makes the forms equal.
        addend = sketch.encode({0: 1})
        self.assertEqual(
            [sketch.merge([addend, sketch.encode({
                int(bucket): count for bucket, count in counts.items()})])
             for counts in COUNTS],
            [sketch.merge([addend, figures.add_up([row]).duration_sketch])
             for row in rows])
        self.assertEqual({5}, {row.count for row in rows})

    def test_durations_are_converted(self):
        migration.upgrade(self.db)
        self.check_converted()

    def test_a_killed_conversion_continues(self):
        db, updates = self.database.open(), []

        def die(_connection, _cursor, statement, *_):
            if statement.startswith('UPDATE execution_statistics'):
                updates.append(statement)
            if len(updates) > 1:
                raise Killed('killed')
        sa.event.listen(db.engine, 'before_cursor_execute', die)
        # A driver may be unable to roll back after the exception.
        self.assertRaises((Killed, sa.exc.PendingRollbackError),
                          migration.upgrade, db)
        db.close()
        databases.wait_until(self.is_upgraded)
        self.check_converted()

    def is_upgraded(self):
        """Return whether the server has noticed the end of the process."""
        try:
            migration.upgrade(self.db)
        except exception.Unavailable:
            return False
        return True


class TestSqlite(StatisticsUpgrade, base.BaseTestCase):
    backend = 'sqlite'


class TestPostgresql(StatisticsUpgrade, base.BaseTestCase):
    backend = 'postgresql'


class TestMariadb(StatisticsUpgrade, base.BaseTestCase):
    backend = 'mariadb'
