# SPDX-License-Identifier: Apache-2.0
"""Jobs that are fired, and attempts that had to wait."""

import datetime
import threading

from qinling.core.execution import records
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import scheduler
from qinling import exception
from qinling.tests import databases
from qinling.tests.unit.engine import base


def ago(seconds=1):
    """A time that has come."""
    return models.now() - datetime.timedelta(seconds=seconds)


def rare():
    """A pattern that has no tick for hours, whenever the test runs."""
    return (models.now() + datetime.timedelta(hours=12)).strftime(
        '%M %H * * *')


class SchedulerTest(base.TestCase):
    """The scheduler of an engine that takes whatever is submitted."""

    def setUp(self):
        super().setUp()
        self.queue = base.Queue()
        self.submitted, self.resumed = self.queue.submitted, []
        self.came = threading.Event()
        self.scheduler = self.make()
        self.function = self.add_function()

    def make(self):
        made = scheduler.Scheduler(self.conf, self.db, self.queue,
                                   base.Background())
        made.resumer = self
        return made

    def resume(self, id, at):
        self.resumed.append((id, at))
        self.came.set()

    def job(self, **values):
        """The id of a job that is due."""
        values = {'function_id': self.function, 'status': 'running',
                  'pattern': rare(), 'next_execution_time': ago(),
                  **values}
        return self.add(models.Job, **values)

    def fire(self):
        """Fire what is due, once; whether there is more."""
        return self.scheduler.fire(self.scheduler.poll())

    def executions(self, **where):
        return self.db.read(lambda tx: crud.select(
            tx, models.Execution, *[getattr(models.Execution, name) == value
                                    for name, value in where.items()]))


class TestFire(SchedulerTest):
    def test_a_tick(self):
        tick = ago()
        id = self.job(function_input='{"a": 1}', next_execution_time=tick,
                      count=2)
        self.assertFalse(self.fire())
        row, = self.executions(job_id=id)
        self.assertEqual(
            ('running', False, '{"a": 1}', tick, 'p', self.function, 0, None,
             0, None, f'Created by Job {id}'),
            (row.status, row.sync, row.input, row.scheduled_at,
             row.project_id, row.function_id, row.function_version,
             row.function_alias, row.attempt, row.owner, row.description))
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

    def test_the_last_tick(self):
        for values in ({'count': 1}, {'count': 1, 'pattern': None}):
            id = self.job(**values)
            self.fire()
            job = self.row(models.Job, id)
            self.assertEqual(('done', 0, None), (
                job.status, job.count, job.next_execution_time))
            self.assertEqual(1, len(self.executions(job_id=id)))

    def test_what_is_not_due_is_not_fired(self):
        soon = models.now() + datetime.timedelta(seconds=3600)
        for values in ({'next_execution_time': soon},
                       {'status': 'paused'}, {'status': 'done'},
                       {'status': 'cancelled'},
                       {'next_execution_time': None}):
            self.job(**values)
        self.assertEqual([], self.scheduler.poll())

    def test_never_early(self):
        """It looks ahead, and waits until the time has come."""
        at = models.now() + datetime.timedelta(seconds=0.2)
        id = self.job(next_execution_time=at)
        self.scheduler.run_once()
        row, = self.executions(job_id=id)
        self.assertGreaterEqual(row.created_at, at)

    def test_once_for_all_that_was_missed(self):
        id = self.job(next_execution_time=ago(7200), pattern='* * * * *')
        self.assertFalse(self.fire())
        row, = self.executions(job_id=id)
        self.assertLess((row.created_at - row.scheduled_at).total_seconds(),
                        61)

    def test_all_that_was_missed(self):
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

    def test_skip_what_was_missed(self):
        id = self.job(next_execution_time=ago(7200), pattern='0 0 1 1 *',
                      misfire='skip', count=2)
        self.fire()
        job = self.row(models.Job, id)
        self.assertEqual((2, 'running'), (job.count, job.status))
        self.assertIn('missed and skipped', job.status_reason)
        self.assertEqual([], self.executions(job_id=id))

    def test_an_alias_is_followed_at_each_tick(self):
        other = self.add_function()
        alias = self.add(models.FunctionAlias, name='a',
                         function_id=self.function)
        id = self.job(function_id=None, function_alias='a')
        self.fire()
        self.db.write(lambda tx: crud.update(
            tx, models.FunctionAlias, alias, {'function_id': other}))
        self.db.write(lambda tx: crud.update(
            tx, models.Job, id, {'next_execution_time': ago()}))
        self.fire()
        self.assertEqual({(self.function, 'a'), (other, 'a')}, {
            (row.function_id, row.function_alias)
            for row in self.executions(job_id=id)})

    def test_more_than_one_transaction(self):
        ids = {self.job() for _ in range(2 * scheduler.MAX_BATCH_ROWS + 3)}
        self.fire()
        self.assertEqual(ids, {row.job_id for row in self.executions()})
        self.assertEqual(len(ids), len(self.submitted))
        self.assertEqual(len(ids), self.row(
            models.Function, self.function).count)

    def test_who_is_in_time_does_not_wait_behind_a_backlog(self):
        self.patch(scheduler, 'MAX_POLL_ROWS', 3)
        for _ in range(6):
            self.job(misfire='all', next_execution_time=ago(86400))
        id = self.job()
        for _ in range(100):
            self.fire()
            if self.executions(job_id=id):
                break
        # Now and then the others have their turn, too.
        self.assertEqual(1, len(self.executions(job_id=id)))
        self.assertEqual(3, len(self.scheduler.poll()))

    def test_an_engine_that_stops(self):
        def refuse(row, target):
            raise exception.Unavailable(reason='stopping')
        self.scheduler._submit = refuse
        id = self.job()
        self.fire()
        self.assertEqual(1, len(self.executions(job_id=id)))


