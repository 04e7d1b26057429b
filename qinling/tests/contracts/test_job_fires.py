# SPDX-License-Identifier: Apache-2.0
"""Ledger of the fire times of jobs, and backfills, on every database."""

import datetime

from oslotest import base

from qinling.core.trigger import backfills
from qinling.core.trigger import ledger
from qinling.db import models
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests.contracts import test_scheduler

MINUTE = datetime.timedelta(minutes=1)


class Fires(test_scheduler.Scheduling):
    """Tests of the ledger on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.fires = self.core.services.fires
        # No fire time between the start of the test and the next hour.
        minutes = ','.join(str(self.at(number).minute) for number in (3, 2, 1))
        self.missed = {'pattern': f'{minutes} * * * *', 'minutes': 3}

    def at(self, minutes):
        """Return the minutes before the start of this minute."""
        return self.tick - minutes * MINUTE

    def fire_due(self):
        peer = self.scheduler()
        while peer.fire([row for row in peer.poll()
                         if row.next_execution_time <= models.now()]):
            continue

    def list_past(self, id, minutes=10):
        return [(fire.scheduled_at, fire.status) for fire
                in self.fires.list_range(
                    self.ctx, id, self.at(minutes), self.tick)]

    def backfill(self, id, **values):
        return self.fires.backfill(self.ctx, id, self.at(10), self.tick,
                                   backfills.Options(**values))

    def test_fired(self):
        id = self.job(misfire='all', **self.missed)
        self.fire_due()
        fires = self.fires.list_range(self.ctx, id, self.at(10), self.tick)
        self.assertEqual([(self.at(number), 'fired') for number in (3, 2, 1)],
                         [(fire.scheduled_at, fire.status) for fire in fires])
        rows = {row.scheduled_at: row.id for row in self.executions()}
        for fire in fires:
            self.assertEqual(rows[fire.scheduled_at], fire.execution_id)
            self.assertGreaterEqual(
                fire.late, (self.tick - fire.scheduled_at).total_seconds())

    def test_skipped(self):
        self.core.conf.set_override('misfire_grace', 30, group='engine')
        for misfire, last in (('once', 'fired'), ('skip', 'skipped')):
            id = self.job(misfire=misfire, **self.missed)
            self.fire_due()
            expected = [(self.at(3), 'skipped'), (self.at(2), 'skipped'),
                        (self.at(1), last)]
            self.assertEqual(expected, self.list_past(id), misfire)
            # A range within the range.
            self.assertEqual(expected[1:], self.list_past(id, 2), misfire)

    def test_refused(self):
        self.core.services.quotas.update(
            self.ctx.project_id, {'concurrent_executions': 0})
        id = self.job(**self.missed)
        self.fire_due()
        *_, fire = self.fires.list_range(
            self.ctx, id, self.at(10), self.tick)
        self.assertEqual('refused', fire.status)
        self.assertIn('Quota exceeded', fire.reason)

    def test_paused(self):
        id = self.job(status='paused', **self.missed)
        self.core.services.jobs.update(self.ctx, id, {'status': 'running'})
        self.assertEqual([(self.at(number), 'paused') for number in (3, 2, 1)],
                         self.list_past(id))

    def test_planned(self):
        id = self.job(minutes=-1, count=2)
        fires = self.fires.list_range(
            self.ctx, id, self.tick, self.tick + 10 * MINUTE)
        self.assertEqual([(self.at(-1), 'planned'), (self.at(-2), 'planned')],
                         [(fire.scheduled_at, fire.status) for fire in fires])
        endless = self.job(minutes=-1)
        for since, until in ((self.tick, self.tick + 2000 * MINUTE),
                             (self.tick, self.at(1))):
            self.assertRaises(exception.Invalid, self.fires.list_range,
                              self.ctx, endless, since, until)

    def test_default_range(self):
        hourly, often = (self.job(minutes=-1, pattern=pattern)
                         for pattern in ('0 * * * *', '* * * * *'))
        for id, number in ((hourly, 24), (often, 50)):
            for status in ('running', 'paused'):
                fires = self.fires.list_range(self.ctx, id)
                self.assertLess(number - 2, len(fires))
                self.assertLess(len(fires), 201)
                self.core.services.jobs.update(
                    self.ctx, id, {'status': 'paused'})
        # One end of the range, far away.
        for since, until in ((self.at(-3000), None), (None, self.at(-300)),
                             (self.at(100), None)):
            times = [fire.scheduled_at for fire in self.fires.list_range(
                self.ctx, often, since, until)]
            self.assertGreaterEqual(times[0], since or times[0])
            self.assertLessEqual(times[-1], until or times[-1])
            self.assertLess(50, len(times))

    def test_planned_far_ahead(self):
        distant = datetime.datetime(9000, 1, 1)
        endless = self.job(minutes=-1)
        self.assertEqual(
            [(distant, 'planned'), (distant + MINUTE, 'planned')],
            [(fire.scheduled_at, fire.status) for fire
             in self.fires.list_range(self.ctx, endless, distant,
                                      distant + MINUTE)])
        counted = self.job(minutes=-1, count=10 ** 6)
        error = self.assertRaises(
            exception.Invalid, self.fires.list_range, self.ctx, counted,
            distant, distant)
        self.assertIn('ask for an earlier range', str(error))

    def test_backfill(self):
        id = self.job(misfire='once', **self.missed)
        self.fire_due()
        self.assertEqual([self.at(3), self.at(2)], [
            fire.scheduled_at for fire in self.backfill(id, dry_run=True)])
        self.assertEqual(1, len(self.executions()))
        results = database.run_together(*[lambda: self.backfill(id)] * 3)
        self.assertEqual([2], [len(fires) for fires in results if fires])
        self.assertEqual(3, len(self.executions()))
        self.assertEqual({'start'}, {call[0] for call
                                     in self.core.engine.calls})
        self.assertEqual([
            (self.at(3), 'backfilled'), (self.at(2), 'backfilled'),
            (self.at(1), 'fired')],
            self.list_past(id))
        self.assertEqual([], self.backfill(id))

    def test_purge(self):
        id = self.job(misfire='all', **self.missed)
        self.fire_due()
        self.assertEqual(0, ledger.purge(
            self.db, models.now() - datetime.timedelta(hours=1), 10))
        self.assertEqual([2, 1, 0], [
            ledger.purge(self.db, models.now(), 2) for _ in range(3)])
        self.assertEqual([], self.list_past(id))

    def test_deletion_of_the_job(self):
        id = self.job()
        self.fire_due()
        self.core.services.jobs.delete(self.ctx, id)
        self.assertEqual(0, ledger.purge(self.db, models.now(), 10))


class TestSqlite(Fires, base.BaseTestCase):
    backend = 'sqlite'


class TestMariadb(Fires, base.BaseTestCase):
    backend = 'mariadb'


class TestPostgresql(Fires, base.BaseTestCase):
    backend = 'postgresql'
