# SPDX-License-Identifier: Apache-2.0
"""Executions: creation, dispatch and end."""

import datetime
import json

from oslotest import base

from qinling.core.execution import dispatch
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import idempotency
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

    def list_rows(self):
        return self.core.db.read(
            lambda tx: crud.select(tx, models.Execution))

    def add_seconds(self, time, seconds):
        return time + datetime.timedelta(seconds=seconds)


class TestSync(ExecutionTest):
    """The caller waits for the end."""

    def test_success(self):
        result = self.create(input='{"a": 1}', description='d')
        row = self.row(result.id)
        self.assertEqual(
            ('success', '{"output": 1}', '{"a": 1}', 'd', True, 'mine',
             self.function.id, 0, None, 0, None, None),
            (row.status, row.result, row.input, row.description, row.sync,
             row.project_id, row.function_id, row.function_version,
             row.function_alias, row.attempt, row.owner,
             row.lease_until))
        for name in ('id', 'status', 'result', 'input', 'created_at',
                     'updated_at', 'project_id', 'description'):
            self.assertEqual(getattr(row, name), getattr(result, name), name)
        self.assertEqual('a log', row.logs)

    def test_engine_gets_the_message_and_target(self):
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

    def test_failed_functions_return_failed_executions(self):
        self.engine.answers['run'] = lambda message, target: lifecycle.finish(
            self.core.db, message.id, outcomes.Outcome(
                ExecutionStatus.FAILED, '{"output": "x"}', 'traceback'))
        self.assertEqual('failed', self.create().status)

    def test_new_rows_are_unclaimed(self):
        self.engine.answers['run'] = self.record_row
        self.create()
        self.assertEqual((None, 0), (self.stored.owner, self.stored.attempt))
        self.assertEqual(self.add_seconds(self.stored.created_at,
                                          self.conf.engine.queue_timeout),
                         self.stored.lease_until)

    def record_row(self, row, target):
        self.stored = self.row(row.id)
        return self.core.succeed(row, target)

    def test_missing_engine_leaves_no_row(self):
        for _ in range(3):
            self.create()
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        self.assertRaises(exception.Unavailable, self.create)
        # The execution was not accepted, so late messages find no row.
        self.assertEqual(3, len(self.core.db.read(
            lambda tx: crud.select(tx, models.Execution))))

    def test_dead_engine_ends_the_execution(self):
        def run(row, _target):
            self.claim_by_other(row)
            raise exception.Unavailable(reason='silence')
        self.patch(dispatch, 'PROBE_INTERVAL_SECONDS', 0)
        # Unknown, dead, alive, and then no more answers.
        answers = iter((None, False, True, False, False))
        self.engine.answers.update(run=run, is_alive=lambda _: next(answers))
        result = self.create()
        self.assertEqual(
            ('error', 'The engine that ran the execution does not answer.'),
            (result.status, json.loads(result.result)['output']))
        row = self.row(result.id)
        self.assertEqual((result.status, result.result, None),
                         (row.status, row.result, row.lease_until))
        self.assertEqual([('is_alive', 'other')] * 5, self.engine.calls[1:])

    def claim_by_other(self, row):
        """Let another engine claim the execution."""
        self.core.db.write(lambda tx: crud.update(
            tx, models.Execution, row.id, {'owner': 'other'}))

    def finish_later(self, row, target):
        """Let another engine finish the execution after the second poll."""
        self.claim_by_other(row)
        self.engine.answers['is_alive'] = True
        read, rows = self.core.db.read, []

        def poll(action):
            rows.append(read(action))
            if len(rows) == 2:
                self.core.succeed(row, target)
            return rows[-1]
        self.core.db.read = poll

    def test_lost_answer_of_a_living_engine(self):
        def run(row, target):
            self.finish_later(row, target)
            raise exception.Unavailable(reason='the bus')
        self.engine.answers['run'] = run
        result = self.create()
        self.assertEqual(('success', '{"output": 1}'),
                         (result.status, result.result))

    def test_unconfirmed_commit_is_repeated(self):
        """Repeat a write after an unconfirmed commit."""
        write = self.core.db.write

        def twice(action, **kwargs):
            write(action, **kwargs)
            self.core.db.write = write
            return write(action, **kwargs)
        self.core.db.write = twice
        self.assertEqual('success', self.create().status)

    def test_late_fault_after_the_end(self):
        def run(row, target):
            self.core.succeed(row, target)
            raise exception.Unavailable(reason='too late')
        self.engine.answers['run'] = run
        result = self.create()
        self.assertEqual(('success', '{"output": 1}'),
                         (result.status, result.result))

    def test_execution_ended_by_another_engine(self):
        def run(row, target):
            self.core.succeed(row, target)
        self.engine.answers['run'] = run
        self.assertEqual('success', self.create().status)

    def test_execution_running_in_another_engine(self):
        self.engine.answers['run'] = self.finish_later
        self.assertEqual('success', self.create().status)

    def test_execution_deleted_during_the_run(self):
        def run(row, _target):
            self.executions.delete(MINE, row.id)
        self.engine.answers['run'] = run
        for request in (None, idempotency.create_request('k', (), ())):
            error = self.assertRaises(
                exception.ExecutionDeleted, self.core.services.triggers.fire,
                MINE, fixtures.execution_request(self.function.id), request)
            self.assertIn('was deleted while', str(error))
        self.assertEqual([], self.list_rows())


