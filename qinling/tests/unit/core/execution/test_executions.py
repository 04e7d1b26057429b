# SPDX-License-Identifier: Apache-2.0
"""Executions: accepted, told to the engine, ended."""

import datetime
import json

from oslotest import base

from qinling.core.execution import dispatch
from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.tests import fixtures
from qinling.tests.unit.core.function import test_functions

MINE = fixtures.caller('mine')


class ExecutionTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.conf = self.core.conf
        self.engine = self.core.engine
        self.executions = self.core.services.executions
        self.function = self.core.function(MINE)

    def create(self, ctx=MINE, **values):
        values.setdefault('function_id', self.function.id)
        return self.core.services.triggers.fire(
            ctx, fixtures.execution_request(**values))

    def row(self, id):
        return self.core.row(models.Execution, id)

    def all(self):
        return self.core.db.read(
            lambda tx: crud.select(tx, models.Execution))

    def shift(self, time, seconds):
        return time + datetime.timedelta(seconds=seconds)


class TestSync(ExecutionTest):
    """Somebody waits for the end."""

    def test_success(self):
        shown = self.create(input='{"a": 1}', description='d')
        row = self.row(shown.id)
        self.assertEqual(
            ('success', '{"output": 1}', '{"a": 1}', 'd', True, 'mine',
             self.function.id, 0, None, 0, None, None),
            (row.status, row.result, row.input, row.description, row.sync,
             row.project_id, row.function_id, row.function_version,
             row.function_alias, row.attempt, row.owner,
             row.lease_until))
        for name in ('id', 'status', 'result', 'input', 'created_at',
                     'updated_at', 'project_id', 'description'):
            self.assertEqual(getattr(row, name), getattr(shown, name), name)
        self.assertEqual('a log', row.logs)

    def test_what_the_engine_gets(self):
        def run(row, target):
            self.assertEqual('running', self.row(row.id).status)
            self.assertEqual((self.function.id, 0), target.function_key)
            self.assertEqual('available', target.runtime_status)
            return self.core.succeed(row, target)
        self.engine.answers['run'] = run
        self.assertEqual('success', self.create().status)
        self.assertEqual(['run'], self.engine.verbs())
        row = self.engine.calls[0][1]
        self.assertIsInstance(row, records.ExecutionMessage)

    def test_a_failure_of_the_function_is_no_error(self):
        self.engine.answers['run'] = lambda message, target: lifecycle.finish(
            self.core.db, message.id, records.Outcome(
                ExecutionStatus.FAILED, '{"output": "x"}', 'traceback'))
        self.assertEqual('failed', self.create().status)

    def test_without_an_engine_of_ones_own(self):
        self.engine.answers['run'] = self.look
        self.create()
        self.assertEqual((None, 0), (self.seen.owner, self.seen.attempt))
        self.assertEqual(
            self.shift(self.seen.created_at, self.conf.engine.queue_timeout),
            self.seen.lease_until)

    def test_with_an_engine_in_the_same_process(self):
        self.engine.owner = 'me'
        self.engine.answers['run'] = self.look
        self.create()
        self.assertEqual(('me', 1), (self.seen.owner, self.seen.attempt))
        self.assertEqual(
            self.shift(self.seen.created_at, self.conf.engine.lease),
            self.seen.lease_until)

    def look(self, row, target):
        self.seen = self.row(row.id)
        return self.core.succeed(row, target)

    def test_no_engine(self):
        for _ in range(3):
            self.create()
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        self.assertRaises(exception.Unavailable, self.create)
        # It was not accepted, and no message that is late finds it.
        self.assertEqual(3, len(self.core.db.read(
            lambda tx: crud.select(tx, models.Execution))))

    def test_an_engine_that_dies_with_it(self):
        def run(row, _target):
            self.take(row)
            raise exception.Unavailable(reason='silence')
        self.patch(dispatch, 'PROBE_INTERVAL_SECONDS', 0)
        # Nothing is known, it is slow, and then it is silent.
        answers = iter((None, False, True, False, False))
        self.engine.answers.update(run=run, is_alive=lambda _: next(answers))
        shown = self.create()
        self.assertEqual(
            ('error', 'The engine that ran the execution does not answer.'),
            (shown.status, json.loads(shown.result)['output']))
        row = self.row(shown.id)
        self.assertEqual((shown.status, shown.result, None),
                         (row.status, row.result, row.lease_until))
        self.assertEqual([('is_alive', 'other')] * 5, self.engine.calls[1:])

    def take(self, row):
        self.core.db.write(lambda tx: crud.update(
            tx, models.Execution, row.id, {'owner': 'other'}))

    def end_later(self, row, target):
        """Another engine has it, and ends it when it was looked at."""
        self.take(row)
        self.engine.answers['is_alive'] = True
        read, looks = self.core.db.read, []

        def look(action):
            looks.append(read(action))
            if len(looks) == 2:
                self.core.succeed(row, target)
            return looks[-1]
        self.core.db.read = look

    def test_the_answer_is_lost_but_not_the_engine(self):
        def run(row, target):
            self.end_later(row, target)
            raise exception.Unavailable(reason='the bus')
        self.engine.answers['run'] = run
        shown = self.create()
        self.assertEqual(('success', '{"output": 1}'),
                         (shown.status, shown.result))

    def test_the_commit_was_not_heard_of(self):
        """The row was written by a try whose connection broke."""
        write = self.core.db.write

        def twice(action, **kwargs):
            write(action, **kwargs)
            self.core.db.write = write
            return write(action, **kwargs)
        self.core.db.write = twice
        self.assertEqual('success', self.create().status)

    def test_no_engine_in_time_but_it_had_ended(self):
        def run(row, target):
            self.core.succeed(row, target)
            raise exception.Unavailable(reason='too late')
        self.engine.answers['run'] = run
        shown = self.create()
        self.assertEqual(('success', '{"output": 1}'),
                         (shown.status, shown.result))

    def test_another_engine_has_it(self):
        def run(row, target):
            self.core.succeed(row, target)
        self.engine.answers['run'] = run
        self.assertEqual('success', self.create().status)

    def test_another_engine_still_runs_it(self):
        self.engine.answers['run'] = self.end_later
        self.assertEqual('success', self.create().status)

    def test_it_is_deleted_meanwhile(self):
        def run(row, _target):
            self.executions.delete(MINE, row.id)
        self.engine.answers['run'] = run
        shown = self.create()
        self.assertIsNone(self.row(shown.id))


