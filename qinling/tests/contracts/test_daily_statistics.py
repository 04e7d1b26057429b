# SPDX-License-Identifier: Apache-2.0
"""Sums of days: exact and made once, also by killed engines."""

import datetime
from unittest import mock

from oslotest import base

from qinling.core.execution import daily
from qinling.core.execution import figures
from qinling.core.execution import rollup
from qinling.db import crud
from qinling.db import models
from qinling.db import statistics_queries
from qinling.db.statistics_table import Level
from qinling.tests.contracts import database
from qinling.tests.contracts import ended_executions

DAY = datetime.timedelta(days=1)
START = ended_executions.START
#: More days than have executions, and parts of days at both ends.
PERIOD = statistics_queries.Period(
    START + datetime.timedelta(hours=5), START + 4 * DAY
    + datetime.timedelta(hours=3))
SELECTIONS = (
    ((Level.PROJECT,), {}), ((Level.PROJECT,), {'project_id': 'p1'}),
    ((Level.FUNCTION,), {'project_id': 'p1'}),
    ((Level.ALIAS,), {'project_id': 'p1'}),
    ((Level.FUNCTION,), {'project_id': 'p1', 'function_id': 'f3'}),
    (statistics_queries.PARTS, {'project_id': 'p1', 'function_id': 'f3'}),
    (statistics_queries.PARTS, {'project_id': 'p1', 'function_id': 'f3',
                                'function_version': 1}),
    ((Level.ALIAS,), {'project_id': 'p2', 'function_alias': 'prod'}))


class Killed(BaseException):
    """Death of the process."""


class DailyStatistics(ended_executions.OnStatistics):
    """Tests of the sums on one database."""

    SEED, FUNCTIONS = 1, 5

    def setUp(self):
        super().setUp()
        patch = mock.patch.object(daily, 'MAX_FUNCTIONS', 3)
        patch.start()
        self.addCleanup(patch.stop)

    def count_days(self, number=3):
        """Count executions of some days, with a day without any."""
        for day in (0, 1, 3)[:number]:
            for _ in range(30):
                self.insert_ended(START + DAY * day + datetime.timedelta(
                    hours=self.random.choice(range(24)),
                    seconds=self.random.random() * 3599))
        rollup.count_ended(self.db)

    def add_up_all(self, db=None):
        while rollup.add_up_days(db or self.db) is None:
            pass

    def read(self, selection, hours, days=()):
        """Return figures by version and alias, without the rounding."""
        total = figures.add_up(self.db.read(
            lambda tx: statistics_queries.read_figures(
                tx, statistics_queries.Selection(*selection), None, hours,
                days)))
        return {**vars(total), 'gb_seconds': round(total.gb_seconds, 6)}

    def check_sums(self):
        """Check that days and hours agree, for every question."""
        progress = rollup.read_progress(self.db)
        hours, days = daily.split(PERIOD, progress)
        self.assertTrue(days)
        for selection in SELECTIONS:
            expected = self.read(selection, [PERIOD])
            self.assertLess(0, expected['count'], selection)
            self.assertEqual(expected, self.read(selection, hours, days),
                             selection)

    def test_days_have_the_figures_of_their_hours(self):
        self.count_days()
        self.add_up_all()
        self.check_sums()
        rows = self.db.read(crud.select, models.DailyStatistics)
        self.assertEqual({START, START + DAY, START + 3 * DAY},
                         {row.day for row in rows})

    def test_a_day_is_added_up_when_it_has_passed(self):
        self.count_days()
        end = START + DAY
        self.set_progress(as_of=end + daily.MARGIN
                          - datetime.timedelta(seconds=1))
        self.assertIsNone(rollup.add_up_days(self.db))
        self.assertEqual(end + daily.MARGIN, rollup.add_up_days(self.db))
        self.assertFalse(self.db.read(crud.exists, models.DailyStatistics))
        self.set_progress(as_of=end + daily.MARGIN)
        self.add_up_all()
        self.assertEqual(end, rollup.read_progress(self.db).next_day)
        self.assertEqual({START}, {row.day for row in self.db.read(
            crud.select, models.DailyStatistics)})
        self.set_progress(as_of=end + DAY + daily.MARGIN)
        self.add_up_all()
        self.check_sums()

    def test_dead_processes_add_up_nothing_twice(self):
        self.count_days()
        update, insert = crud.update_all, crud.insert

        def die_at_the_move(tx, model, *args):
            if model is models.StatisticsProgress:
                raise Killed()
            return update(tx, model, *args)

        def die_at_a_row(tx, model, **values):
            result = insert(tx, model, **values)
            if values['function_id'] == 'f1':
                raise Killed()
            return result
        for name, action in (('update_all', die_at_the_move),
                             ('insert', die_at_a_row)) * 4:
            with mock.patch.object(crud, name, action):
                try:
                    self.add_up_all()
                except Killed:
                    pass
            rollup.add_up_days(self.db)
        self.add_up_all()
        self.check_sums()

    def test_engines_that_add_up_at_the_same_time(self):
        self.count_days()
        second = self.database.open()
        database.run_together(*(
            lambda db=db: self.add_up_all(db) for db in (self.db, second)))
        self.check_sums()

    def test_late_executions(self):
        self.count_days(2)
        self.set_progress(as_of=START + 3 * DAY)
        for turn in range(30):
            if rollup.add_up_days(self.db) is not None:
                break
            ids = [self.insert_ended(START + datetime.timedelta(hours=hour))
                   for hour in (6, 23, 30, 47, 49)]
            # The counting goes back, as if the rows had appeared late.
            self.set_progress(ended_at=START, id='')
            self.db.write(lambda tx, ids=ids: rollup.count_before_deletion(
                tx, ids))
        else:
            self.fail('The days were never added up.')
        self.assertLess(8, turn)
        self.check_sums()


class TestOnSqlite(DailyStatistics, base.BaseTestCase):
    backend = 'sqlite'


class TestOnPostgresql(DailyStatistics, base.BaseTestCase):
    backend = 'postgresql'


class TestOnMariadb(DailyStatistics, base.BaseTestCase):
    backend = 'mariadb'