class TestAsync(ExecutionTest):
    """The caller does not wait."""

    def test_returns_a_running_execution(self):
        result = self.create(sync=False)
        row = self.row(result.id)
        for execution in (result, row):
            self.assertEqual(('running', None, False, None, 0, None), (
                execution.status, execution.result, execution.sync,
                execution.owner, execution.attempt, execution.updated_at))
        self.assertEqual(
            self.add_seconds(row.created_at, self.conf.engine.queue_timeout),
            row.lease_until)
        self.assertEqual(['start'], self.engine.verbs())

    def test_rows_are_committed_before_dispatch(self):
        self.engine.answers['start'] = lambda row, _: self.assertEqual(
            'running', self.row(row.id).status)
        self.create(sync=False)
        self.assertEqual(['start'], self.engine.verbs())

    def test_asynchronous_rows_are_unclaimed(self):
        self.engine.owner = 'me'
        self.assertIsNone(self.row(self.create(sync=False).id).owner)

    def test_missing_engine_leaves_a_waiting_row(self):
        self.engine.answers['start'] = exception.Unavailable(reason='bus')
        result = self.create(sync=False)
        row = self.row(result.id)
        self.assertEqual(('running', None), (row.status, row.owner))
        self.assertIsNotNone(row.lease_until)


class TestTargets(ExecutionTest):
    """Targets and counters."""

    def setUp(self):
        super().setUp()
        self.version = self.core.insert(
            models.FunctionVersion, function_id=self.function.id,
            version_number=3, runtime_id=self.function.runtime_id,
            project_id='mine')

    def counts(self):
        return (self.core.row(models.Function, self.function.id).count,
                self.core.row(models.FunctionVersion, self.version).count)

    def test_executions_are_counted_per_version(self):
        self.create()
        self.create(sync=False)
        self.create(function_version=3)
        self.assertEqual((2, 1), self.counts())
        row = self.core.row(models.Function, self.function.id)
        self.assertEqual((self.function.updated_at, self.function.revision),
                         (row.updated_at, row.revision))

    def test_accepted_executions_are_counted(self):
        self.engine.answers['start'] = exception.Unavailable(reason='none')
        self.create(sync=False)
        self.assertEqual((1, 0), self.counts())
        self.engine.answers['run'] = exception.Unavailable(reason='none')
        self.assertRaises(exception.Unavailable, self.create)
        self.assertEqual((1, 0), self.counts())

    def test_rows_record_the_alias_and_version(self):
        self.core.insert(models.FunctionAlias, name='prod',
                         function_id=self.function.id, function_version=3,
                         project_id='mine')
        result = self.create(function_alias='prod', function_id='none',
                             function_version=8)
        row = self.row(result.id)
        self.assertEqual(
            ('prod', self.function.id, 3),
            (row.function_alias, row.function_id, row.function_version))
        self.assertEqual((0, 1), self.counts())

    def test_unknown_targets(self):
        for values, kind in (
                ({'function_id': 'none'}, exception.FunctionNotFound),
                ({'function_version': 4},
                 exception.FunctionVersionNotFound),
                ({'function_alias': 'none'},
                 exception.FunctionAliasNotFound)):
            self.assertRaises(kind, self.create, **values)
        self.assertRaises(exception.FunctionNotFound, self.create,
                          test_functions.stranger())
        self.assertEqual(([], []), (self.list_rows(), self.engine.calls))

    def test_executions_belong_to_the_project_of_the_function(self):
        self.assertEqual('mine', self.create(
            fixtures.caller('theirs')).project_id)

    def test_unavailable_runtime(self):
        for status in ('error', 'deleting'):
            self.core.db.write(lambda tx: crud.update(
                tx, models.Runtime, self.function.runtime_id,
                {'status': status}))
            error = self.assertRaises(
                exception.RuntimeNotAvailable, self.create)
            self.assertEqual(409, error.http_code)
            self.assertIn(status, str(error))
        self.assertEqual(([], [], (0, 0)),
                         (self.list_rows(), self.engine.calls, self.counts()))

    def test_runtimes_serve_during_a_change(self):
        for status in ('creating', 'upgrading'):
            self.core.db.write(lambda tx: crud.update(
                tx, models.Runtime, self.function.runtime_id,
                {'status': status}))
            self.assertEqual('success', self.create().status)

    def test_target_deleted_before_the_write(self):
        write = self.core.db.write
        deleted = {0: (models.Function, self.function.id,
                       exception.FunctionNotFound),
                   3: (models.FunctionVersion, self.version,
                       exception.FunctionVersionNotFound)}
        for version in (3, 0):
            model, id, kind = deleted[version]

            def delete_and_write(action, **kwargs):
                write(lambda tx: crud.delete(tx, model, id))
                return write(action, **kwargs)
            self.core.db.write = delete_and_write
            self.assertRaises(kind, self.create, function_version=version)
        self.assertEqual(([], []), (self.list_rows(), self.engine.calls))

    def test_invalid_input_is_refused(self):
        self.assertRaises(exception.Invalid, self.create,
                          input='{"__function_input": "\\ud800"}')
        self.assertEqual(([], []), (self.list_rows(), self.engine.calls))


