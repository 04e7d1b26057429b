# SPDX-License-Identifier: Apache-2.0
"""Tests of several schedulers over one database, on every database."""

import datetime

from oslotest import base

from qinling.db import crud
from qinling.db import models
from qinling.engine import background
from qinling.engine.periodic import scheduler
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

SCHEDULERS = 5
JOBS = 60
ROUNDS = 5


class Scheduling:
    """Schedulers on the database ``backend``."""

    def setUp(self):
        super().setUp()
        # The minute may end during a test.
        self.tick = models.now().replace(second=0, microsecond=0)
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.db = self.core.db
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        self.submitted = []

    def scheduler(self):
        """Return another scheduler with separate connections."""
        return scheduler.Scheduler(
            self.core.conf, self.core.database.open(), self,
            background.Background())

    def start(self, message, target):
        self.submitted.append(message.id)

    def job(self, minutes=0, **values):
        """Return the id of a job, due some minutes ago."""
        return self.core.insert(models.Job, **{
            'function_id': self.function, 'pattern': '* * * * *',
            'next_execution_time':
            self.tick - datetime.timedelta(minutes=minutes), **values})

    def executions(self):
        return self.db.read(lambda tx: crud.select(tx, models.Execution))


class Tests(Scheduling):
    """Tests of schedulers at the same time."""

    def test_each_fire_time_has_one_execution(self):
        """Fire each time once, although half of the jobs missed several times.
        """
        ids = [self.job(minutes=number % 2 * 3, misfire='all', count=4)
               for number in range(JOBS)]
        schedulers = [self.scheduler() for _ in range(SCHEDULERS)]

        def drain(peer):
            while peer.fire([row for row in peer.poll() if
                             row.next_execution_time <= models.now()]):
                pass
        database.run_together(*[lambda peer=peer: drain(peer)
                                for peer in schedulers])
        # A poll during the writes of other schedulers may have missed jobs.
        drain(schedulers[0])
        rows = self.executions()
        self.assertEqual(len(rows), len({(row.job_id, row.scheduled_at)
                                         for row in rows}))
        self.assertEqual(sorted(self.submitted),
                         sorted(row.id for row in rows))
        self.assertEqual(len(rows), self.core.row(
            models.Function, self.function).count)
        for number, id in enumerate(ids):
            fired = [row for row in rows if row.job_id == id]
            job = self.core.row(models.Job, id)
            self.assertEqual(4 - len(fired), job.count)
            # The minute may have ended meanwhile.
            self.assertIn(len(fired), (4,) if number % 2 else (1, 2))

    def test_many_functions_and_jobs_concurrently(self):
        """Fire jobs in different orders without a deadlock."""
        functions = [self.core.function().id for _ in range(6)]
        for number in range(JOBS):
            self.job(function_id=functions[number % 6], count=1)
        schedulers = [self.scheduler() for _ in range(SCHEDULERS)]
        self.patch(scheduler, 'MAX_BATCH_ROWS', 7)
        database.run_together(*[lambda peer=peer: peer.fire(peer.poll())
                                for peer in schedulers])
        self.assertEqual(JOBS, len({row.job_id
                                    for row in self.executions()}))
        self.assertEqual(JOBS, len(self.executions()))
        for id in functions:
            self.assertEqual(10, self.core.row(models.Function, id).count)

    def test_quota_of_executions(self):
        """Never exceed the quota, although each transaction reads before."""
        limit = 2
        self.core.services.quotas.update(
            self.ctx.project_id, {'concurrent_executions': limit})
        peers = [self.scheduler() for _ in range(SCHEDULERS)]
        for _ in range(ROUNDS):
            for _ in peers:
                self.job(count=1)
            rows = peers[0].poll()
            database.run_together(*[
                lambda peer=peer, row=row: peer.fire([row])
                for peer, row in zip(peers, rows)])
            self.assertEqual(limit, len(self.executions()))
            self.db.write(lambda tx: crud.delete_all(tx, models.Execution))

    def test_pausing_while_firing(self):
        """Fire a job before a concurrent pause, or not at all."""
        peer = self.scheduler()
        for _ in range(ROUNDS):
            id = self.job(count=1)
            rows = peer.poll()
            database.run_together(
                lambda: peer.fire(rows),
                self.ignore_finished_job(
                    lambda: self.core.services.jobs.update(
                        self.ctx, id, {'status': 'paused'})))
            job = self.core.row(models.Job, id)
            fired = [row for row in self.executions() if row.job_id == id]
            self.assertIn((job.status, len(fired)),
                          (('paused', 0), ('done', 1)))
            self.core.services.jobs.delete(self.ctx, id)

    def ignore_finished_job(self, action):
        """Return the result of an action, which may come too late."""
        def call():
            try:
                action()
            except exception.Invalid as e:
                self.assertIn('finished job', str(e))
        return call

    def test_creating_a_job_while_deleting_its_function(self):
        for _ in range(ROUNDS):
            function = self.core.function().id
            created = []

            def create():
                try:
                    created.append(self.core.services.jobs.create(self.ctx, {
                        'function_id': function, 'pattern': '@daily'}))
                except exception.FunctionNotFound:
                    pass

            def delete():
                try:
                    self.core.services.functions.delete(self.ctx, function)
                except exception.FunctionInUse:
                    pass
            database.run_together(create, delete)
            remaining = self.core.row(models.Function, function)
            self.assertEqual(bool(created), remaining is not None)

    def test_poll_returns_due_jobs(self):
        far = models.now() + datetime.timedelta(days=1)
        for _ in range(20):
            self.job(next_execution_time=far)
        id = self.job()
        self.assertEqual([id], [row.id for row in self.scheduler().poll()])


class TestSchedulingOnSqlite(Tests, base.BaseTestCase):
    backend = 'sqlite'


class TestSchedulingOnPostgresql(Tests, base.BaseTestCase):
    backend = 'postgresql'


class TestSchedulingOnMariadb(Tests, base.BaseTestCase):
    backend = 'mariadb'
