# SPDX-License-Identifier: Apache-2.0
"""Operations on many executions."""

import datetime
from unittest import mock

from oslotest import base as test_base

from qinling.core.operation import actions
from qinling.core.operation import turns
from qinling.db import models
from qinling.db import prepared
from qinling import exception
from qinling.tests import fixtures
from qinling.tests.unit.core.operation import base


class OperationTest(base.Operations, test_base.BaseTestCase):
    pass


class TestRequests(OperationTest):
    def test_dry_run_changes_nothing(self):
        self.add(3)
        self.add(2, 'success')
        for selection, count in (({'status': ['failed']}, 3),
                                 ({'status': ['in:failed,success']}, 5),
                                 ({'function_id': [self.function],
                                   'created_at': ['gte:2000-01-01',
                                                  'lt:2001-01-01']}, 0),
                                 ({'description': ['has:x']}, 0)):
            self.assertEqual(count, self.operations.count(self.ctx, {
                'action': 'delete', 'filter': selection}))
        self.turns.run()
        self.assertEqual(5, len(self.rows()))

    def test_invalid_requests(self):
        for values, words in (
                ({'action': 'stop'}, 'action must be one of'),
                ({'action': 'delete'}, 'Add a condition, or set all'),
                ({'action': 'delete', 'filter': {}}, 'set all to true'),
                ({'action': 'delete', 'all': True, 'rate': 0},
                 'rate must be between'),
                ({'action': 'delete', 'all': True, 'function_version': 1},
                 'Only the action rerun'),
                ({'action': 'delete', 'filter': {'created_at': ['x']}},
                 'is not a time')):
            error = self.assertRaises(exception.Invalid,
                                      self.operations.create, self.ctx,
                                      values)
            self.assertIn(words, str(error))

    def test_too_many_executions(self):
        self.add(3)
        with mock.patch('qinling.core.operation.plans.MAX_EXECUTIONS', 2):
            error = self.assertRaises(exception.Invalid, self.create,
                                      'delete')
        self.assertIn('more than 2 executions', str(error))

    def test_limit_of_live_operations(self):
        self.core.conf.set_override('max_operations', 2,
                                    group='resource_limits')
        first = self.create('delete')
        self.operations.pause(self.ctx, first.id)
        self.create('delete')
        error = self.assertRaises(exception.OperationLimit, self.create,
                                  'delete')
        self.assertIn('The project has 2 operations', str(error))
        self.operations.cancel(self.ctx, first.id)
        self.create('delete')

    def test_decisions(self):
        row = self.create('delete')
        self.assertRaises(exception.Conflict, self.operations.resume,
                          self.ctx, row.id)
        paused = self.operations.pause(self.ctx, row.id)
        self.assertEqual(('paused', 'A user paused the operation.'),
                         (paused.status, paused.status_reason))
        self.assertEqual('running', self.operations.resume(
            self.ctx, row.id).status)
        self.assertEqual('cancelled', self.operations.cancel(
            self.ctx, row.id).status)
        for verb in ('pause', 'resume', 'cancel'):
            error = self.assertRaises(
                exception.Conflict, getattr(self.operations, verb),
                self.ctx, row.id)
            self.assertIn('is cancelled', str(error))


