# SPDX-License-Identifier: Apache-2.0
"""Fire times of jobs, and delayed attempts."""

import datetime
import threading

from qinling.core.execution import records
from qinling.core.function import schemas
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import scheduler
from qinling import exception
from qinling.tests import databases
from qinling.tests.unit.engine import base


def ago(seconds=1):
    """Return a time in the past."""
    return models.now() - datetime.timedelta(seconds=seconds)


def rare_pattern():
    """Return a pattern without a fire time in the next hours."""
    return (models.now() + datetime.timedelta(hours=12)).strftime(
        '%M %H * * *')


class SchedulerTest(base.TestCase):
    """The scheduler of an engine without limits."""

    def setUp(self):
        super().setUp()
        self.queue = base.Queue()
        self.submitted, self.resumed = self.queue.submitted, []
        self.resume_called = threading.Event()
        self.scheduler = self.create_scheduler()
        self.function = self.add_function()

    def create_scheduler(self):
        new_scheduler = scheduler.Scheduler(self.conf, self.db, self.queue,
                                            base.Background())
        new_scheduler.resumer = self
        return new_scheduler

    def resume(self, id, at):
        self.resumed.append((id, at))
        self.resume_called.set()

    def job(self, **values):
        """Return the id of a due job."""
        values = {'function_id': self.function, 'status': 'running',
                  'pattern': rare_pattern(), 'next_execution_time': ago(),
                  **values}
        return self.add(models.Job, **values)

    def fire(self):
        """Fire due jobs once and return whether more jobs are due."""
        return self.scheduler.fire(self.scheduler.poll())

    def executions(self, **where):
        return self.db.read(lambda tx: crud.select(
            tx, models.Execution, *[getattr(models.Execution, name) == value
                                    for name, value in where.items()]))