class TestAsync(ExecutionTest):
    """Nobody waits."""

    def test_it_runs(self):
        shown = self.create(sync=False)
        row = self.row(shown.id)
        for each in (shown, row):
            self.assertEqual(
                ('running', None, False, None, 0, None),
                (each.status, each.result, each.sync, each.owner,
                 each.attempt, each.updated_at))
        self.assertEqual(
            self.shift(row.created_at, self.conf.engine.queue_timeout),
            row.lease_until)
        self.assertEqual(['start'], self.engine.verbs())

    def test_the_row_is_there_before_the_engine_is_told(self):
        self.engine.answers['start'] = lambda row, _: self.assertEqual(
            'running', self.row(row.id).status)
        self.create(sync=False)
        self.assertEqual(['start'], self.engine.verbs())

    def test_nobody_owns_it_although_an_engine_is_here(self):
        self.engine.owner = 'me'
        self.assertIsNone(self.row(self.create(sync=False).id).owner)

    def test_no_engine_hears_it(self):
        self.engine.answers['start'] = exception.Unavailable(reason='bus')
        shown = self.create(sync=False)
        row = self.row(shown.id)
        self.assertEqual(('running', None), (row.status, row.owner))
        self.assertIsNotNone(row.lease_until)


class TestTargets(ExecutionTest):
    """What is run, and counted."""

    def setUp(self):
        super().setUp()
        self.version = self.core.insert(
            models.FunctionVersion, function_id=self.function.id,
            version_number=3, runtime_id=self.function.runtime_id,
            project_id='mine')

    def counts(self):
        return (self.core.row(models.Function, self.function.id).count,
                self.core.row(models.FunctionVersion, self.version).count)

    def test_counts_are_of_what_runs(self):
        self.create()
        self.create(sync=False)
        self.create(function_version=3)
        self.assertEqual((2, 1), self.counts())
        row = self.core.row(models.Function, self.function.id)
        self.assertEqual((self.function.updated_at, self.function.revision),
                         (row.updated_at, row.revision))

    def test_counts_whatever_comes_of_it(self):
        self.engine.answers['start'] = exception.Unavailable(reason='none')
        self.create(sync=False)
        self.assertEqual((1, 0), self.counts())
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        self.assertRaises(exception.Unavailable, self.create)
        self.assertEqual((1, 0), self.counts())

    def test_an_alias_is_recorded_with_what_it_meant(self):
        self.core.insert(models.FunctionAlias, name='prod',
                         function_id=self.function.id, function_version=3,
                         project_id='mine')
        shown = self.create(function_alias='prod', function_id='none',
                            function_version=8)
        row = self.row(shown.id)
        self.assertEqual(
            ('prod', self.function.id, 3),
            (row.function_alias, row.function_id, row.function_version))
        self.assertEqual((0, 1), self.counts())

    def test_what_is_not_there(self):
        for values, kind in (
                ({'function_id': 'none'}, exception.FunctionNotFound),
                ({'function_version': 4},
                 exception.FunctionVersionNotFound),
                ({'function_alias': 'none'},
                 exception.FunctionAliasNotFound)):
            self.assertRaises(kind, self.create, **values)
        self.assertRaises(exception.FunctionNotFound, self.create,
                          test_functions.stranger())
        self.assertEqual(([], []), (self.all(), self.engine.calls))

    def test_an_admin_runs_it_in_its_project(self):
        self.assertEqual('mine', self.create(
            fixtures.caller('theirs')).project_id)

    def test_a_runtime_that_does_not_serve(self):
        for status in ('creating', 'upgrading', 'error', 'deleting'):
            self.core.db.write(lambda tx: crud.update(
                tx, models.Runtime, self.function.runtime_id,
                {'status': status}))
            error = self.assertRaises(
                exception.RuntimeNotAvailable, self.create)
            self.assertEqual(409, error.http_code)
            self.assertIn(status, str(error))
        self.assertEqual(([], [], (0, 0)),
                         (self.all(), self.engine.calls, self.counts()))

    def test_it_goes_between_the_look_and_the_write(self):
        write = self.core.db.write
        gone = {0: (models.Function, self.function.id,
                    exception.FunctionNotFound),
                3: (models.FunctionVersion, self.version,
                    exception.FunctionVersionNotFound)}
        for version in (3, 0):
            model, id, kind = gone[version]

            def interrupted(action, **kwargs):
                write(lambda tx: crud.delete(tx, model, id))
                return write(action, **kwargs)
            self.core.db.write = interrupted
            self.assertRaises(kind, self.create, function_version=version)
        self.assertEqual(([], []), (self.all(), self.engine.calls))

    def test_input_that_cannot_be_kept(self):
        self.assertRaises(exception.Invalid, self.create,
                          input='{"__function_input": "\\ud800"}')
        self.assertEqual(([], []), (self.all(), self.engine.calls))


