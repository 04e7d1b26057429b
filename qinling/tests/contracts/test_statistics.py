# SPDX-License-Identifier: Apache-2.0
"""Statistics: each ended execution is counted once, on every database."""

import datetime
import random
from unittest import mock

from oslotest import base

from qinling.core.execution import figures
from qinling.core.execution import lifecycle
from qinling.core.execution import rollup
from qinling.db import crud
from qinling.db import models
from qinling.db import periodic_queries
from qinling.tests.contracts import database

_TABLE = models.ExecutionStatistics


class Killed(BaseException):
    """Death of the process."""


class Statistics(database.OnDatabase):
    """Tests of the counting on one database."""

    def setUp(self):
        super().setUp()
        self.choose = random.Random(1).choice
        self.start = models.now() - datetime.timedelta(days=2)
        rollup.count_ended(self.db)
        self.set_progress(self.start)
        patch = mock.patch.object(rollup, 'MAX_BATCH_ROWS', 10)
        patch.start()
        self.addCleanup(patch.stop)

    def set_progress(self, time):
        self.db.write(lambda tx: crud.update_all(
            tx, models.StatisticsProgress,
            {'ended_at': time, 'id': '', 'as_of': time}))

    def insert_ended(self, minutes, **values):
        """Write an execution that ended so long after the start."""
        return self.insert(models.Execution, **{
            'status': 'success', 'duration': self.choose((0.1, 0.5, 2.5)),
            'import_ms': self.choose((0, 12.5)), 'memory_size': 1 << 29,
            'updated_at': self.start + datetime.timedelta(minutes=minutes),
            **values})

    def insert_many(self, count=35):
        return [self.insert_ended(
            # Several ends at the same time, across the batches.
            number // 15, function_version=self.choose((0, 1)),
            function_alias=self.choose((None, 'prod')))
            for number in range(count)]

    def count_all(self):
        while rollup.count_ended(self.db) == rollup.MAX_BATCH_ROWS:
            pass

    def totals(self, **where):
        """Return the figures of the whole project."""
        where = {'function_version': models.ALL_VERSIONS,
                 'function_id': models.ALL_FUNCTIONS, **where}
        return figures.add_up(self.db.read(lambda tx: crud.select(
            tx, _TABLE, *(getattr(_TABLE, name) == value
                          for name, value in where.items()))))

    def expected(self):
        return figures.of_executions(self.db.read(lambda tx: crud.select(
            tx, models.Execution, models.Execution.status != 'running')))

    def check_counted(self, expected):
        for total in (self.totals(), self.totals(function_id='f')):
            self.assertEqual(
                (expected.count, expected.cold_starts, expected.failures,
                 expected.max_duration, expected.duration_sketch),
                (total.count, total.cold_starts, total.failures,
                 total.max_duration, total.duration_sketch))
            self.assertAlmostEqual(expected.gb_seconds, total.gb_seconds)

    def test_every_execution_is_counted_once(self):
        self.insert_many()
        self.insert_ended(3, status='failed', reason='timeout')
        self.insert_ended(4, status='error', reason='no_worker',
                          duration=None, import_ms=None)
        self.insert_ended(4, status='cancelled', reason='cancelled')
        self.insert(models.Execution)
        for _ in range(2):
            self.count_all()
            self.check_counted(self.expected())
        self.assertEqual({'timeout': 1, 'no_worker': 1},
                         self.totals().failures)
        versions = [self.totals(function_id='f', function_version=version)
                    for version in (0, 1)]
        self.assertEqual(self.expected().count,
                         sum(part.count for part in versions))
        self.insert_ended(5)
        self.count_all()
        self.check_counted(self.expected())

    def test_dead_processes_count_nothing_twice(self):
        self.insert_many()
        for _ in range(3):
            with mock.patch.object(periodic_queries, 'move_progress',
                                   side_effect=Killed):
                self.assertRaises(Killed, rollup.count_ended, self.db)
            rollup.count_ended(self.db)
        self.count_all()
        self.check_counted(self.expected())

    def test_engines_that_count_at_the_same_time(self):
        self.insert_many(60)
        second = self.database.open()
        database.run_together(*(
            lambda db=db: [rollup.count_ended(db) for _ in range(4)]
            for db in (self.db, second)))
        self.count_all()
        self.check_counted(self.expected())

    def test_deleted_executions_are_counted(self):
        ids = self.insert_many()
        running = self.insert(models.Execution)
        expected = self.expected()
        rollup.count_ended(self.db)
        for id in (ids[0], ids[-1], ids[20], running):
            self.db.write(lambda tx, id=id: lifecycle.delete(tx, [id]))
        self.count_all()
        self.check_counted(expected)

    def test_purges_spare_what_is_not_counted(self):
        self.insert_many()
        expected = self.expected()
        self.assertEqual(0, lifecycle.purge(
            self.db, models.now(), 1000))
        for _ in range(2):
            rollup.count_ended(self.db)
        self.assertLess(0, lifecycle.purge(
            self.db, models.now(), 1000))
        self.count_all()
        self.check_counted(expected)
        lifecycle.purge(self.db, models.now(), 1000)
        self.assertEqual(0, self.expected().count)
        self.check_counted(expected)

    def test_open_transactions_are_waited_for(self):
        self.insert_ended(0, updated_at=models.now())
        self.assertEqual(0, rollup.count_ended(self.db))
        self.assertGreater(models.now(), rollup.read_as_of(self.db))
        with mock.patch.object(rollup.models, 'now', lambda: (
                self.start + datetime.timedelta(days=3))):
            self.assertEqual(1, rollup.count_ended(self.db))


class TestOnSqlite(Statistics, base.BaseTestCase):
    backend = 'sqlite'


class TestOnPostgresql(Statistics, base.BaseTestCase):
    backend = 'postgresql'


class TestOnMariadb(Statistics, base.BaseTestCase):
    backend = 'mariadb'
