# SPDX-License-Identifier: Apache-2.0
"""Rollouts: steps, guards and decisions of users."""

import datetime

import fixtures as patches
from oslotest import base as test_base

from qinling.core.rollout import judge
from qinling.core.rollout import turns
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures
from qinling.tests.unit.core.rollout import base


class TestSteps(base.Rollouts, test_base.BaseTestCase):
    def test_good_version_is_promoted_step_by_step(self):
        self.start()
        self.assertEqual((1, {'1': 0.75, '2': 0.25}), self.alias())
        self.end(1, 10)
        self.end(2, 4)
        self.turns.run()
        self.assertEqual(0, self.get().step)
        self.end(2)
        self.turns.run()
        self.assertEqual((1, {'1': 0.5, '2': 0.5}), self.alias())
        # The executions of the step before do not count again.
        self.turns.run()
        self.assertEqual(1, self.get().step)
        self.end(1, 5)
        self.end(2, 5)
        self.turns.run()
        self.assertEqual((2, None), self.alias())
        self.assertEqual('succeeded', self.get().status)
        reasons = [row.reason for row in self.history()]
        self.assertIn('Rollout to version 2, succeeded. 5 executions of the '
                      'new version in 0 s; failures: 0.0% of 10', reasons[0])
        self.assertIn('step 2 of 2. 5 executions', reasons[1])
        self.assertEqual('Rollout to version 2, step 1 of 2.', reasons[2])
        self.assertIsNone(reasons[3])

    def test_time_without_executions_is_no_success(self):
        self.start()
        self.end(1, 100)
        for _ in range(3):
            self.turns.run()
        self.assertEqual(('running', 0), (self.get().status,
                                          self.get().step))

    def test_executions_without_the_time_are_no_success(self):
        self.start(steps=[{'weight': 0.5, 'min_executions': 5,
                           'min_time': 600}])
        self.end(2, 50)
        self.turns.run()
        self.assertEqual('running', self.get().status)
        self.core.db.write(lambda tx: crud.update_all(
            tx, models.Rollout, {
                'step_started_at': models.now() - datetime.timedelta(
                    seconds=601)}))
        self.turns.run()
        self.assertEqual('succeeded', self.get().status)

    def test_bad_version_is_rolled_back(self):
        self.end(1, 300)
        self.start()
        for _ in range(40):
            self.end(1, 3)
            self.end(2, status='failed', reason='user_error')
        self.turns.run()
        row = self.get()
        self.assertEqual(('rolled_back', (1, None)),
                         (row.status, self.alias()))
        self.assertIn('guard of errors does not hold', row.status_reason)
        self.assertIn(row.status_reason, self.history()[0].reason)
        revision = row.revision
        self.end(2, 100, status='failed')
        self.turns.run()
        self.assertEqual(revision, self.get().revision)

    def test_end_of_a_step_is_read_with_more_power(self):
        self.end(1, 300)
        self.start(steps=[{'weight': 0.5, 'min_executions': 100,
                           'min_time': 0}])
        for number in range(100):
            self.end(1)
            self.end(2, status='failed' if number % 25 == 0 else 'success')
            if number == 98:
                self.turns.run()
                self.assertEqual('running', self.get().status)
        self.turns.run()
        row = self.get()
        judgement = judge.Judgement.load(row.judgement)
        self.assertIsNone(judgement.find_breach(row.guards))
        self.assertEqual('rolled_back', row.status)
        self.assertIn('4.0% of 100 of the new version', row.status_reason)

    def test_breach_can_pause(self):
        self.start(on_breach='pause')
        for _ in range(40):
            self.end(1)
            self.end(2, status='failed', reason='timeout')
        self.turns.run()
        self.assertEqual(('paused', (1, {'1': 0.75, '2': 0.25})),
                         (self.get().status, self.alias()))
        # New evidence decides after a resume.
        self.rollouts.resume(self.ctx, 'a')
        self.turns.run()
        self.assertEqual('running', self.get().status)

    def test_other_executions_do_not_count(self):
        self.start()
        self.end(2, 20, function_alias='b')
        self.end(2, 20, function_alias=None)
        self.end(3, 20)
        self.end(2, 20, status='error', reason='no_worker')
        self.turns.run()
        self.assertEqual(0, self.get().judgement['step_count'])

    def test_chosen_versions_do_not_count(self):
        self.start()
        self.end(1, 50, version_chosen=True)
        self.end(2, 50, status='failed', version_chosen=True)
        self.turns.run()
        row = self.get()
        self.assertEqual(('running', 0), (row.status, row.step))

    def test_turns_are_bounded(self):
        self.start()
        self.useFixture(patches.MockPatchObject(
            turns, 'MAX_EXECUTIONS', 3))
        self.end(2, 4)
        self.assertTrue(self.turns.run())
        self.assertEqual(3, self.get().judgement['step_count'])
        self.assertFalse(self.turns.run())
        self.assertEqual(4, self.get().judgement['step_count'])


