# SPDX-License-Identifier: Apache-2.0
"""Several schedulers over one database, on every database."""

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
    """``backend`` is the database."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.db = self.core.db
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        self.submitted = []

    def scheduler(self):
        """One more, with connections of its own."""
        return scheduler.Scheduler(
            self.core.conf, self.core.database.open(), self,
            background.Background())

    def start(self, message, target):
        self.submitted.append(message.id)

    def job(self, minutes=0, **values):
        """The id of a job that was due some minutes ago."""
        tick = models.now().replace(second=0, microsecond=0)
        return self.core.insert(models.Job, **{
            'function_id': self.function, 'pattern': '* * * * *',
            'next_execution_time':
            tick - datetime.timedelta(minutes=minutes), **values})

    def executions(self):
        return self.db.read(lambda tx: crud.select(tx, models.Execution))

    def test_each_tick_has_one_execution(self):
        """Half of the jobs make up for several ticks."""
        ids = [self.job(minutes=number % 2 * 3, misfire='all', count=4)
               for number in range(JOBS)]
        schedulers = [self.scheduler() for _ in range(SCHEDULERS)]

        def drain(each):
            while each.fire([row for row in each.poll() if
                             row.next_execution_time <= models.now()]):
                pass
        database.together(*[lambda each=each: drain(each)
                            for each in schedulers])
        # Whoever looked while others wrote may have left something.
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

    def test_many_functions_and_many_jobs_at_once(self):
        """Schedulers that take them in other orders do not get stuck."""
        functions = [self.core.function().id for _ in range(6)]
        for number in range(JOBS):
            self.job(function_id=functions[number % 6], count=1)
        schedulers = [self.scheduler() for _ in range(SCHEDULERS)]
        self.patch(scheduler, 'MAX_BATCH_ROWS', 7)
        database.together(*[lambda each=each: each.fire(each.poll())
                            for each in schedulers])
        self.assertEqual(JOBS, len({row.job_id
                                    for row in self.executions()}))
        self.assertEqual(JOBS, len(self.executions()))
        for id in functions:
            self.assertEqual(10, self.core.row(models.Function, id).count)

    def test_a_pause_and_a_tick(self):
        """Either it was fired before, or not at all."""
        made = self.scheduler()
        for _ in range(ROUNDS):
            id = self.job(count=1)
            rows = made.poll()
            database.together(
                lambda: made.fire(rows),
                self.outcome(lambda: self.core.services.jobs.update(
                    self.ctx, id, {'status': 'paused'})))
            job = self.core.row(models.Job, id)
            fired = [row for row in self.executions() if row.job_id == id]
            self.assertIn((job.status, len(fired)),
                          (('paused', 0), ('done', 1)))
            self.core.services.jobs.delete(self.ctx, id)

    def outcome(self, action):
        """The action, which may come too late."""
        def call():
            try:
                action()
            except exception.Invalid as e:
                self.assertIn('finished job', str(e))
        return call

    def test_a_job_and_the_end_of_its_function(self):
        for _ in range(ROUNDS):
            function = self.core.function().id
            found = []

            def create():
                try:
                    found.append(self.core.services.jobs.create(self.ctx, {
                        'function_id': function, 'pattern': '@daily'}))
                except exception.FunctionNotFound:
                    pass

            def delete():
                try:
                    self.core.services.functions.delete(self.ctx, function)
                except exception.FunctionInUse:
                    pass
            database.together(create, delete)
            left = self.core.row(models.Function, function)
            self.assertEqual(bool(found), left is not None)

    def test_a_look_finds_what_is_due(self):
        far = models.now() + datetime.timedelta(days=1)
        for _ in range(20):
            self.job(next_execution_time=far)
        id = self.job()
        self.assertEqual([id], [row.id for row in self.scheduler().poll()])


class TestSchedulingOnSqlite(Scheduling, base.BaseTestCase):
    backend = 'sqlite'


class TestSchedulingOnPostgresql(Scheduling, base.BaseTestCase):
    backend = 'postgresql'


class TestSchedulingOnMariadb(Scheduling, base.BaseTestCase):
    backend = 'mariadb'