class TestFire(SchedulerTest):
    def test_fire_creates_an_execution(self):
        fire_time = ago()
        id = self.job(function_input='{"a": 1}', next_execution_time=fire_time,
                      count=2)
        self.assertFalse(self.fire())
        row, = self.executions(job_id=id)
        self.assertEqual(
            ('running', False, '{"a": 1}', fire_time, 'p', self.function, 0,
             None, 0, None, f'Created by Job {id}'),
            (row.status, row.sync, row.input, row.scheduled_at, row.project_id,
             row.function_id, row.function_version, row.function_alias,
             row.attempt, row.owner, row.description))
        self.assertGreater(row.lease_until, models.now())
        (submitted, target), = self.submitted
        self.assertEqual(records.ExecutionMessage(
            row.id, '{"a": 1}', False), submitted)
        self.assertEqual((self.function, 0), target.function_key)
        job = self.row(models.Job, id)
        self.assertEqual(('running', 1, None, None), (
            job.status, job.count, job.status_reason, job.updated_at))
        self.assertGreater(job.next_execution_time, models.now())
        self.assertEqual(1, self.row(models.Function, self.function).count)

    def test_last_fire_time_ends_the_job(self):
        for values in ({'count': 1}, {'count': 1, 'pattern': None}):
            id = self.job(**values)
            self.fire()
            job = self.row(models.Job, id)
            self.assertEqual(('done', 0, None), (
                job.status, job.count, job.next_execution_time))
            self.assertEqual(1, len(self.executions(job_id=id)))

    def test_only_due_jobs_fire(self):
        soon = models.now() + datetime.timedelta(seconds=3600)
        for values in ({'next_execution_time': soon},
                       {'status': 'paused'}, {'status': 'done'},
                       {'status': 'cancelled'},
                       {'next_execution_time': None}):
            self.job(**values)
        self.assertEqual([], self.scheduler.poll())

    def test_jobs_do_not_fire_early(self):
        """Wait for the fire time of a job polled in advance."""
        at = models.now() + datetime.timedelta(seconds=0.2)
        id = self.job(next_execution_time=at)
        self.scheduler.run_once()
        row, = self.executions(job_id=id)
        self.assertGreaterEqual(row.created_at, at)

    def test_misfire_once(self):
        id = self.job(next_execution_time=ago(7200), pattern='* * * * *')
        self.assertFalse(self.fire())
        row, = self.executions(job_id=id)
        self.assertLess((row.created_at - row.scheduled_at).total_seconds(),
                        61)

    def test_misfire_all(self):
        start = models.now().replace(second=0, microsecond=0)
        start -= datetime.timedelta(minutes=10)
        id = self.job(next_execution_time=start, misfire='all',
                      pattern='* * * * *')
        while self.fire():
            pass
        rows = self.executions(job_id=id)
        self.assertIn(len(rows), (11, 12))
        self.assertEqual(
            {start + datetime.timedelta(minutes=number)
             for number in range(len(rows))},
            {row.scheduled_at for row in rows})

    def test_misfire_skip(self):
        id = self.job(next_execution_time=ago(7200), pattern='0 0 1 1 *',
                      misfire='skip', count=2)
        self.fire()
        job = self.row(models.Job, id)
        self.assertEqual((2, 'running'), (job.count, job.status))
        self.assertIn('missed and skipped', job.status_reason)
        self.assertEqual([], self.executions(job_id=id))

    def test_aliases_are_resolved_at_each_fire_time(self):
        second = self.add_function()
        alias = self.add(models.FunctionAlias, name='a',
                         function_id=self.function)
        id = self.job(function_id=None, function_alias='a')
        self.fire()
        self.db.write(lambda tx: crud.update(
            tx, models.FunctionAlias, alias, {'function_id': second}))
        self.db.write(lambda tx: crud.update(
            tx, models.Job, id, {'next_execution_time': ago()}))
        self.fire()
        self.assertEqual({(self.function, 'a'), (second, 'a')}, {
            (row.function_id, row.function_alias)
            for row in self.executions(job_id=id)})

    def test_jobs_fire_in_several_transactions(self):
        ids = {self.job() for _ in range(2 * scheduler.MAX_BATCH_ROWS + 3)}
        self.fire()
        self.assertEqual(ids, {row.job_id for row in self.executions()})
        self.assertEqual(len(ids), len(self.submitted))
        self.assertEqual(len(ids), self.row(
            models.Function, self.function).count)

    def test_backlogs_do_not_delay_other_jobs(self):
        self.patch(scheduler, 'MAX_POLL_ROWS', 3)
        for _ in range(6):
            self.job(misfire='all', pattern='* * * * *',
                     next_execution_time=ago(86400))
        id = self.job()
        for _ in range(100):
            self.fire()
            if self.executions(job_id=id):
                break
        # The backlog fires, too, but less often.
        self.assertEqual(1, len(self.executions(job_id=id)))
        self.assertEqual(3, len(self.scheduler.poll()))

    def test_stopping_engine_keeps_the_row(self):
        def refuse(row, target):
            raise exception.Unavailable(reason='stopping')
        self.scheduler._submit = refuse
        id = self.job()
        self.fire()
        self.assertEqual(1, len(self.executions(job_id=id)))


