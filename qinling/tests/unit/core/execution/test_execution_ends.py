# SPDX-License-Identifier: Apache-2.0
"""Cancellation and rerun of executions."""

import json
from unittest import mock

from qinling.core.execution import records
from qinling.core.trigger import reruns
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures
from qinling.tests.unit.core.execution import test_executions

MINE = test_executions.MINE
UNKNOWN_ID = '11111111-2222-4333-8444-555555555555'


class TestCancel(test_executions.ExecutionTest):
    def insert_running(self, **values):
        return self.core.insert(
            models.Execution, project_id='mine',
            function_id=self.function.id, **values)

    def test_cancel_in_every_state(self):
        later = models.now().replace(year=2999)
        for values in ({'sync': False}, {'sync': True, 'owner': 'me'},
                       {'owner': 'dead', 'lease_until': models.now()},
                       {'next_attempt_at': later, 'lease_until': later}):
            id = self.insert_running(**values)
            row = self.executions.cancel(MINE, id)
            self.assertEqual(records.from_database(self.row(id)), row)
            self.assertEqual(
                ('cancelled', None, None, None,
                 'The execution was cancelled.'),
                (row.status, row.owner, row.lease_until,
                 row.next_attempt_at, json.loads(row.result)['output']))
            self.assertIsNotNone(row.updated_at)
            self.assertEqual(('cancel', id), self.engine.calls[-1])

    def test_cancel_twice(self):
        id = self.insert_running()
        first = self.executions.cancel(MINE, id)
        self.assertEqual(first, self.executions.cancel(MINE, id))

    def test_ended_executions_cannot_be_cancelled(self):
        for status in ('success', 'failed', 'error'):
            id = self.insert_running(status=status)
            error = self.assertRaises(exception.ExecutionEnded,
                                      self.executions.cancel, MINE, id)
            self.assertIn(f'its status is {status}', str(error))
            self.assertEqual(status, self.row(id).status)
        self.assertEqual([], self.engine.calls)

    def test_cancel_without_an_engine(self):
        self.engine.answers['cancel'] = exception.Unavailable(reason='none')
        id = self.insert_running()
        self.assertEqual('cancelled',
                         self.executions.cancel(MINE, id).status)

    def test_later_results_are_dropped(self):
        id = self.insert_running()
        self.executions.cancel(MINE, id)
        self.assertIsNone(self.core.succeed(mock.Mock(id=id), None))
        self.assertEqual('cancelled', self.row(id).status)

    def test_waiting_callers_get_the_cancelled_execution(self):
        def run(row, target):
            self.executions.cancel(MINE, row.id)
            return self.core.succeed(row, target)
        self.engine.answers['run'] = run
        self.assertEqual('cancelled', self.create().status)

    def test_cancel_of_an_unknown_execution(self):
        self.assertRaises(exception.ExecutionNotFound,
                          self.executions.cancel, MINE, UNKNOWN_ID)


class TestRerun(test_executions.ExecutionTest):
    def setUp(self):
        super().setUp()
        for _ in range(2):
            self.core.services.versions.create(MINE, self.function.id, None)
        self.alias = self.core.insert(
            models.FunctionAlias, name='a', project_id='mine',
            function_id=self.function.id, function_version=1)

    def rerun(self, first, *args, ctx=MINE, **kwargs):
        return self.core.services.reruns.fire(ctx, first.id, *args, **kwargs)

    def test_rerun_of_the_original_version(self):
        first = self.create(function_alias='a', input='{"x": 1}',
                            description='d')
        self.core.db.write(lambda tx: crud.update(
            tx, models.FunctionAlias, self.alias, {'function_version': 2}))
        row = self.rerun(first)
        self.assertEqual(
            (self.function.id, 1, None, '{"x": 1}', True, first.id,
             f'Rerun of execution {first.id}', 'success'),
            (row.function_id, row.function_version, row.function_alias,
             row.input, row.sync, row.rerun_of, row.description, row.status))
        self.assertNotEqual(first.id, row.id)
        self.assertEqual('success', self.row(first.id).status)

    def test_rerun_of_the_current_version(self):
        self.core.db.write(lambda tx: crud.update(
            tx, models.FunctionAlias, self.alias, {'function_version': 2}))
        by_alias = self.rerun(self.create(function_alias='a'),
                              reruns.CURRENT)
        self.assertEqual(('a', 2), (by_alias.function_alias,
                                    by_alias.function_version))
        latest = self.rerun(self.create(function_version=1),
                            reruns.CURRENT)
        self.assertEqual(0, latest.function_version)

    def test_rerun_of_a_chosen_version(self):
        self.assertEqual(2, self.rerun(self.create(), 2).function_version)
        self.assertEqual(0, self.rerun(
            self.create(function_version=1), 0).function_version)
        self.assertRaises(exception.FunctionVersionNotFound, self.rerun,
                          self.create(), 7)

    def test_rerun_may_be_synchronous(self):
        for sync in (True, False):
            first = self.create(sync=True)
            self.assertEqual(sync, self.rerun(first, sync=sync).sync)
        first = self.create(sync=False)
        self.core.succeed(first, None)
        self.assertFalse(self.rerun(first).sync)

    def test_reruns_keep_the_input(self):
        for value in (None, 'x', '6', 'null', '', '{"a": 1}', {'b': [1]},
                      [1], 5, {'__function_input': 'p', 'k': 1}, '"q"'):
            first = self.create(input=value)
            self.assertEqual(self.row(first.id).input,
                             self.row(self.rerun(first).id).input)

    def test_running_executions_cannot_be_rerun(self):
        first = self.create(sync=False)
        self.assertRaises(exception.ExecutionNotEnded, self.rerun, first)
        self.executions.cancel(MINE, first.id)
        self.assertEqual('running', self.rerun(first).status)

    def test_reruns_stay_in_the_project(self):
        first = self.create(function_alias='a')
        for version in (reruns.ORIGINAL, reruns.CURRENT):
            row = self.rerun(first, version, ctx=fixtures.caller('admins'))
            self.assertEqual('mine', row.project_id)

    def test_reruns_of_failure_handlers_keep_the_failed_id(self):
        id = self.core.insert(
            models.Execution, project_id='mine', status='failed',
            function_id=self.function.id, failed_id=UNKNOWN_ID)
        self.assertEqual(
            UNKNOWN_ID, self.core.services.reruns.fire(MINE, id).failed_id)

    def test_rerun_of_a_deleted_function(self):
        id = self.core.insert(models.Execution, project_id='mine',
                              status='failed', function_id=UNKNOWN_ID)
        self.assertRaises(exception.FunctionNotFound,
                          self.core.services.reruns.fire, MINE, id)