class TestLater(ExecutionTest):
    """What can be done with an execution that is there."""

    def test_whose_they_are(self):
        id = self.create().id
        self.assertEqual(id, self.executions.get(MINE, id).id)
        stranger = test_functions.stranger()
        for call in (self.executions.get, self.executions.log,
                     self.executions.delete):
            error = self.assertRaises(
                exception.ExecutionNotFound, call, stranger, id)
            self.assertIn(id, str(error))
        self.assertEqual(id, self.executions.get(
            fixtures.caller('admin'), id).id)

    def test_log(self):
        self.assertEqual('a log', self.executions.log(
            MINE, self.create().id))
        self.assertEqual('', self.executions.log(
            MINE, self.create(sync=False).id))

    def test_list(self):
        first = self.create(description='Created by Job 7').id
        second = self.create(sync=False).id

        def ids(**filters):
            return [row.id for row in self.executions.list(
                MINE, filters, crud.Page())]
        self.assertEqual([first, second], ids())
        self.assertEqual([second], ids(status='running'))
        self.assertEqual([first], ids(description='has:Job 7',
                                      status='in:success,failed'))
        rows = self.executions.list(MINE, {}, crud.Page())
        self.assertEqual([None, None], [row.logs for row in rows])
        self.assertEqual([], self.executions.list(
            fixtures.caller('theirs'), {}, crud.Page()))

    def test_delete_while_it_runs(self):
        id = self.create(sync=False).id
        self.executions.delete(MINE, id)
        self.assertRaises(exception.ExecutionNotFound,
                          self.executions.delete, MINE, id)
        self.assertIsNone(lifecycle.finish(
            self.core.db, id, records.platform_fault('late')))

    def test_one_end_only(self):
        id = self.create(sync=False).id
        first = lifecycle.finish(self.core.db, id, records.Outcome(
            ExecutionStatus.FAILED, 'r', 'l'))
        self.assertEqual(('failed', 'r', None),
                         (first.status, first.result, first.reason))
        self.assertIsNone(lifecycle.finish(
            self.core.db, id, records.platform_fault('late')))
        row = self.row(id)
        self.assertEqual(('failed', 'r', 'l', first.updated_at),
                         (row.status, row.result, row.logs, row.updated_at))

    def test_only_the_owner_ends_it(self):
        id = self.core.insert(models.Execution, owner='me')

        def finish(owner):
            return lifecycle.finish(
                self.core.db, id, records.platform_fault(
                    'it'), lifecycle.OWNED_BY_ME,
                params={'me': owner})
        self.assertIsNone(finish('you'))
        self.assertEqual('running', self.row(id).status)
        self.assertEqual('error', finish('me').status)
        self.assertEqual('{"output": "it"}', self.row(id).result)
