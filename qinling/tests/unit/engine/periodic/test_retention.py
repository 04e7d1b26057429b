# SPDX-License-Identifier: Apache-2.0
"""Executions that ended long ago."""

import datetime
import threading

from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import retention
from qinling.tests.unit.engine import base

DAY = 86400


class TestRetention(base.TestCase):
    def setUp(self):
        super().setUp()
        self.conf.set_override('execution_retention', DAY, group='engine')
        self.stopped = threading.Event()

    def make(self):
        return retention.Retention(self.conf, self.db, self.stopped)

    def old(self, began=2 * DAY, ended=2 * DAY, **values):
        """The id of an execution that ended so many seconds ago."""
        now = models.now()
        return self.add_execution(lease=None, **{
            'status': 'success',
            'created_at': now - datetime.timedelta(seconds=began),
            'updated_at': now - datetime.timedelta(seconds=ended), **values})

    def left(self):
        return {row.id for row in self.db.read(
            lambda tx: crud.select(tx, models.Execution))}

    def test_old_ones_go(self):
        for status in ('success', 'failed', 'error', 'cancelled'):
            self.old(status=status)
        kept = {self.old(began=DAY / 2, ended=DAY / 2), self.old(ended=60),
                self.old(status='running', updated_at=None)}
        self.assertEqual(4, self.make().purge())
        self.assertEqual(kept, self.left())

    def test_in_batches(self):
        self.patch(retention, 'MAX_BATCH_ROWS', 3)
        for _ in range(8):
            self.old()
        self.assertEqual(8, self.make().purge())
        self.assertEqual(set(), self.left())

    def test_now_and_then(self):
        made = self.make()
        made.purge()
        self.old()
        self.assertEqual(0, made.purge())
        self.assertEqual(1, self.make().purge())

    def test_not_unless_asked(self):
        self.conf.set_override('execution_retention', 0, group='engine')
        self.old()
        self.assertEqual(0, self.make().purge())
        self.assertEqual(1, len(self.left()))

    def test_an_engine_that_stops_leaves_the_rest(self):
        self.stopped.set()
        self.old()
        self.assertEqual(0, self.make().purge())
