# SPDX-License-Identifier: Apache-2.0
"""Leases of executions, row of the engine."""

from qinling.db import engines
from qinling.db import models
from qinling.engine.periodic import heartbeat
from qinling.tests.unit.engine import base


class TestHeartbeat(base.TestCase):
    """The heartbeat of the engine ``me``."""

    def create(self, has_row=True):
        return heartbeat.Heartbeat(self.conf, self.db, 'me', has_row)

    def test_renew(self):
        mine = self.add_execution(lease=base.PAST, owner='me')
        queued = self.add_execution(lease=base.PAST)
        foreign = self.add_execution(lease=base.PAST, owner='other')
        ended = self.add_execution(status='success', lease=None)
        beat = self.create()
        self.assertEqual({foreign, ended}, set(
            beat.renew([mine, queued, foreign, ended])))
        self.assertEqual([], beat.renew([mine, queued]))
        now = models.now()
        self.assertGreater(self.execution(mine).lease_until, now)
        self.assertGreater(self.execution(queued).lease_until, now)
        self.assertLess(self.execution(foreign).lease_until, now)
        self.assertIsNone(self.execution(ended).lease_until)

    def test_renew_works_in_batches(self):
        self.patch(heartbeat, 'MAX_BATCH_ROWS', 2)
        ids = [self.add_execution(lease=base.PAST) for _ in range(5)]
        self.assertEqual([], self.create().renew(ids))
        for id in ids:
            self.assertGreater(self.execution(id).lease_until, models.now())

    def test_row(self):
        beat = self.create()
        beat.start('host-1')
        self.assertEqual(['host-1'], engines.list_alive(self.db, 60))
        beat.prune()
        beat.beat()
        self.assertEqual(['host-1'], engines.list_alive(self.db, 60))
        beat.stop()
        self.assertEqual([], engines.list_alive(self.db, 60))

    def test_dead_engines_are_forgotten_once_per_lease(self):
        beat = self.create()
        beat.start('host-1')
        pruned = []
        self.patch(engines, 'prune_stalled', lambda *args: pruned.append(args))
        for seconds, number in ((0, 1), (59, 1), (60, 2)):
            self.patch(heartbeat.time, 'monotonic', lambda: 1000 + seconds)
            beat.prune()
            self.assertEqual(number, len(pruned))

    def test_engine_with_shared_workers_has_no_row(self):
        beat = self.create(has_row=False)
        beat.start('host-1')
        beat.beat()
        self.assertEqual([], engines.list_alive(self.db, 60))
