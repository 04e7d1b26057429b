# SPDX-License-Identifier: Apache-2.0
"""Overlap policies and limits of jobs, on every database."""

import collections
import datetime
import random

from oslotest import base

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.trigger import backfills
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import job_runs
from qinling.states import ExecutionStatus
from qinling.tests.contracts import database
from qinling.tests.contracts import test_scheduler

MINUTE = datetime.timedelta(minutes=1)
ENGINES = 4
SEED = 21


class Overlaps(test_scheduler.Scheduling):
    """Tests of policies on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.tick = models.now().replace(second=0, microsecond=0)
        self.cancelled = []
        self.runs = self.job_runs()

    def cancel(self, id):
        self.cancelled.append(id)

    def job_runs(self):
        """Return the turns of another engine with separate connections."""
        return job_runs.JobRuns(self.core.conf, self.core.database.open(),
                                self)

    def at(self, minutes):
        return self.tick - minutes * MINUTE

    def fire(self, peer=None):
        """Fire the due times of all jobs."""
        peer = peer or self.scheduler()
        while peer.fire([row for row in peer.poll()
                         if row.next_execution_time <= models.now()]):
            continue

    def end(self, id, status=ExecutionStatus.SUCCESS):
        """End an execution as an engine does."""
        lifecycle.finish(self.db, id, outcomes.Outcome(status, '{}'))

    def running(self, id):
        return [row for row in self.executions()
                if row.job_id == id and row.status == 'running']

    def list_ledger(self, id):
        """Return the entries of the ledger in order."""
        return [(fire.scheduled_at, fire.status) for fire
                in self.core.services.fires.list_range(
                    self.ctx, id, self.at(10), self.tick)]

    def list_statuses(self, id):
        return [status for _time, status in self.list_ledger(id)]

    def overlapping_job(self, policy, minutes=3, **values):
        """Return the id of a job after its due times."""
        id = self.job(minutes=minutes, misfire='all', overlap=policy,
                      **{'count': minutes, **values})
        self.fire()
        return id

    def status(self, id):
        return self.core.row(models.Job, id).status

    def test_allow(self):
        id = self.overlapping_job('allow')
        self.assertEqual(['fired'] * 3, self.list_statuses(id))
        self.assertEqual(0, self.db.read(
            lambda tx: crud.count(tx, models.JobRun)))

    def test_skip(self):
        id = self.overlapping_job('skip')
        self.assertEqual(['fired', 'skipped', 'skipped'],
                         self.list_statuses(id))
        running, = self.running(id)
        *_, fire = self.core.services.fires.list_range(
            self.ctx, id, self.at(10), self.tick)
        self.assertEqual(f'Execution {running.id} of the job still runs.',
                         fire.reason)
        self.assertIn('was skipped: Execution', self.core.row(
            models.Job, id).status_reason)
        self.end(running.id)
        self.runs.run()
        self.assertEqual([], self.running(id))
        self.assertEqual(0, self.db.read(
            lambda tx: crud.count(tx, models.JobRun)))

    def test_skip_sees_an_end_without_a_turn(self):
        id = self.job(overlap='skip', minutes=1, misfire='all', count=2)
        peer = self.scheduler()
        peer.fire(peer.poll())
        self.end(self.running(id)[0].id)
        self.fire()
        self.assertEqual(['fired', 'fired'], self.list_statuses(id))

    def test_queue_one(self):
        id = self.overlapping_job('queue_one', minutes=4)
        self.assertEqual(['fired', 'queued', 'skipped', 'skipped'],
                         self.list_statuses(id))
        self.end(self.running(id)[0].id)
        self.runs.run()
        self.assertEqual(['fired', 'fired', 'skipped', 'skipped'],
                         self.list_statuses(id))
        self.assertEqual(self.at(3), self.running(id)[0].scheduled_at)
        self.assertEqual('done', self.status(id))

    def test_queue_all(self):
        id = self.overlapping_job('queue_all')
        times = []
        for _ in range(3):
            running, = self.running(id)
            times.append(running.scheduled_at)
            self.runs.run()
            self.end(running.id)
            self.runs.run()
        self.assertEqual([self.at(3), self.at(2), self.at(1)], times)
        self.assertEqual([(time, 'fired') for time in times],
                         self.list_ledger(id))
        self.assertEqual([], self.running(id))

    def test_queue_goes_on_after_a_refusal_and_a_deletion(self):
        id = self.overlapping_job('queue_all')
        running, = self.running(id)
        self.core.services.quotas.update(
            self.ctx.project_id, {'concurrent_executions': 0})
        self.db.write(lambda tx: lifecycle.delete(tx, [running.id]))
        self.runs.run()
        self.assertEqual(['fired', 'refused', 'refused'],
                         self.list_statuses(id))
        self.assertEqual(0, self.db.read(
            lambda tx: crud.count(tx, models.JobRun)))

    def test_cancel_other(self):
        id = self.overlapping_job('cancel_other')
        self.assertEqual(['fired'] * 3, self.list_statuses(id))
        running, = self.running(id)
        self.assertEqual(self.at(1), running.scheduled_at)
        statuses = collections.Counter(
            row.status for row in self.executions())
        self.assertEqual({'cancelled': 2, 'running': 1}, statuses)
        self.assertEqual(2, len(self.cancelled))
        self.assertNotIn(running.id, self.cancelled)

    def test_end_of_the_queue_with_the_job(self):
        for status, entry in (('paused', 'paused'), ('cancelled', 'skipped')):
            id = self.overlapping_job('queue_all', count=9)
            self.core.services.jobs.update(self.ctx, id, {'status': status})
            self.assertEqual(['fired', entry, entry],
                             self.list_statuses(id)[:3])
            self.end(self.running(id)[0].id)
            self.runs.run()
            self.assertEqual([], self.running(id))

    def test_pause_after_failures(self):
        id = self.job(minutes=2, max_failures=2, misfire='all', count=9)
        self.fire()
        first, second, *_ = rows = sorted(
            self.running(id), key=lambda row: row.scheduled_at)
        self.end(first.id, ExecutionStatus.ERROR)
        self.runs.run()
        self.assertEqual('running', self.status(id))
        self.end(second.id, ExecutionStatus.FAILED)
        self.runs.run()
        job = self.core.row(models.Job, id)
        self.assertEqual(('paused', 2), (job.status, job.failures))
        self.assertEqual('The job is paused: its last 2 executions failed. '
                         'Correct the cause, then resume the job.',
                         job.status_reason)
        self.core.services.jobs.update(self.ctx, id, {'status': 'running'})
        job = self.core.row(models.Job, id)
        self.assertEqual(('running', 0, None),
                         (job.status, job.failures, job.status_reason))
        for row in rows[2:]:
            self.end(row.id)

    def test_success_and_cancellation_between_failures(self):
        id = self.job(minutes=4, max_failures=2, misfire='all', count=9)
        self.fire()
        rows = sorted(self.running(id), key=lambda row: row.scheduled_at)
        for row, status, failures in zip(rows, (
                'FAILED', 'CANCELLED', 'SUCCESS', 'ERROR'), (1, 1, 0, 1)):
            self.end(row.id, ExecutionStatus[status])
            self.runs.run()
            self.assertEqual(failures, self.core.row(
                models.Job, id).failures)
        self.assertEqual('running', self.status(id))

    def test_pause_at_a_fire_time(self):
        """Pause also when no turn was taken since the failure."""
        id = self.job(minutes=1, max_failures=1, misfire='all', count=9)
        peer = self.scheduler()
        peer.fire(peer.poll())
        self.end(self.running(id)[0].id, ExecutionStatus.FAILED)
        self.fire()
        self.assertEqual('paused', self.status(id))
        self.assertEqual(['fired', 'paused'], self.list_statuses(id)[:2])

    def test_several_engines(self):
        """Run queued times one after the other, with any number of engines.
        """
        randomness = random.Random(SEED)
        ids = [self.job(minutes=5, misfire='all', count=5,
                        overlap='queue_all') for _ in range(6)]
        peers = [(self.scheduler(), self.job_runs())
                 for _ in range(ENGINES)]
        times = collections.defaultdict(list)

        def take_turn(peer):
            scheduler, runs = peer
            self.fire(scheduler)
            runs.run()
        while any(self.status(id) == 'running' or self.running(id)
                  or 'queued' in self.list_statuses(id) for id in ids):
            database.run_together(*[lambda peer=peer: take_turn(peer)
                                    for peer in peers])
            for id in ids:
                running = self.running(id)
                self.assertLessEqual(len(running), 1)
                if running and randomness.random() < 0.7:
                    times[id].append(running[0].scheduled_at)
                    self.end(running[0].id)
        for id in ids:
            self.assertEqual([self.at(number) for number in range(5, 0, -1)],
                             times[id])
            self.assertEqual(['fired'] * 5, self.list_statuses(id))

    def test_death_after_the_commit(self):
        """Go on with another engine if one dies before it starts anything."""
        id = self.job(minutes=2, misfire='all', count=2, overlap='queue_all')
        dying = self.scheduler()

        def die(_message, _target):
            raise KeyboardInterrupt
        dying._consequences._engine = type('Engine', (), {'start': die})
        self.assertRaises(KeyboardInterrupt, self.fire, dying)
        self.fire()
        self.assertEqual(['fired', 'queued'], self.list_statuses(id))
        running, = self.running(id)
        # The reaper requeues such executions after this time.
        self.assertIsNotNone(running.lease_until)
        self.end(running.id)
        self.runs.run()
        self.assertEqual(['fired', 'fired'], self.list_statuses(id))

    def missed_job(self, **values):
        """Return the id of a job that missed three times."""
        id = self.job(minutes=3, status='paused', count=9, **values)
        self.core.services.jobs.update(self.ctx, id, {'status': 'running'})
        return id

    def backfill(self, id, **options):
        fires = self.core.services.fires.backfill(
            self.ctx, id, self.at(10), self.at(1),
            backfills.Options(**options))
        return [fire.status for fire in fires]

    def test_backfill_policies(self):
        for policy, expected, running in (
                ('allow', ['backfilled'] * 3, 3),
                ('skip', ['backfilled', 'skipped', 'skipped'], 1),
                ('queue_one', ['backfilled', 'queued', 'skipped'], 1),
                ('queue_all', ['backfilled', 'queued', 'queued'], 1),
                ('cancel_other', ['backfilled'], 1)):
            by_job = self.missed_job(overlap=policy)
            self.assertEqual(['paused'] * 3 if policy != 'cancel_other' else [
                'paused'], self.backfill(by_job, dry_run=True))
            self.assertEqual(expected, self.backfill(by_job), policy)
            self.assertEqual(running, len(self.running(by_job)), policy)
            by_option = self.missed_job()
            self.assertEqual(expected, self.backfill(
                by_option, overlap=policy), policy)

    def test_queue_of_a_backfill(self):
        id = self.missed_job()
        self.backfill(id, overlap='queue_all')
        self.assertEqual([], self.backfill(id, overlap='queue_all'))
        for _ in range(3):
            running, = self.running(id)
            self.end(running.id)
            self.runs.run()
        self.assertEqual(['backfilled'] * 3, self.list_statuses(id)[:3])

    def test_throttle(self):
        id = self.missed_job()
        self.backfill(id, interval=60)
        rows = sorted(self.running(id), key=lambda row: row.scheduled_at)
        self.assertIsNone(rows[0].next_attempt_at)
        self.assertEqual(MINUTE, rows[2].next_attempt_at
                         - rows[1].next_attempt_at)
        self.assertEqual(rows[2].next_attempt_at, rows[2].lease_until)
        self.assertEqual([rows[0].id], [
            arguments[0].id for verb, *arguments in self.core.engine.calls
            if verb == 'start'])


class TestSqlite(Overlaps, base.BaseTestCase):
    backend = 'sqlite'


class TestMariadb(Overlaps, base.BaseTestCase):
    backend = 'mariadb'


class TestPostgresql(Overlaps, base.BaseTestCase):
    backend = 'postgresql'