class TestExisting(ExecutionTest):
    """Existing executions."""

    def test_executions_of_other_projects_are_hidden(self):
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
                MINE, filters.items(), crud.Page())]
        self.assertEqual([first, second], ids())
        self.assertEqual([second], ids(status='running'))
        self.assertEqual([first], ids(description='has:Job 7',
                                      status='in:success,failed'))
        rows = self.executions.list(MINE, (), crud.Page())
        self.assertEqual([None, None], [row.logs for row in rows])
        self.assertEqual([], self.executions.list(
            fixtures.caller('theirs'), (), crud.Page()))

    def test_delete_of_a_running_execution(self):
        id = self.create(sync=False).id
        self.executions.delete(MINE, id)
        self.assertRaises(exception.ExecutionNotFound,
                          self.executions.delete, MINE, id)
        self.assertIsNone(lifecycle.finish(
            self.core.db, id, outcomes.platform_fault('late')))

    def test_executions_end_once(self):
        id = self.create(sync=False).id
        first = lifecycle.finish(self.core.db, id, outcomes.Outcome(
            ExecutionStatus.FAILED, 'r', 'l'))
        self.assertEqual(('failed', 'r', None),
                         (first.status, first.result, first.reason))
        self.assertIsNone(lifecycle.finish(
            self.core.db, id, outcomes.platform_fault('late')))
        row = self.row(id)
        self.assertEqual(('failed', 'r', 'l', first.updated_at),
                         (row.status, row.result, row.logs, row.updated_at))

    def test_only_the_owner_ends_executions(self):
        id = self.core.insert(models.Execution, owner='me')

        def finish(owner):
            return lifecycle.finish(
                self.core.db, id, outcomes.platform_fault(
                    'it'), lifecycle.OWNED_BY_ME,
                params={'me': owner})
        self.assertIsNone(finish('you'))
        self.assertEqual('running', self.row(id).status)
        self.assertEqual('error', finish('me').status)
        self.assertEqual('{"output": "it"}', self.row(id).result)
