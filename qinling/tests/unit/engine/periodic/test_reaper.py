# SPDX-License-Identifier: Apache-2.0
"""Executions that nobody looks after."""

from qinling.core.execution import records
from qinling.db import models
from qinling.engine.periodic import reaper
from qinling.engine.run import completion
from qinling.tests.unit.engine import base


class TestReaper(base.TestCase):
    """The reaper of an engine called ``me``."""

    def setUp(self):
        super().setUp()
        queue, timer, local = base.Queue(), base.Timer(), base.Local()
        self.submitted, self.waiting = queue.submitted, timer.waiting
        self.known = local.ids
        self.reaper = reaper.Reaper(
            self.conf, self.db, 'me', completion.Completion(
                self.conf, self.db, queue, timer), local)
        self.function = self.add_function()

    def lost(self, **values):
        """The id of an execution whose lease has run out."""
        values = {'lease': base.PAST, 'sync': False, **values}
        return self.add_execution(self.function, **values)

    def test_lost_messages_are_made_good(self):
        id = self.lost(input='x')
        self.assertEqual(1, self.reaper.sweep())
        (row, target), = self.submitted
        self.assertEqual(records.ExecutionMessage(id, 'x', False), row)
        self.assertEqual((self.function, 0, 5),
                         (target.function_id, target.version,
                          target.timeout))
        self.assertEqual(0, self.reaper.sweep())

    def test_work_of_a_dead_engine_begins_again(self):
        id = self.lost(owner='dead', attempt=1)
        self.reaper.sweep()
        self.assertEqual([id], [row.id for row, _ in self.submitted])
        self.assertIsNone(self.execution(id).owner)

    def test_not_for_ever(self):
        id = self.lost(owner='dead',
                       attempt=self.conf.engine.max_attempts)
        self.reaper.sweep()
        row = self.execution(id)
        self.assertEqual(('error', []), (row.status, self.submitted))
        self.assertIn('died, 3 in all', row.result)

    def test_a_synchronous_one_ends(self):
        for owner, words in (('dead', 'died or was stopped'),
                             (None, 'No engine took')):
            id = self.lost(sync=True, owner=owner)
            self.reaper.sweep()
            row = self.execution(id)
            self.assertEqual(('error', None), (row.status, row.owner))
            self.assertIn(words, row.result)
        self.assertEqual([], self.submitted)

    def test_leases_are_renewed_first_after_an_outage(self):
        id = self.lost(owner='alive')
        self.reaper.pause()
        self.assertEqual(0, self.reaper.sweep())
        self.assertEqual('alive', self.execution(id).owner)

    def test_what_is_released_is_swept_at_once(self):
        ids = [self.add_execution(sync=False), self.add_execution(
            sync=False, owner='another')]
        self.reaper.release(ids)
        now = models.now()
        self.assertEqual([True, False], [
            self.execution(id).lease_until <= now for id in ids])

    def test_what_is_in_time_is_left_alone(self):
        for values in ({'lease': base.FUTURE}, {'lease': base.FUTURE,
                                                'owner': 'other'},
                       {'lease': None, 'status': 'success'}):
            self.lost(**values)
        self.assertEqual(0, self.reaper.sweep())
        self.assertEqual([], self.submitted)

    def test_what_is_known_here_is_left_alone(self):
        self.known.append(self.lost())
        self.assertEqual(0, self.reaper.sweep())

    def test_function_gone(self):
        id = self.add_execution('gone', lease=base.PAST, sync=False)
        self.reaper.sweep()
        row = self.execution(id)
        self.assertEqual('error', row.status)
        self.assertIn('Function not found', row.result)

    def test_a_row_that_was_taken_meanwhile(self):
        id = self.lost()
        row = self.execution(id)
        self.db.write(lambda tx: tx.exec_driver_sql(
            "UPDATE executions SET owner = 'other'"))
        self.assertFalse(self.reaper._recover_row(
            records.from_database(row)))
        self.assertEqual('other', self.execution(id).owner)

    def test_recover_takes_all_pages_and_young_leases(self):
        count = 2 * reaper.MAX_BATCH_ROWS + 7
        for number in range(count):
            self.lost(lease=base.FUTURE, owner='dead' if number % 2
                      else None)
        mine = self.lost(lease=base.FUTURE, owner='me')
        self.reaper.recover()
        self.assertEqual(count, len({row.id
                                     for row, _ in self.submitted}))
        self.assertNotIn(mine, [row.id for row, _ in self.submitted])

    def test_renew(self):
        mine = self.lost(owner='me')
        queued = self.lost()
        other = self.lost(owner='other')
        ended = self.lost(status='success', lease=None)
        self.assertEqual({other, ended}, set(
            self.reaper.renew([mine, queued, other, ended])))
        self.assertEqual([], self.reaper.renew([mine, queued]))
        now = models.now()
        self.assertGreater(self.execution(mine).lease_until, now)
        self.assertGreater(self.execution(queued).lease_until, now)
        self.assertLess(self.execution(other).lease_until, now)
        self.assertIsNone(self.execution(ended).lease_until)