class TestUsers(base.Rollouts, test_base.BaseTestCase):
    def test_promote(self):
        self.start()
        self.assertEqual('succeeded',
                         self.rollouts.promote(self.ctx, 'a').status)
        self.assertEqual((2, None), self.alias())
        error = self.assertRaises(exception.Conflict, self.rollouts.abort,
                                  self.ctx, 'a')
        self.assertIn('is succeeded', str(error))

    def test_abort(self):
        self.start()
        self.rollouts.pause(self.ctx, 'a')
        self.assertEqual('aborted',
                         self.rollouts.abort(self.ctx, 'a').status)
        self.assertEqual((1, None), self.alias())

    def test_pause_and_resume(self):
        self.start()
        self.assertEqual('paused', self.rollouts.pause(self.ctx, 'a').status)
        self.end(2, 50)
        self.turns.run()
        self.assertEqual((1, {'1': 0.75, '2': 0.25}), self.alias())
        row = self.rollouts.resume(self.ctx, 'a')
        self.assertEqual(('running', 0), (row.status,
                                          row.judgement['step_count']))
        self.assertRaises(exception.Conflict, self.rollouts.resume,
                          self.ctx, 'a')

    def test_rollback_ignores_the_steps(self):
        self.start()
        self.end(2, 5)
        self.turns.run()
        self.assertEqual(1, self.get().step)
        self.core.services.aliases.rollback(self.ctx, 'a')
        self.assertEqual((1, None), self.alias())
        self.assertEqual('superseded', self.get().status)

    def test_rollback_after_the_end(self):
        self.start()
        self.rollouts.promote(self.ctx, 'a')
        self.core.services.aliases.rollback(self.ctx, 'a')
        self.assertEqual((1, None), self.alias())

    def test_moved_aliases_end_the_rollout(self):
        self.start()
        self.core.services.aliases.update(self.ctx, 'a', {
            'description': 'still the same target'})
        self.assertEqual('running', self.get().status)
        self.core.services.aliases.update(
            self.ctx, 'a', {'function_version': 3})
        row = self.get()
        self.assertEqual(('superseded', 'A user moved the alias.'),
                         (row.status, row.status_reason))
        self.turns.run()
        self.assertEqual((3, None), self.alias())
        self.start()
        self.assertEqual((3, {'3': 0.75, '2': 0.25}), self.alias())

    def test_conflicts(self):
        self.assertRaises(exception.RolloutNotFound, self.get)
        self.assertRaises(exception.RolloutNotFound, self.rollouts.pause,
                          self.ctx, 'a')
        self.assertRaises(exception.Invalid, self.start, function_version=1)
        self.assertRaises(exception.FunctionVersionNotFound, self.start,
                          function_version=9)
        self.start()
        error = self.assertRaises(exception.Conflict, self.start)
        self.assertIn('promote or abort that one first', str(error))
        self.core.services.aliases.update(
            self.ctx, 'a', {'routing': {'1': 0.5, '3': 0.5}})
        error = self.assertRaises(exception.Conflict, self.start)
        self.assertIn('Remove the weights first', str(error))
        self.assertRaises(exception.FunctionAliasNotFound,
                          self.rollouts.start, fixtures.caller('other'), 'a',
                          {'function_version': 2})

    def test_versions_of_a_rollout_cannot_be_deleted(self):
        self.start()
        for number in (1, 2):
            self.assertRaises(
                exception.FunctionVersionInUse,
                self.core.services.versions.delete, self.ctx, self.function,
                number)

    def test_alias_takes_its_rollout_along(self):
        self.start()
        self.core.services.aliases.delete(self.ctx, 'a')
        self.assertEqual([], self.core.db.read(
            lambda tx: crud.select(tx, models.Rollout)))
        self.turns.run()
