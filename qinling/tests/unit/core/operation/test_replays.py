# SPDX-License-Identifier: Apache-2.0
"""Replays of recorded executions on a candidate version."""

import dataclasses
import json
from unittest import mock

from oslotest import base as test_base

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.operation import replays
from qinling.core.operation import turns
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.tests import databases
from qinling.tests.unit.core.operation import base


class Replays(base.Operations):
    """Mixin for test cases with an alias at version 1 of two versions."""

    def setUp(self):
        super().setUp()
        self.core.services.versions.create(self.ctx, self.function, None)
        self.core.services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': self.function,
            'function_version': 1})
        self.replays = self.core.services.replays

    def record(self, *outputs, **values):
        """Return the ids of executions through the alias."""
        return [self.add(1, **{
            'status': 'success', 'function_alias': 'prod', 'duration': 2.0,
            'function_version': 1, 'result': json.dumps({'output': output}),
            'logs': 'log', **values})[0] for output in outputs]

    def start(self, **values):
        return self.replays.start(self.ctx, 'prod', {
            'function_version': 2, **values})

    def end_running(self, change=None):
        """End the executions of replays, with the recorded output."""
        for row in self.rows(models.Execution.trigger == 'replay',
                             models.Execution.status == 'running'):
            source = self.core.row(models.Execution, row.rerun_of)
            if source is None:
                continue
            output = json.loads(source.result)['output']
            if change:
                output = change(output)
            lifecycle.finish(self.core.db, row.id, outcomes.Outcome(
                ExecutionStatus.SUCCESS, json.dumps({'output': output}),
                'longer log', run=outcomes.Run(0, 1.0)))

    def finish_replay(self, row, change=None):
        """Return the operation after its end."""
        while (row := self.operations.get(self.ctx, row.id)
               ).status == 'running':
            self.change(row.id, ready_at=models.now())
            self.turns.run()
            self.end_running(change)
        return row

    def results(self, row, different=None):
        return self.replays.list_results(self.ctx, row.id, different,
                                         crud.Page())


