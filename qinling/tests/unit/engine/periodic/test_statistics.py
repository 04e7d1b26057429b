# SPDX-License-Identifier: Apache-2.0
"""Tests of the periodic counting of executions."""

import datetime
from unittest import mock

from oslotest import base

from qinling.core.execution import daily
from qinling.core.execution import rollup
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import statistics
from qinling.tests import fixtures

DAY = datetime.datetime(2026, 1, 30)
HOURS = datetime.timedelta(hours=1)


class TestStatisticsTask(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.task = statistics.StatisticsTask(self.core.db)
        rollup.count_ended(self.core.db)
        self.set_progress(DAY)

    def set_progress(self, as_of):
        self.core.db.write(lambda tx: crud.update_all(
            tx, models.StatisticsProgress,
            {'as_of': as_of, 'ended_at': DAY, 'id': ''}))

    def run_task(self, now):
        """Run the task to its end at a time."""
        with mock.patch.object(models, 'now', lambda: now):
            while self.task.run():
                continue

    def days(self):
        return {row.day for row in self.core.db.read(
            crud.select, models.DailyStatistics)}

    def test_days_are_added_up(self):
        self.core.insert(models.Execution, function_id='f',
                         status='success', duration=1, memory_size=1 << 30,
                         updated_at=DAY + 5 * HOURS)
        self.run_task(DAY + 20 * HOURS)
        self.assertEqual(set(), self.days())
        self.run_task(DAY + 26 * HOURS)
        self.assertEqual({DAY}, self.days())

    def test_statements_of_a_transaction(self):
        """Read and write the project, the function and the version."""
        statements = []
        self.core.watch_statements(statements.append)
        for hour in (5, 6):
            self.core.insert(models.Execution, function_id='f',
                             status='success', duration=1, memory_size=1,
                             updated_at=DAY + 5 * HOURS + hour * HOURS / 60)
            statements.clear()
            self.run_task(DAY + 20 * HOURS)
        verbs = [statement.split()[0] for statement in statements
                 if 'statistics' in statement or 'execution' in statement]
        self.assertEqual(
            ['SELECT', 'SELECT', *['SELECT', 'UPDATE'] * 3, 'UPDATE'], verbs)

    def test_nothing_is_read_before_the_next_day(self):
        self.run_task(DAY + 20 * HOURS)
        with mock.patch.object(daily, 'add_up') as add_up:
            self.run_task(DAY + 24 * HOURS)
            add_up.assert_not_called()
            add_up.return_value = False
            self.run_task(DAY + 25 * HOURS)
            add_up.assert_called_once()
