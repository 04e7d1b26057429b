# SPDX-License-Identifier: Apache-2.0
"""Overlap policies with randomly killed engines."""

import collections
import datetime
import random

from oslotest import base

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.db import crud
from qinling.db import models
from qinling.states import ExecutionStatus
from qinling.tests.functional import base as servers
from qinling.tests.functional import test_jobs

ENGINES = 3
JOBS = 4
#: Fire times that each job has missed.
TICKS = 12
#: A process is killed after this number of ends.
ENDS_PER_KILL = 3


class Killing(test_jobs.Killing):
    """Tests of randomly killed engines over the database ``backend``."""

    options = ['overlaps']
    test_each_fire_time_has_one_execution = None

    def running(self):
        """Return the running executions."""
        return self.db.read(lambda tx: crud.select(
            tx, models.Execution, models.Execution.status == 'running'))

    def add_jobs(self, policy):
        """Return the ids of due jobs, and their fire times."""
        function = self.insert(models.Function)
        start = test_jobs.minutes_ago(TICKS - 1)
        return [self.insert(
            models.Job, function_id=function, pattern='* * * * *',
            misfire='all', count=TICKS, next_execution_time=start,
            overlap=policy) for _ in range(JOBS)], [
                start + datetime.timedelta(minutes=number)
                for number in range(TICKS)]

    def list_fires(self, id):
        return self.db.read(lambda tx: crud.select(
            tx, models.JobFire, models.JobFire.job_id == id))

    def has_work(self, ids):
        """Return whether any fire time waits for a decision or a start."""
        return self.db.read(lambda tx: crud.exists(
            tx, models.Job, models.Job.status == 'running') or crud.exists(
                tx, models.JobFire, models.JobFire.status == 'queued'))

    def drive(self, ids, before_end=lambda job_id: None):
        """End executions, and kill engines; return the order of the times.

        :param before_end: is called before the end of an execution.
        """
        order = collections.defaultdict(list)
        for _ in range(ENGINES):
            self.start()
        ends = 0
        # First the work: its end leaves an execution.
        while self.has_work(ids) | bool(rows := self.running()):
            self.assertLessEqual(len(rows), JOBS)
            self.assertEqual(len(rows), len({row.job_id for row in rows}))
            if not rows:
                servers.wait_for(lambda: not self.has_work(
                    ids) or self.running(), 'an execution')
                continue
            row = random.choice(rows)
            before_end(row.job_id)
            order[row.job_id].append(row.scheduled_at)
            lifecycle.finish(self.db, row.id, outcomes.Outcome(
                ExecutionStatus.SUCCESS, '{}'))
            ends += 1
            if ends % ENDS_PER_KILL == 0:
                self.kill(random.choice(self.processes))
                self.start()
        return order

    def test_queue(self):
        """Run all times in order, never two at once."""
        ids, times = self.add_jobs('queue_all')
        order = self.drive(ids)
        for id in ids:
            self.assertEqual(times, order[id])
            self.assertEqual([(time, 'fired') for time in times], [
                (row.scheduled_at, row.status) for row
                in self.list_fires(id)])

    def test_skip(self):
        """Run or skip each time, never two at once."""
        ids, times = self.add_jobs('skip')

        def wait_for_skip(id):
            # The first execution of a job has many times behind it.
            servers.wait_for(lambda: any(
                row.status == 'skipped' for row in self.list_fires(id)),
                'a skipped time')
        order = self.drive(ids, wait_for_skip)
        for id in ids:
            rows = self.list_fires(id)
            self.assertEqual(times, [row.scheduled_at for row in rows])
            self.assertEqual(order[id], [
                row.scheduled_at for row in rows if row.status == 'fired'])
            self.assertEqual({'fired', 'skipped'},
                             {row.status for row in rows})


class TestKillingOnSqlite(Killing, base.BaseTestCase):
    backend = 'sqlite'


class TestKillingOnPostgresql(Killing, base.BaseTestCase):
    backend = 'postgresql'


class TestKillingOnMariadb(Killing, base.BaseTestCase):
    backend = 'mariadb'
