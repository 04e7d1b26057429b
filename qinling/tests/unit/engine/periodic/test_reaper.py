# SPDX-License-Identifier: Apache-2.0
"""Executions without a living owner."""

import datetime

from qinling.core.execution import records
from qinling.db import models
from qinling.engine.periodic import reaper
from qinling.engine.run import completion
from qinling.tests.unit.engine import base


class TestReaper(base.TestCase):
    """The reaper of the engine ``me``."""

    def setUp(self):
        super().setUp()
        self.conf.set_override('queue_size', 1, group='engine')
        queue, timer, self.local = base.Queue(), base.Timer(), base.Local()
        self.submitted, self.scheduled = queue.submitted, timer.waiting
        self.local_ids = self.local.ids
        self.reaper = reaper.Reaper(
            self.conf, self.db, 'me', completion.Completion(
                self.conf, self.db, queue, timer), self.local)
        self.function = self.add_function()

    def add_expired(self, **values):
        """Return the id of an execution with an expired lease."""
        values = {'lease': base.PAST, 'sync': False, **values}
        return self.add_execution(self.function, **values)

    def test_lost_messages_are_requeued(self):
        id = self.add_expired(input='x')
        self.assertEqual(1, self.reaper.sweep())
        (row, target), = self.submitted
        self.assertEqual(records.ExecutionMessage(id, 'x', False), row)
        self.assertEqual((self.function, 0, 5),
                         (target.function_id, target.version,
                          target.timeout))
        self.assertEqual(0, self.reaper.sweep())

    def test_executions_of_a_dead_engine_are_requeued(self):
        id = self.add_expired(owner='dead', attempt=1, secrets={'S': 1})
        self.reaper.sweep()
        self.assertEqual([id], [row.id for row, _ in self.submitted])
        row = self.execution(id)
        # The next attempt runs what the function is now.
        self.assertEqual((None, None), (row.owner, row.secrets))

    def test_take_over_before_the_end_of_the_leases(self):
        taken_over = [
            self.add_expired(owner='dead', attempt=1, lease=base.FUTURE),
            self.add_expired(lease=datetime.timedelta(seconds=50))]
        ended = self.add_expired(owner='dead', sync=True, lease=base.FUTURE)
        untouched = [
            self.add_expired(owner='alive', attempt=1, lease=base.FUTURE),
            # Its client still asks other engines.
            self.add_expired(sync=True, lease=datetime.timedelta(seconds=50)),
            self.add_expired(lease=base.FUTURE,
                             next_attempt_at=models.now() + base.FUTURE)]
        before = [self.execution(id) for id in untouched]
        died_at = models.now()
        self.assertFalse(self.reaper.take_over('dead', died_at))
        self.assertEqual(set(taken_over),
                         {message.id for message, _ in self.submitted})
        self.assertEqual(('error', 'engine_lost'), (
            self.execution(ended).status, self.execution(ended).reason))
        self.assertEqual(before, [self.execution(id) for id in untouched])
        # The same executions are not queued again.
        self.assertFalse(self.reaper.take_over('dead', died_at))
        self.assertEqual(2, len(self.submitted))

    def test_take_over_works_in_batches(self):
        self.patch(reaper, 'MAX_BATCH_ROWS', 2)
        for _ in range(3):
            self.add_expired(owner='dead', attempt=1, lease=base.FUTURE)
        died_at = models.now()
        self.assertTrue(self.reaper.take_over('dead', died_at))
        self.assertFalse(self.reaper.take_over('dead', died_at))
        self.assertEqual(3, len(self.submitted))

    def test_a_full_engine_leaves_queued_executions_to_others(self):
        self.patch(reaper, 'MAX_LOCAL_EXECUTIONS', 2)
        self.local_ids += ['a', 'b']
        self.add_expired(lease=datetime.timedelta(seconds=50))
        self.assertFalse(self.reaper.take_over('dead', models.now()))
        self.assertEqual([], self.submitted)

    def test_attempts_are_limited(self):
        id = self.add_expired(owner='dead',
                              attempt=self.conf.engine.max_attempts)
        self.reaper.sweep()
        row = self.execution(id)
        self.assertEqual(('error', []), (row.status, self.submitted))
        self.assertIn('died, 3 in all', row.result)

    def test_synchronous_executions_end(self):
        for owner, words in (('dead', 'died or was stopped'),
                             (None, 'No engine took')):
            id = self.add_expired(sync=True, owner=owner)
            self.reaper.sweep()
            row = self.execution(id)
            self.assertEqual(('error', None), (row.status, row.owner))
            self.assertIn(words, row.result)
        self.assertEqual([], self.submitted)

    def test_paused_reaper_leaves_leases(self):
        id = self.add_expired(owner='alive')
        self.reaper.pause()
        self.assertEqual(0, self.reaper.sweep())
        self.assertEqual('alive', self.execution(id).owner)

    def test_released_executions_expire_at_once(self):
        ids = [self.add_execution(sync=False), self.add_execution(
            sync=False, owner='another')]
        self.reaper.release(ids)
        now = models.now()
        self.assertEqual([True, False], [
            self.execution(id).lease_until <= now for id in ids])

    def test_valid_leases_are_kept(self):
        for values in ({'lease': base.FUTURE}, {'lease': base.FUTURE,
                                                'owner': 'other'},
                       {'lease': None, 'status': 'success'}):
            self.add_expired(**values)
        self.assertEqual(0, self.reaper.sweep())
        self.assertEqual([], self.submitted)

    def test_local_executions_are_kept(self):
        self.local_ids.append(self.add_expired())
        self.assertEqual(0, self.reaper.sweep())

    def test_executions_of_deleted_functions_end(self):
        id = self.add_execution('gone', lease=base.PAST, sync=False)
        self.reaper.sweep()
        row = self.execution(id)
        self.assertEqual(('error', 'no_worker'), (row.status, row.reason))
        self.assertIn('The function was deleted before', row.result)

    def test_rows_claimed_meanwhile_are_kept(self):
        id = self.add_expired()
        row = self.execution(id)
        self.db.write(lambda tx: tx.exec_driver_sql(
            "UPDATE executions SET owner = 'other'"))
        self.assertEqual(0, self.reaper._recover_rows(
            [records.from_database(row)]))
        self.assertEqual('other', self.execution(id).owner)

    def test_recover_includes_all_pages_and_valid_leases(self):
        count = 2 * reaper.MAX_BATCH_ROWS + 7
        for number in range(count):
            self.add_expired(lease=base.FUTURE, owner='dead' if number % 2
                             else None)
        mine = self.add_expired(lease=base.FUTURE, owner='me')
        self.reaper.recover()
        self.assertEqual(count, len({row.id
                                     for row, _ in self.submitted}))
        self.assertNotIn(mine, [row.id for row, _ in self.submitted])

    def test_backlog_is_swept_without_a_pause(self):
        self.patch(reaper, 'MAX_BATCH_ROWS', 3)
        for _ in range(7):
            self.add_expired()
        self.assertEqual([True, True, False],
                         [self.reaper.run() for _ in range(3)])
        self.assertEqual(7, len(self.submitted))

    def test_full_queue_leaves_the_backlog(self):
        self.patch(reaper, 'MAX_BATCH_ROWS', 3)
        self.patch(reaper, 'MAX_LOCAL_EXECUTIONS', 2)
        for _ in range(7):
            self.add_expired()
        self.reaper.run()
        self.local_ids += [row.id for row, _ in self.submitted]
        self.assertTrue(self.reaper.run())
        self.assertEqual(3, len(self.submitted))
        del self.local_ids[:]
        self.local.free_bytes = self.batch_bytes() - 1
        self.assertTrue(self.reaper.run())
        self.assertEqual(3, len(self.submitted))
        self.local.free_bytes += 1
        self.assertTrue(self.reaper.run())
        self.assertEqual(6, len(self.submitted))

    def batch_bytes(self):
        return (self.conf.engine.queue_size << 20) // reaper.BATCH_RATIO

    def test_inputs_of_a_sweep_are_bounded(self):
        size = self.batch_bytes() // 2
        for _ in range(5):
            self.add_expired(input='x' * size)
        for count, is_behind in ((2, True), (4, True), (5, False)):
            self.assertEqual(is_behind, self.reaper.run())
            self.assertEqual(count, len(self.submitted))

    def test_one_input_always_fits(self):
        self.add_expired(input='x' * (self.batch_bytes() + 1))
        self.assertFalse(self.reaper.run())
        self.assertEqual(1, len(self.submitted))
