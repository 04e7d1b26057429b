# SPDX-License-Identifier: Apache-2.0
"""Deletion of old executions."""

import datetime
import threading
from unittest import mock

from qinling.core import services
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import retention
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.unit.engine import base

DAY = 86400


class RetentionTest(base.TestCase):
    def setUp(self):
        super().setUp()
        self.conf.set_override('execution_retention', DAY, group='engine')
        self.stopped = threading.Event()

    def create(self):
        """Return all purges, the one of executions first."""
        backends = mock.Mock(spec=services.Backends, packages=mock.Mock())
        return retention.create_purges(
            self.conf, self.db, self.stopped, backends, fixtures.FakeEngine())

    def run_all(self):
        """Run all purges, which must end in one turn."""
        for purge in self.create():
            self.assertFalse(purge())


class TestRetention(RetentionTest):
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
        purge, *_ = self.create()
        remaining = []
        while purge():
            remaining.append(len(self.list_ids()))
        self.assertEqual([4, 1], remaining)
        self.assertEqual(set(), self.list_ids())

    def test_purge_runs_at_intervals(self):
        first, *_ = self.create()
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
        self.run_all()
        self.assertEqual([], self.db.read(
            lambda tx: crud.select(tx, models.IdempotencyKey)))

    def test_failures_and_operations(self):
        old = models.now() - datetime.timedelta(days=999)
        for model, values in ((models.Failure, {'last_seen_at': old}),
                              (models.Operation, {'status': 'done'}),
                              (models.Operation, {'status': 'paused'})):
            self.add(model, **databases.sample(
                model, created_at=old, updated_at=old, **values))
        self.run_all()
        self.assertEqual([0, 1], [
            len(self.db.read(lambda tx: crud.select(tx, model)))
            for model in (models.Failure, models.Operation)])


class TestVersions(RetentionTest):
    def test_old_versions_are_deleted(self):
        function = self.add_function()
        self.db.write(lambda tx: crud.update(
            tx, models.Function, function, {'keep_versions': 1}))
        for number in (1, 2, 3):
            self.add(models.FunctionVersion, function_id=function,
                     version_number=number, code={'source': 'package'},
                     cpu=100, memory_size=1, timeout=5)
        self.run_all()
        rows = self.db.read(lambda tx: crud.select(
            tx, models.FunctionVersion))
        self.assertEqual([3], [row.version_number for row in rows])
