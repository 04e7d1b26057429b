# SPDX-License-Identifier: Apache-2.0
"""Executions that users end, or begin again."""

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
NONE = '11111111-2222-4333-8444-555555555555'


class TestCancel(test_executions.ExecutionTest):
    def running(self, **values):
        return self.core.insert(
            models.Execution, project_id='mine',
            function_id=self.function.id, **values)

    def test_wherever_it_is(self):
        later = models.now().replace(year=2999)
        for values in ({'sync': False}, {'sync': True, 'owner': 'me'},
                       {'owner': 'dead', 'lease_until': models.now()},
                       {'next_attempt_at': later, 'lease_until': later}):
            id = self.running(**values)
            shown = self.executions.cancel(MINE, id)
            self.assertEqual(records.from_database(self.row(id)), shown)
            self.assertEqual(
                ('cancelled', None, None, None,
                 'The execution was cancelled.'),
                (shown.status, shown.owner, shown.lease_until,
                 shown.next_attempt_at, json.loads(shown.result)['output']))
            self.assertIsNotNone(shown.updated_at)
            self.assertEqual(('cancel', id), self.engine.calls[-1])

    def test_once_more(self):
        id = self.running()
        first = self.executions.cancel(MINE, id)
        self.assertEqual(first, self.executions.cancel(MINE, id))

    def test_what_has_ended(self):
        for status in ('success', 'failed', 'error'):
            id = self.running(status=status)
            error = self.assertRaises(exception.ExecutionEnded,
                                      self.executions.cancel, MINE, id)
            self.assertIn(f'its status is {status}', str(error))
            self.assertEqual(status, self.row(id).status)
        self.assertEqual([], self.engine.calls)

    def test_no_engine_hears(self):
        self.engine.answers['cancel'] = exception.Unavailable(reason='none')
        id = self.running()
        self.assertEqual('cancelled',
                         self.executions.cancel(MINE, id).status)

    def test_what_comes_later_is_dropped(self):
        id = self.running()
        self.executions.cancel(MINE, id)
        self.assertIsNone(self.core.succeed(mock.Mock(id=id), None))
        self.assertEqual('cancelled', self.row(id).status)

    def test_who_waits_is_answered(self):
        def run(row, target):
            self.executions.cancel(MINE, row.id)
            return self.core.succeed(row, target)
        self.engine.answers['run'] = run
        self.assertEqual('cancelled', self.create().status)

    def test_none(self):
        self.assertRaises(exception.ExecutionNotFound,
                          self.executions.cancel, MINE, NONE)


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

    def test_the_original(self):
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

    def test_the_current(self):
        self.core.db.write(lambda tx: crud.update(
            tx, models.FunctionAlias, self.alias, {'function_version': 2}))
        through = self.rerun(self.create(function_alias='a'),
                             reruns.CURRENT)
        self.assertEqual(('a', 2), (through.function_alias,
                                    through.function_version))
        latest = self.rerun(self.create(function_version=1),
                            reruns.CURRENT)
        self.assertEqual(0, latest.function_version)

    def test_a_version(self):
        self.assertEqual(2, self.rerun(self.create(), 2).function_version)
        self.assertEqual(0, self.rerun(
            self.create(function_version=1), 0).function_version)
        self.assertRaises(exception.FunctionVersionNotFound, self.rerun,
                          self.create(), 7)

    def test_whether_to_wait(self):
        for sync in (True, False):
            first = self.create(sync=True)
            self.assertEqual(sync, self.rerun(first, sync=sync).sync)
        first = self.create(sync=False)
        self.core.succeed(first, None)
        self.assertFalse(self.rerun(first).sync)

    def test_every_input_stays_as_it_was(self):
        for value in (None, 'x', '6', 'null', '', '{"a": 1}', {'b': [1]},
                      [1], 5, {'__function_input': 'p', 'k': 1}, '"q"'):
            first = self.create(input=value)
            self.assertEqual(self.row(first.id).input,
                             self.row(self.rerun(first).id).input)

    def test_not_before_its_end(self):
        first = self.create(sync=False)
        self.assertRaises(exception.ExecutionNotEnded, self.rerun, first)
        self.executions.cancel(MINE, first.id)
        self.assertEqual('running', self.rerun(first).status)

    def test_in_the_project_of_the_first(self):
        first = self.create(function_alias='a')
        for version in (reruns.ORIGINAL, reruns.CURRENT):
            row = self.rerun(first, version, ctx=fixtures.caller('admins'))
            self.assertEqual('mine', row.project_id)

    def test_what_was_told_of_a_failure_stays_that(self):
        id = self.core.insert(
            models.Execution, project_id='mine', status='failed',
            function_id=self.function.id, failed_id=NONE)
        self.assertEqual(
            NONE, self.core.services.reruns.fire(MINE, id).failed_id)

    def test_the_function_is_gone(self):
        id = self.core.insert(models.Execution, project_id='mine',
                              status='failed', function_id=NONE)
        self.assertRaises(exception.FunctionNotFound,
                          self.core.services.reruns.fire, MINE, id)