class TestBroken(SchedulerTest):
    """One of several jobs cannot be fired."""

    def check_others(self, broken):
        before = self.job()
        id = broken()
        after = self.job()
        self.fire()
        self.assertEqual({before, after}, {
            row.job_id for row in self.executions()})
        return self.row(models.Job, id)

    def test_a_function_that_is_gone(self):
        job = self.check_others(lambda: self.job(function_id='gone', count=5))
        self.assertIn('Function not found [id=gone]', job.status_reason)
        self.assertEqual('running', job.status)
        self.assertGreater(job.next_execution_time, models.now())

    def test_a_function_of_another_project(self):
        job = self.check_others(lambda: self.job(project_id='other'))
        self.assertIn('Function not found', job.status_reason)

    def test_an_alias_of_another_project(self):
        self.add(models.FunctionAlias, name='a', function_id=self.function)
        job = self.check_others(lambda: self.job(
            project_id='other', function_id=None, function_alias='a'))
        self.assertIn('FunctionAlias not found', job.status_reason)

    def test_it_recovers(self):
        id = self.job(function_id='gone')
        self.fire()
        self.db.write(lambda tx: crud.update(tx, models.Job, id, {
            'function_id': self.function, 'next_execution_time': ago()}))
        self.fire()
        self.assertIsNone(self.row(models.Job, id).status_reason)
        self.assertEqual(1, len(self.executions(job_id=id)))

    def test_a_pattern_that_is_none(self):
        job = self.check_others(lambda: self.job(pattern='broken'))
        self.assertEqual('paused', job.status)
        self.assertIn('internal fault', job.status_reason)

    def test_a_zone_that_is_none_any_more(self):
        job = self.check_others(lambda: self.job(timezone='Mars/Base'))
        self.assertEqual('paused', job.status)
        self.assertIn("'Mars/Base' is not a time zone", job.status_reason)

    def test_a_tick_that_was_fired_already(self):
        others = [self.job() for _ in range(3)]
        tick = ago().replace(second=0, microsecond=0)
        id = self.job(next_execution_time=tick)
        self.add(models.Execution, job_id=id, scheduled_at=tick,
                 function_id='f', status='success')
        self.fire()
        for each in (*others, id):
            self.assertEqual(1, len(self.executions(job_id=each)))
        job = self.row(models.Job, id)
        self.assertEqual('running', job.status)
        self.assertGreater(job.next_execution_time, models.now())

    def test_no_database(self):
        id = self.job()
        rows = self.scheduler.poll()

        class Gone:
            def write(self, action):
                raise exception.Unavailable(reason='gone')
        self.scheduler._db = Gone()
        self.assertRaises(exception.Unavailable, self.scheduler.fire, rows)
        self.assertEqual('running', self.row(models.Job, id).status)


class TestRaces(SchedulerTest):
    """Somebody else was faster."""

    def test_another_scheduler(self):
        id = self.job()
        rows = self.scheduler.poll()
        self.fire()
        self.assertFalse(self.make().fire(rows))
        self.assertEqual(1, len(self.executions(job_id=id)))
        self.assertEqual(1, len(self.submitted))

    def test_a_change_by_the_user(self):
        for values in ({'status': 'paused'}, {'status': 'cancelled'},
                       {'function_input': 'y'}):
            id = self.job()
            rows = self.scheduler.poll()
            self.db.write(lambda tx: crud.update(
                tx, models.Job, id, values))
            self.scheduler.fire(rows)
            self.assertEqual([], self.executions(job_id=id))
            self.db.write(lambda tx: crud.delete(tx, models.Job, id))

    def test_a_deleted_job(self):
        id = self.job()
        rows = self.scheduler.poll()
        self.db.write(lambda tx: crud.delete(tx, models.Job, id))
        self.scheduler.fire(rows)
        self.assertEqual([], self.executions())


class TestThread(SchedulerTest):
    """The scheduler by itself."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.scheduler.stop)

    def test_jobs_of_others_and_broken_looks(self):
        real, faults = self.scheduler.poll, []

        def look():
            if not faults:
                faults.append(1)
                raise ValueError('a bug')
            return real()
        self.scheduler.poll = look
        self.scheduler.start()
        id = self.job()
        databases.wait_until(lambda: self.executions(job_id=id))
        self.assertTrue(faults)

    def test_attempts_come_in_their_time(self):
        late = models.now() + datetime.timedelta(seconds=0.3)
        soon = models.now() + datetime.timedelta(seconds=0.1)
        self.scheduler.schedule(late, 'late')
        self.scheduler.schedule(soon, 'soon')
        self.scheduler.start()
        databases.wait_until(lambda: len(self.resumed) == 2)
        self.assertEqual([('soon', soon), ('late', late)], self.resumed)
        self.assertGreaterEqual(models.now(), late)

    def test_end_is_quick_and_may_come_first(self):
        self.make().stop()
        self.scheduler.start()
        self.scheduler.stop()
        self.assertFalse(self.scheduler._thread.is_alive())
