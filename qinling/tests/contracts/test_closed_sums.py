# SPDX-License-Identifier: Apache-2.0
"""Sums in memory: the same as those of a process that has just started."""

import datetime
from unittest import mock

from oslotest import base

from qinling.core.execution import daily
from qinling.core.execution import rollup
from qinling.core.execution import sums
from qinling.db import crud
from qinling.db import models
from qinling.db import statistics_queries as queries
from qinling.db.statistics_table import Level
from qinling.tests.contracts import ended_executions

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
START = ended_executions.START
IN_PROJECT = {'project_id': 'p1'}
IN_FUNCTION = {'project_id': 'p1', 'function_id': 'f1'}
#: Selection and group of every kind of question.
QUESTIONS = (
    *(((Level.PROJECT,), IN_PROJECT, by) for by in (None, 'hour', 'day')),
    ((Level.PROJECT,), {}, 'project'), ((Level.PROJECT,), {}, 'hour'),
    ((Level.FUNCTION,), IN_PROJECT, 'function'),
    ((Level.ALIAS,), IN_PROJECT, 'alias'),
    *((queries.PARTS, IN_FUNCTION, by) for by in ('version', 'alias', 'hour')))


class ClosedSums(ended_executions.OnStatistics):
    """Tests of the sums on one database."""

    SEED, FUNCTIONS = 3, 3

    def setUp(self):
        super().setUp()
        self.reader = sums.SumsReader(self.db)

    def ask(self, reader, period, question):
        """Return the sums as the API shows the sums."""
        levels, values, by = question
        _, answer = reader.read(queries.Selection(levels, values), period, by)
        return [self.show('', answer.total),
                *(self.show(*group) for group in answer.groups)]

    def show(self, key, figures):
        return (key, figures.count, figures.cold_starts,
                round(figures.gb_seconds, 6), dict(figures.failures),
                figures.durations_by_quantile())

    def check(self, now):
        """Compare the reader with a new reader, for every question."""
        next_hour = now.replace(minute=0, second=0) + HOUR
        for since in (now - DAY - HOUR * 2, now - HOUR * 7, START):
            period = queries.Period(
                since.replace(minute=0, second=0), next_hour)
            for question in QUESTIONS:
                expected = self.ask(
                    sums.SumsReader(self.db), period, question)
                for _ in range(2):
                    self.assertEqual(
                        expected, self.ask(self.reader, period, question))

    def test_sums_follow_the_counting(self):
        now = START
        for turn in range(14):
            for _ in range(self.random.choice((0, 3, 9))):
                self.insert_ended(now + self.random.random() * HOUR)
            now += self.random.choice((0.4, 1, 5, 13)) * HOUR
            rollup.count_ended(self.db)
            if turn % 2:
                self.set_progress(as_of=now - HOUR)
                while rollup.add_up_days(self.db) is None:
                    pass
            self.check(now)

    def test_late_executions(self):
        ids = []
        for turn in range(9):
            ids.append(self.insert_ended(START + turn * 11 * HOUR))
            if turn % 4 != 3:
                # Counted late: the range of the clock has passed already.
                self.set_progress(as_of=START + 6 * DAY)
                rollup.add_up_days(self.db)
                self.check(START + turn * 11 * HOUR)
                self.db.write(lambda tx: rollup.count_before_deletion(
                    tx, ids[-1:]))
                self.check(START + turn * 11 * HOUR)
                self.db.write(lambda tx: crud.delete_all(
                    tx, models.Execution, models.Execution.id == ids[-1]))
            rollup.count_ended(self.db)
            self.check(START + turn * 11 * HOUR)

    def test_closed_segments_are_read_once(self):
        for hour in range(60):
            self.insert_ended(START + hour * HOUR)
        rollup.count_ended(self.db)
        self.set_progress(as_of=START + 2 * DAY + daily.MARGIN)
        while rollup.add_up_days(self.db) is None:
            pass
        period = queries.Period(START + HOUR, START + 59 * HOUR)
        for question in QUESTIONS:
            self.ask(self.reader, period, question)
        with mock.patch.object(queries, 'read_figures') as read:
            for question in QUESTIONS:
                self.ask(self.reader, period, question)
            read.assert_not_called()

    def test_a_restored_backup(self):
        self.insert_ended(START + HOUR)
        self.insert_ended(START + 5 * HOUR)
        rollup.count_ended(self.db)
        self.check(START + 6 * HOUR)
        self.db.write(lambda tx: crud.delete_all(
            tx, models.ExecutionStatistics))
        self.set_progress(ended_at=START, id='')
        self.check(START + 6 * HOUR)


class TestOnSqlite(ClosedSums, base.BaseTestCase):
    backend = 'sqlite'


class TestOnPostgresql(ClosedSums, base.BaseTestCase):
    backend = 'postgresql'


class TestOnMariadb(ClosedSums, base.BaseTestCase):
    backend = 'mariadb'
