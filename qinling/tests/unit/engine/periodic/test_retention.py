# SPDX-License-Identifier: Apache-2.0
"""Deletion of old executions."""

import datetime
import threading

from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import retention
from qinling.tests import databases
from qinling.tests.unit.engine import base

DAY = 86400


class TestRetention(base.TestCase):
    def setUp(self):
        super().setUp()
        self.conf.set_override('execution_retention', DAY, group='engine')
        self.stopped = threading.Event()

    def create(self):
        """Return the purges of executions, failures, operations and keys."""
        return retention.create_purges(self.conf, self.db, self.stopped)

    def purge(self):
        """Return the number of rows that a new purge deletes in one turn."""
        before = len(self.list_ids())
        self.create()[0]()
        return before - len(self.list_ids())

    def add_old(self, began=2 * DAY, ended=2 * DAY, **values):
        """Return the id of an old execution.

        :param began: seconds since the start.
        :param ended: seconds since the end.
        """
        now = models.now()
        return self.add_execution(lease=None, **{
            'status': 'success',
            'created_at': now - datetime.timedelta(seconds=began),
            'updated_at': now - datetime.timedelta(seconds=ended), **values})

    def list_ids(self):
        return {row.id for row in self.db.read(
            lambda tx: crud.select(tx, models.Execution))}

    def test_old_executions_are_deleted(self):
        for status in ('success', 'failed', 'error', 'cancelled'):
            self.add_old(status=status)
        remaining = {self.add_old(began=DAY / 2, ended=DAY / 2),
                     self.add_old(ended=60),
                     self.add_old(status='running', updated_at=None)}
        self.assertEqual(4, self.purge())
        self.assertEqual(remaining, self.list_ids())

    def test_purge_works_in_batches(self):
        self.patch(retention, 'MAX_BATCH_ROWS', 3)
        for _ in range(8):
            self.add_old()
        self.assertFalse(self.create()[0]())
        self.assertEqual(set(), self.list_ids())

    def test_turn_is_bounded(self):
        self.patch(retention, 'MAX_BATCH_ROWS', 3)
        self.patch(retention, 'MAX_TURN_SECONDS', 0)
        for _ in range(7):
            self.add_old()
        purge = self.create()[0]
        remaining = []
        while purge():
            remaining.append(len(self.list_ids()))
        self.assertEqual([4, 1], remaining)
        self.assertEqual(set(), self.list_ids())

    def test_purge_runs_at_intervals(self):
        first = self.create()[0]
        first()
        self.add_old()
        first()
        self.assertEqual(1, len(self.list_ids()))
        self.assertEqual(1, self.purge())

    def test_purge_is_off_by_default(self):
        self.conf.set_override('execution_retention', 0, group='engine')
        self.add_old()
        self.assertEqual(0, self.purge())
        self.assertEqual(1, len(self.list_ids()))

    def test_stopping_engine_ends_the_purge(self):
        self.stopped.set()
        self.add_old()
        self.assertEqual(0, self.purge())

    def test_keys(self):
        self.add(models.IdempotencyKey, fingerprint='x', resource_id='y',
                 created_at=models.now() - datetime.timedelta(hours=25))
        self.assertFalse(self.create()[-1]())
        self.assertEqual([], self.db.read(
            lambda tx: crud.select(tx, models.IdempotencyKey)))

    def test_failures_and_operations(self):
        old = models.now() - datetime.timedelta(days=999)
        for model, values in ((models.Failure, {'last_seen_at': old}),
                              (models.Operation, {'status': 'done'}),
                              (models.Operation, {'status': 'paused'})):
            self.add(model, **databases.sample(
                model, created_at=old, updated_at=old, **values))
        for purge in self.create():
            self.assertFalse(purge())
        self.assertEqual([0, 1], [
            len(self.db.read(lambda tx: crud.select(tx, model)))
            for model in (models.Failure, models.Operation)])