class TestReplays(Replays, test_base.BaseTestCase):
    def test_equal(self):
        ids = self.record(1, {'a': 2}, [3])
        row = self.finish_replay(self.start())
        self.assertEqual(('done', 3, 3, 0), (
            row.status, row.total, row.done, row.different))
        results = self.results(row)
        self.assertEqual(ids, [result.source_id for result in results])
        self.assertEqual(
            {(False, 0.5, 3, 10)}, {
                (result.different, result.duration_ratio,
                 result.old_log_size, result.new_log_size)
                for result in results})
        self.assertEqual(
            {(2, None, row.id, None)}, {
                (rerun.function_version, rerun.function_alias,
                 rerun.group_id, rerun.failed_id)
                for rerun in self.reruns()})
        self.assertEqual({True}, {message.is_replay for message, _
                                  in self.engine.started})

    def test_network(self):
        self.record(1)
        for values, offline in (({}, True), ({'network': True}, False)):
            self.finish_replay(self.start(**values))
            message, target = self.engine.started[-1]
            self.assertEqual(offline, target.offline)
            # An engine that recovers the execution decides the same.
            row = records.from_database(self.core.row(
                models.Execution, message.id))
            online = dataclasses.replace(target, offline=False)
            self.assertEqual(target, replays.restrict_target(
                self.core.db, row, online))

    def test_failures_of_the_platform_are_no_differences(self):
        self.record(1, 2)
        row = self.start()
        self.turns.run()
        lifecycle.finish(self.core.db, self.reruns()[0].id,
                         outcomes.platform_fault('Sad.'))
        row = self.finish_replay(row)
        self.assertEqual((1, 0, {'Sad.': 1}), (
            row.done, row.different, row.skip_reasons))

    def test_different(self):
        ids = self.record(1, 2, 3)
        row = self.finish_replay(self.start(), lambda output: output % 2)
        self.assertEqual((3, 2), (row.done, row.different))
        self.assertEqual(ids[1:], [
            result.source_id for result in self.results(row, True)])
        self.assertEqual(
            [{'path': '/output', 'old': '2', 'new': '0'}],
            self.results(row, True)[0].differences)

    def test_ignored(self):
        self.record({'time': 1, 'a': 1})
        row = self.finish_replay(
            self.start(ignore=['/output/time']),
            lambda output: dict(output, time=2))
        self.assertEqual(0, row.different)

    def test_selection(self):
        ids = self.record(*range(5))
        self.record(9, status='error')
        self.record(9, function_alias='other')
        self.record(9, status='running')
        row = self.finish_replay(self.start(last=2))
        self.assertEqual(2, row.total)
        self.assertEqual(ids[3:], [
            result.source_id for result in self.results(row)])
        row = self.finish_replay(self.start(filter={
            'description': ['x']}))
        self.assertEqual((0, 0), (row.total, row.done))

    def test_few_run_at_a_time(self):
        self.record(*range(replays.MAX_RUNNING + 3))
        row = self.start()
        for _ in range(3):
            self.change(row.id, ready_at=models.now())
            self.turns.run()
        self.assertEqual(replays.MAX_RUNNING, len(self.reruns()))
        self.assertEqual(replays.MAX_RUNNING + 3, self.finish_replay(
            row).done)

    def test_looks_follow_the_executions(self):
        self.record(*range(replays.MAX_RUNNING))
        row = self.start()
        times = []

        def look():
            self.change(row.id, ready_at=models.now())
            self.turns._run_batch(row)
            times.append(self.turns._polls[row.id])
        for _ in range(8):
            look()
        # Nothing has ended, so the next look is later each time.
        self.assertEqual((0.01, 0.02, 0.5), (*times[:2], times[-1]))
        lifecycle.finish(self.core.db, self.reruns()[0].id, outcomes.Outcome(
            ExecutionStatus.SUCCESS, '{"output": 0}'))
        look()
        self.assertEqual(0.01, times[-1])

    def test_short_executions_need_one_turn(self):
        ids = self.record(*range(3 * replays.MAX_RUNNING))
        self.engine.start = lambda message, target: lifecycle.finish(
            self.core.db, message.id, outcomes.Outcome(
                ExecutionStatus.SUCCESS, '{"output": 0}'))
        row = self.start()
        # A busy machine may need longer than a turn.
        with mock.patch.object(turns, 'MAX_TURN_SECONDS', databases.PATIENCE):
            self.turns.run()
        row = self.operations.get(self.ctx, row.id)
        self.assertEqual(('done', len(ids)), (row.status, row.done))

    def test_deleted_executions_are_skipped(self):
        ids = self.record(1, 2)
        row = self.start()
        self.turns.run()
        self.core.services.executions.delete(self.ctx, ids[0])
        row = self.finish_replay(row)
        self.assertEqual((1, {replays.GONE: 1}), (
            row.done, row.skip_reasons))

    def test_invalid_requests(self):
        for values, words in (
                ({'function_version': 0}, 'needs the function_version'),
                ({'last': 0}, 'last must be between'),
                ({'filter': {'status': ['failed']}}, 'omit the filter'),
                ({'ignore': ['output']}, 'JSON pointers'),
                ({'ignore': 'x'}, 'JSON pointers'),
                ({'rate': -1.0}, 'rate must be between')):
            error = self.assertRaises(exception.Invalid, self.start,
                                      **values)
            self.assertIn(words, str(error))
        self.assertRaises(exception.FunctionVersionNotFound, self.start,
                          function_version=9)
        self.assertRaises(exception.FunctionAliasNotFound,
                          self.replays.start, self.ctx, 'x', {})


class TestGate(Replays, test_base.BaseTestCase):
    def roll_out(self, **values):
        return self.core.services.rollouts.start(self.ctx, 'prod', {
            'function_version': 2, 'requires_replay': True, **values})

    def refuse(self, **values):
        error = self.assertRaises(exception.Conflict, self.roll_out,
                                  **values)
        self.assertIn('no replay of alias prod on version 2', str(error))

    def test_gate(self):
        self.record(1, 2)
        self.refuse()
        row = self.start()
        self.refuse(requires_replay=row.id)
        self.finish_replay(row, lambda output: 2)
        self.refuse()
        self.refuse(max_differences=1, requires_replay=self.function)
        self.roll_out(max_differences=1, requires_replay=row.id)

    def test_any_replay(self):
        self.record(1)
        self.finish_replay(self.start())
        self.roll_out()

    def test_replay_of_nothing_does_not_count(self):
        self.finish_replay(self.start())
        self.refuse()

    def test_invalid_requests(self):
        for values in ({'requires_replay': 1}, {'max_differences': -1}):
            self.assertRaises(exception.Invalid, self.roll_out, **values)
