# SPDX-License-Identifier: Apache-2.0
"""Audit trail of the decisions about rollouts."""

from unittest import mock

from oslotest import base as test_base

from qinling.core.rollout import turns
from qinling.db import models
from qinling.engine.periodic import audit
from qinling import message_bus
from qinling.tests import fixtures
from qinling.tests.unit.core.rollout import base


class TestRolloutReporter(base.Rollouts, test_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.notifier = mock.Mock()
        self.patch(message_bus, 'create_notifier', lambda _: self.notifier)
        self.turns = turns.Turns(
            self.core.db, audit.RolloutReporter(self.core.conf))

    def notifications(self):
        """Return priority, type and payload of each notification."""
        return [(name, *args[1:]) for name, args, _
                in self.notifier.method_calls]

    def test_steps_and_success(self):
        row = self.start()
        for _ in range(2):
            self.end(1, 6)
            self.end(2, 6)
            self.turns.run()
        first, last = self.notifications()
        self.assertEqual(('info', 'rollout.step'), first[:2])
        self.assertEqual(('info', 'rollout.succeeded'), last[:2])
        self.assertEqual(
            {'target': {'type': 'rollout', 'id': row.id}, 'alias': 'a',
             'project_id': self.ctx.project_id,
             'function_id': self.function, 'from_version': 1,
             'function_version': 2, 'step': 2}, {
                 key: value for key, value in first[2].items()
                 if key != 'reason'})
        self.assertIn('6 executions of the new version', first[2]['reason'])

    def test_a_hold_is_no_decision(self):
        self.start()
        self.end(2, 1)
        self.turns.run()
        self.turns.run()
        self.assertEqual([], self.notifications())

    def test_breaches(self):
        for on_breach, action in (('pause', 'paused'),
                                  ('rollback', 'rolled_back')):
            self.notifier.reset_mock()
            self.start(on_breach=on_breach)
            self.end(1, 100)
            self.end(2, 100, status='failed', reason='user_error')
            self.turns.run()
            (priority, event, payload), = self.notifications()
            self.assertEqual(('warn', f'rollout.{action}'),
                             (priority, event))
            self.assertIn('100', payload['reason'])
            if on_breach == 'pause':
                self.rollouts.abort(self.ctx, 'a')

    def test_only_the_engine_that_wrote_reports(self):
        self.start()
        self.end(1, 6)
        self.end(2, 6)
        self.patch(turns, 'write', lambda *_: False)
        self.turns.run()
        self.assertEqual([], self.notifications())

    def test_faults_of_the_bus_stop_no_rollout(self):
        self.notifier.info.side_effect = OSError('no bus')
        self.start()
        self.end(1, 6)
        self.end(2, 6)
        self.turns.run()
        self.assertEqual(2, len(self.history()) - 1)

    def test_no_notifier(self):
        self.patch(message_bus, 'create_notifier', lambda _: None)
        self.start()
        self.end(1, 6)
        self.end(2, 6)
        self.turns.run()
        self.assertEqual(2, len(self.history()) - 1)


class TestJobReporter(test_base.BaseTestCase):
    """Notifications about paused jobs."""

    def report(self, notifier):
        """Report a pause to a notifier."""
        core = self.useFixture(fixtures.Core())
        self.patch(message_bus, 'create_notifier', lambda _: notifier)
        job = core.row(models.Job, core.insert(
            models.Job, name='n', function_id='f', project_id='p'))
        audit.JobReporter(core.conf).report_pause(job, 'It failed.')
        return job

    def test_pause(self):
        notifier = mock.Mock()
        job = self.report(notifier)
        notifier.warn.assert_called_once_with({}, 'job.pause', {
            'target': {'type': 'job', 'id': job.id}, 'project_id': 'p',
            'name': 'n', 'function_id': 'f', 'function_alias': None,
            'reason': 'It failed.'})

    def test_faults_of_the_bus(self):
        notifier = mock.Mock()
        notifier.warn.side_effect = OSError('no bus')
        self.report(notifier)
        notifier.warn.assert_called_once()

    def test_no_notifier(self):
        self.assertEqual('n', self.report(None).name)