class TestActions(OperationTest):
    def setUp(self):
        super().setUp()
        self.patch(turns, 'MAX_BATCH_ROWS', 4)

    def test_delete(self):
        self.add(9)
        successes = self.add(2, 'success')
        foreign = self.add(project_id='foreign')
        row = self.finish('delete')
        self.assertEqual(('done', 9, 9, 0), (
            row.status, row.total, row.done, row.skipped))
        self.assertEqual({*successes, *foreign},
                         {row.id for row in self.rows()})

    def test_all(self):
        self.add(5)
        self.add(2, 'running')
        self.finish('delete', filter={}, all=True)
        self.assertEqual([], self.rows())

    def test_cancel(self):
        self.add(3)
        waiting = self.add(5, 'running')
        mine = self.add(1, 'running', owner='e1/1')
        row = self.finish('cancel', filter={
            'function_id': [self.function]})
        self.assertEqual(('done', 6, 6), (row.status, row.total, row.done))
        self.assertEqual(
            {*waiting, *mine}, {row.id for row in self.rows(
                models.Execution.status == 'cancelled')})
        self.assertEqual(mine, self.engine.cancelled)

    def test_ended_executions_are_skipped(self):
        self.add(3)
        row = self.finish('cancel')
        self.assertEqual((0, 3, {actions.ENDED: 3}),
                         (row.done, row.skipped, row.skip_reasons))

    def test_rerun(self):
        ids = self.add(9, failed_id='f')
        row = self.finish('rerun')
        self.assertEqual(('done', 9, 9), (row.status, row.total, row.done))
        reruns = self.reruns()
        self.assertEqual(ids, [row.rerun_of for row in reruns])
        self.assertEqual(
            {(row.id, 0, '{"n": 1}', 'rerun', 'f', False)},
            {(rerun.group_id, rerun.function_version, rerun.input,
              rerun.trigger, rerun.failed_id, rerun.sync)
             for rerun in reruns})
        self.assertEqual([row.id for row in reruns], [
            message.id for message, _ in self.engine.started])

    def test_reruns_need_one_query_for_all(self):
        self.add(20)
        statements = []
        execute = prepared._execute

        def watch(tx, form, params):
            statements.append(form.sql)
            return execute(tx, form, params)
        with (mock.patch.object(turns, 'MAX_BATCH_ROWS', 100),
              mock.patch.object(prepared, '_execute', watch)):
            self.finish('rerun')
        for statement, count in (('SELECT functions', 1),
                                 ('INSERT INTO executions', 20),
                                 ('UPDATE functions', 1)):
            self.assertEqual(count, sum(
                text.startswith(statement) for text in statements), statement)

    def test_rerun_onto_another_version(self):
        self.add(2)
        self.finish('rerun', function_version=1)
        self.assertEqual([1, 1], [
            row.function_version for row in self.reruns()])

    def test_rerun_without_a_function(self):
        self.add(2)
        self.add(3, function_id='gone')
        self.add(1, 'running')
        row = self.finish('rerun', filter={'status': [
            'in:failed,running']})
        self.assertEqual((2, 4, {
            'Function not found [id=gone]': 3, actions.NOT_ENDED: 1}),
            (row.done, row.skipped, row.skip_reasons))

    def test_reruns_wait_for_a_quota(self):
        self.core.services.quotas.update(self.ctx.project_id, {
            'concurrent_executions': 3})
        self.add(4)
        row = self.finish('rerun')
        self.assertEqual(('running', 3), (row.status, row.done))
        self.assertIn('Quota exceeded', row.status_reason)
        self.core.services.quotas.update(self.ctx.project_id, {
            'concurrent_executions': 9})
        self.change(row.id, ready_at=models.now())
        self.turns.run()
        self.assertEqual(('done', None), (
            self.operations.get(self.ctx, row.id).status,
            self.operations.get(self.ctx, row.id).status_reason))
        self.assertEqual(4, len(self.reruns()))

    def test_reruns_wait_for_others(self):
        self.patch(actions, 'MAX_UNFINISHED', 3)
        self.add(4)
        row = self.finish('rerun')
        self.assertEqual(3, row.done)
        self.assertIn('many executions without an end', row.status_reason)

    def test_new_executions_are_left_alone(self):
        self.add(2)
        row = self.create('delete')
        self.clock = models.now()
        new = self.add(1, created_at=models.now() + datetime.timedelta(1))
        self.turns.run()
        self.assertEqual(2, self.operations.get(self.ctx, row.id).done)
        self.assertEqual(new, [row.id for row in self.rows()])

    def test_reruns_are_not_repeated(self):
        """Check an engine whose clock is slow."""
        self.add(2)
        row = self.create('rerun')
        self.change(row.id, created_at=models.now() + datetime.timedelta(1))
        self.turns.run()
        self.assertEqual(2, len(self.reruns()))

    def test_rate(self):
        self.add(5)
        row = self.create('delete', rate=2)
        self.assertFalse(self.turns.run())
        row = self.operations.get(self.ctx, row.id)
        self.assertEqual(2, row.done)
        self.assertEqual(3, len(self.rows()))
        self.assertGreater(row.ready_at, models.now())
        self.change(row.id, ready_at=models.now())
        self.turns.run()
        self.assertEqual(1, len(self.rows()))

    def test_paused_operations_do_nothing(self):
        self.add(5)
        row = self.create('delete')
        self.operations.pause(self.ctx, row.id)
        self.assertFalse(self.turns.run())
        self.assertEqual(5, len(self.rows()))

    def test_faults_pause(self):
        self.add(1)
        row = self.create('delete')
        with mock.patch.object(actions, 'act', side_effect=ValueError):
            self.turns.run()
        row = self.operations.get(self.ctx, row.id)
        self.assertEqual('paused', row.status)
        self.assertIn('An internal fault', row.status_reason)

    def test_reasons_are_bounded(self):
        for number in range(turns.MAX_SKIP_REASONS + 2):
            self.add(1, function_id=f'gone-{number}')
        row = self.finish('rerun')
        self.assertEqual(turns.MAX_SKIP_REASONS + 1, len(row.skip_reasons))
        self.assertEqual(2, row.skip_reasons[turns.OTHER_REASONS])


class TestPolicies(OperationTest):
    def test_the_action_needs_its_policy(self):
        ctx = fixtures.caller()
        with mock.patch.object(
                type(ctx), 'can', lambda self, rule, *_:
                rule != 'execution:delete'):
            error = self.assertRaises(
                exception.PolicyForbidden, self.operations.create, ctx,
                {'action': 'delete', 'all': True})
            self.assertIn('execution:delete', str(error))
            self.operations.create(ctx, {'action': 'cancel', 'all': True})