class TestBroken(SchedulerTest):
    """Several jobs with one broken job."""

    def check_other_jobs_fire(self, broken):
        before = self.job()
        id = broken()
        after = self.job()
        self.fire()
        self.assertEqual({before, after}, {
            row.job_id for row in self.executions()})
        return self.row(models.Job, id)

    def test_deleted_function(self):
        job = self.check_other_jobs_fire(lambda: self.job(function_id='gone',
                                                          count=5))
        self.assertIn('Function not found [id=gone]', job.status_reason)
        self.assertEqual('running', job.status)
        self.assertGreater(job.next_execution_time, models.now())

    def test_function_of_another_project(self):
        job = self.check_other_jobs_fire(lambda: self.job(project_id='other'))
        self.assertIn('Function not found', job.status_reason)

    def test_alias_of_another_project(self):
        self.add(models.FunctionAlias, name='a', function_id=self.function)
        job = self.check_other_jobs_fire(lambda: self.job(
            project_id='other', function_id=None, function_alias='a'))
        self.assertIn('FunctionAlias not found', job.status_reason)

    def test_input_that_does_not_fit_any_more(self):
        function = self.add_function()
        self.db.write(lambda tx: crud.update(
            tx, models.Function, function, schemas.plan(
                None, {'input_schema': {'required': ['a']}})))
        job = self.check_other_jobs_fire(
            lambda: self.job(function_id=function))
        self.assertIn('it must have a', job.status_reason)
        self.assertEqual('running', job.status)

    def test_repaired_jobs_fire_again(self):
        id = self.job(function_id='gone')
        self.fire()
        self.db.write(lambda tx: crud.update(tx, models.Job, id, {
            'function_id': self.function, 'next_execution_time': ago()}))
        self.fire()
        self.assertIsNone(self.row(models.Job, id).status_reason)
        self.assertEqual(1, len(self.executions(job_id=id)))

    def test_invalid_pattern_pauses_the_job(self):
        job = self.check_other_jobs_fire(lambda: self.job(pattern='broken'))
        self.assertEqual('paused', job.status)
        self.assertIn('internal fault', job.status_reason)

    def test_unknown_time_zone_pauses_the_job(self):
        job = self.check_other_jobs_fire(
            lambda: self.job(timezone='Mars/Base'))
        self.assertEqual('paused', job.status)
        self.assertIn("'Mars/Base' is not a time zone", job.status_reason)

    def test_fired_times_are_not_repeated(self):
        ids = [self.job() for _ in range(3)]
        fire_time = ago().replace(second=0, microsecond=0)
        id = self.job(next_execution_time=fire_time)
        self.add(models.Execution, job_id=id, scheduled_at=fire_time,
                 function_id='f', status='success')
        self.fire()
        for job_id in (*ids, id):
            self.assertEqual(1, len(self.executions(job_id=job_id)))
        job = self.row(models.Job, id)
        self.assertEqual('running', job.status)
        self.assertGreater(job.next_execution_time, models.now())

    def test_database_outage_raises(self):
        id = self.job()
        rows = self.scheduler.poll()

        class Gone:
            def write(self, action):
                raise exception.Unavailable(reason='gone')
        self.scheduler._db = Gone()
        self.assertRaises(exception.Unavailable, self.scheduler.fire, rows)
        self.assertEqual('running', self.row(models.Job, id).status)


class TestRaces(SchedulerTest):
    """Concurrent changes of a job."""

    def test_schedulers_fire_once(self):
        id = self.job()
        rows = self.scheduler.poll()
        self.fire()
        self.assertFalse(self.create_scheduler().fire(rows))
        self.assertEqual(1, len(self.executions(job_id=id)))
        self.assertEqual(1, len(self.submitted))

    def test_changed_jobs_do_not_fire(self):
        for values in ({'status': 'paused'}, {'status': 'cancelled'},
                       {'function_input': 'y'}):
            id = self.job()
            rows = self.scheduler.poll()
            self.db.write(lambda tx: crud.update(
                tx, models.Job, id, values))
            self.scheduler.fire(rows)
            self.assertEqual([], self.executions(job_id=id))
            self.db.write(lambda tx: crud.delete(tx, models.Job, id))

    def test_deleted_jobs_do_not_fire(self):
        id = self.job()
        rows = self.scheduler.poll()
        self.db.write(lambda tx: crud.delete(tx, models.Job, id))
        self.scheduler.fire(rows)
        self.assertEqual([], self.executions())


class TestThread(SchedulerTest):
    """The thread of the scheduler."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.scheduler.stop)

    def test_faults_do_not_stop_the_thread(self):
        original, faults = self.scheduler.poll, []

        def poll():
            if not faults:
                faults.append(1)
                raise ValueError('a bug')
            return original()
        self.scheduler.poll = poll
        self.scheduler.start()
        id = self.job()
        databases.wait_until(lambda: self.executions(job_id=id))
        self.assertTrue(faults)

    def test_attempts_resume_at_their_time(self):
        late = models.now() + datetime.timedelta(seconds=0.3)
        soon = models.now() + datetime.timedelta(seconds=0.1)
        self.scheduler.schedule(late, 'late')
        self.scheduler.schedule(soon, 'soon')
        self.scheduler.start()
        databases.wait_until(lambda: len(self.resumed) == 2)
        self.assertEqual([('soon', soon), ('late', late)], self.resumed)
        self.assertGreaterEqual(models.now(), late)

    def test_stop_is_fast_and_idempotent(self):
        self.create_scheduler().stop()
        self.scheduler.start()
        self.scheduler.stop()
        self.assertFalse(self.scheduler._thread.is_alive())
