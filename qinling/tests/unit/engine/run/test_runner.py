# SPDX-License-Identifier: Apache-2.0
"""Runner of single executions."""

import dataclasses
import datetime
import json
import threading

from qinling.core.execution import records
from qinling.core.function import retry_policy as retry_policies
from qinling.core.function import schemas
from qinling.db import crud
from qinling.db import models
from qinling.engine.run import attempts
from qinling.engine.run import completion
from qinling.engine.run import runner
from qinling.engine.workers import invoker
from qinling.engine.workers import scaling
from qinling.engine.workers import tokens
from qinling.engine.workers import worker_set
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.engine import base

GOOD = (200, {'status': 'success', 'output': {'a': [1, None]},
              'duration': 0.5, 'log': 'a\0b'})
BAD = (200, {'status': 'failed', 'output': 'why', 'duration': 1,
             'log': ''})


class Script:
    """Fake scaling and invoker.

    Each call consumes the next event, an answer or an exception.
    """

    def __init__(self, *events):
        self.events = list(events)
        self.requests = []
        self.releases = []
        self.retired = []
        self.exit_reason = None

    def acquire_slot(self, target, deadline):
        if isinstance(self.events[0], scaling.NoWorker | TypeError
                      | exception.PermanentError | exception.OutOfReach
                      | exception.Unavailable):
            raise self.events.pop(0)
        return worker_set.LoadedWorker(base.worker(), None)

    def release_slot(self, loaded, is_broken=False, is_lost=False):
        self.releases.append(is_broken)
        return self.exit_reason if is_lost else None

    def retire(self, worker):
        self.retired.append(worker.name)

    def cancel(self, worker, id):
        self.cancelled = getattr(self, 'cancelled', []) + [(worker.name, id)]
        return 404 if len(self.cancelled) < 3 else 200, {}

    def execute(self, worker, request, timeout, max_bytes=None):
        self.requests.append((request, timeout))
        event = self.events.pop(0)
        if callable(event):
            event = event()
        if isinstance(event, Exception):
            raise event
        return event


class RunnerTest(base.TestCase):
    """The runner of the engine ``me``."""

    target = base.target()
    exit_reason = images = None
    builds = base.NoBuilds()

    def create_runner(self, *events):
        self.script = Script(*events)
        self.script.exit_reason = self.exit_reason
        self.timer = base.Timer()
        completer = completion.Completion(
            self.conf, self.db, base.Queue(), self.timer)
        self.attempts = attempts.Attempts(
            self.conf, self.script, self.script,
            tokens.Tokens(None, None), self.images)
        return runner.Runner(self.conf, self.db, 'me', self.attempts,
                             completer, self.builds)

    def run_execution(self, *events, input=None, sync=True, **values):
        """Return the result of ``run`` and the row afterwards."""
        values.setdefault('owner', 'me')
        id = self.add_execution(input=input, sync=sync, **values)
        self.runner = self.create_runner(*events)
        result = self.runner.run(
            records.ExecutionMessage(id, input, sync, values['owner']),
            self.target)
        return result, self.execution(id)


class TestRunner(RunnerTest):
    """Executions on workers."""

    def test_success_is_written_once_and_returned(self):
        result, row = self.run_execution(GOOD, input='{"x": 1}')
        self.assertEqual('success', row.status)
        self.assertEqual({'output': {'a': [1, None]}, 'duration': 0.5},
                         json.loads(row.result))
        self.assertEqual('a\ufffdb', row.logs)
        self.assertIsNone(row.owner)
        self.assertIsNone(row.lease_until)
        for name, value in result.columns().items():
            self.assertEqual(value, getattr(row, name), name)
        request, timeout = self.script.requests[0]
        self.assertEqual(([], {'x': 1}, 5),
                         (request['args'], request['kwargs'],
                          request['timeout']))
        self.assertGreater(timeout, 5 + self.conf.engine.import_timeout)
        self.assertEqual([False], self.script.releases)
        self.assertTrue(self.runner.is_idle)

    def test_failure_of_the_function(self):
        _, row = self.run_execution(BAD)
        self.assertEqual('failed', row.status)
        self.assertEqual('why', json.loads(row.result)['output'])

    def test_dead_workers_are_replaced(self):
        _, row = self.run_execution(invoker.NotSent('gone'), GOOD)
        self.assertEqual('success', row.status)
        self.assertEqual([True, False], self.script.releases)

    def test_busy_workers_are_replaced(self):
        _, row = self.run_execution((409, {'error': 'idle'}), GOOD)
        self.assertEqual('success', row.status)
        self.assertEqual([True, False], self.script.releases)

    def test_draining_workers_finish_their_executions(self):
        _, row = self.run_execution((503, {'error': 'busy'}), GOOD)
        self.assertEqual('success', row.status)
        self.assertEqual(['w'], self.script.retired)
        self.assertEqual([False, False], self.script.releases)

    def test_lost_executions_are_not_repeated(self):
        _, row = self.run_execution(invoker.Lost('reset'), GOOD)
        self.assertEqual('error', row.status)
        self.assertIn('worker died', row.result)
        self.assertEqual(1, len(self.script.requests))
        self.assertEqual([True], self.script.releases)

    def test_agent_faults_are_not_repeated(self):
        _, row = self.run_execution((500, {'error': 'a bug'}), GOOD)
        self.assertEqual('error', row.status)
        self.assertEqual(1, len(self.script.requests))

    def test_platform_faults_are_errors_with_a_reason(self):
        for event, words in (
                (scaling.NoWorker('all busy'), 'all busy'),
                (exception.PermanentError('bad image'), 'bad image'),
                (TypeError('a bug'), 'internal fault')):
            _, row = self.run_execution(event)
            self.assertEqual('error', row.status)
            self.assertIn(words, row.result)

    def test_run_claims_unclaimed_rows(self):
        _, row = self.run_execution(GOOD, owner=None)
        self.assertEqual(('success', 1), (row.status, row.attempt))

    def test_run_leaves_rows_of_other_engines(self):
        for values in ({'owner': 'other'}, {'status': 'success'}):
            id = self.add_execution(**values)
            new_runner = self.create_runner(GOOD)
            self.assertIsNone(new_runner.run(
                base.message(id, True, None),
                base.target()))
            self.assertEqual([], self.script.requests)

    def test_late_results_are_dropped(self):
        id = self.add_execution(owner='me')

        def taken_over():
            self.db.write(lambda tx: tx.exec_driver_sql(
                "UPDATE executions SET owner = 'other'"))
            return GOOD
        result = self.create_runner(taken_over).run(
            base.message(id, True, 'me'),
            base.target())
        self.assertIsNone(result)
        self.assertEqual('running', self.execution(id).status)

    def test_concurrent_claims(self):
        id = self.add_execution(sync=False)
        row = base.message(id, False, None)
        runners = [self.create_runner(GOOD) for _ in range(8)]
        for number, new_runner in enumerate(runners):
            new_runner._owner = f'engine-{number}'
        results = []
        threads = [threading.Thread(
            target=lambda new_runner=new_runner: results.append(
                new_runner.run(row, base.target()))) for new_runner in runners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(base.PATIENCE)
        self.assertEqual(7, results.count(None))
        self.assertEqual(1, self.execution(id).attempt)

    def test_running_executions_are_claimed(self):
        id = self.add_execution(owner='me')
        states = []

        def record_state():
            states.append((new_runner.claimed_ids(),
                           new_runner.leased_ids(60),
                           new_runner.is_idle))
            return GOOD
        new_runner = self.create_runner(record_state)
        new_runner.run(base.message(id, True, 'me'),
                       base.target())
        self.assertEqual([([id], [], False)], states)
        self.assertEqual([], new_runner.claimed_ids())

    def cancel_during(self, sync, status='cancelled'):
        """Return the row of an execution cancelled during the run."""
        id = self.add_execution(owner='me', sync=sync)

        def cancel():
            self.db.write(lambda tx: crud.change_status(
                tx, models.Execution, id, status))
            self.runner.cancel(id)
            return BAD[0], dict(BAD[1], log='so far')
        self.runner = self.create_runner(cancel)
        result = self.runner.run(base.message(id, sync, 'me'), base.target())
        self.assertIsNone(result)
        # The worker started the execution only before the third request.
        self.assertEqual([('w', id)] * 3, self.script.cancelled)
        return self.execution(id)

    def test_cancel(self):
        for sync in (True, False):
            row = self.cancel_during(sync)
            self.assertEqual(('cancelled', None, 'so far'),
                             (row.status, row.result, row.logs))

    def test_cancel_keeps_logs_only_of_cancelled_rows(self):
        self.assertIsNone(self.cancel_during(False, 'error').logs)

    def test_cancel_before_the_claim_of_a_worker(self):
        id = self.add_execution(owner='me', sync=False)
        self.runner = self.create_runner(GOOD)
        acquire = self.script.acquire_slot

        def cancelled(target, deadline):
            self.runner._claimed[id].cancelled = True
            return acquire(target, deadline)
        self.script.acquire_slot = cancelled
        self.runner.run(base.message(id, False, 'me'), base.target())
        self.assertEqual(([], [False]),
                         (self.script.requests, self.script.releases))

    def test_late_cancel_is_ignored(self):
        """Ignore a cancellation during a later attempt."""
        id = self.add_execution(owner='me', sync=False)

        def cancel():
            self.runner.cancel(id)
            return GOOD
        self.runner = self.create_runner(cancel)
        self.runner.run(base.message(id, False, 'me'), base.target())
        self.assertFalse(hasattr(self.script, 'cancelled'))
        self.assertEqual('success', self.execution(id).status)

    def test_cancel_of_an_unknown_execution(self):
        self.create_runner().cancel('x')
        self.assertFalse(hasattr(self.script, 'cancelled'))

    def test_cancel_with_a_lost_worker(self):
        id = self.add_execution(owner='me', sync=False)

        def cancel():
            self.db.write(lambda tx: crud.delete(tx, models.Execution, id))
            self.runner.cancel(id)
            return GOOD
        self.runner, ids = self.create_runner(cancel), []

        def raise_lost(worker, id):
            ids.append(id)
            raise invoker.Lost('gone')
        self.script.cancel = raise_lost
        self.assertIsNone(self.runner.run(
            base.message(id, False, 'me'),
            base.target()))
        self.assertEqual([id], ids)

    def test_max_age_ends_the_execution(self):
        policy = retry_policies.parse({'retries': 3, 'max_age': 60})
        for seconds, status in ((61, 'error'), (30, 'success')):
            id = self.add_execution(sync=False, created_at=models.now()
                                    - datetime.timedelta(seconds=seconds))
            self.create_runner(GOOD).run(
                base.message(id, False, None),
                base.target(async_policy=policy))
            row = self.execution(id)
            self.assertEqual(status, row.status)
            self.assertEqual(status == 'error',
                             'within its max_age of 60 s' in row.result)

    def test_stopping_engine_leaves_asynchronous_executions(self):
        def stop():
            self.attempts.stopping = True
            return invoker.Lost('closed')
        for sync, status in ((False, 'running'), (True, 'error')):
            id = self.add_execution(owner='me', sync=sync)
            self.runner = self.create_runner(stop)
            self.runner.run(base.message(id, sync, 'me'), base.target())
            row = self.execution(id)
            self.assertEqual((status, None), (row.status, row.owner))
        self.assertIn('stopped', row.result)

    def test_out_of_memory_is_a_failure(self):
        self.exit_reason = orchestrators.ExitReason(
            'too much memory', own_fault=True)
        _, row = self.run_execution(invoker.Lost('reset'))
        self.assertEqual(
            ('failed', 'too much memory', {
                'output': 'Function execution failed because of too much '
                          'resource consumption'}),
            (row.status, row.detail, json.loads(row.result)))

    def test_eviction_is_an_error(self):
        self.exit_reason = orchestrators.ExitReason('evicted')
        _, row = self.run_execution(invoker.Lost('reset'))
        self.assertEqual(('error', {'output': 'evicted'}),
                         (row.status, json.loads(row.result)))


class TestSchemas(RunnerTest):
    """Outputs against the schema of the function."""

    def run_function(self, output, schema, **values):
        function = self.add_function()
        self.db.write(lambda tx: crud.update(
            tx, models.Function, function,
            schemas.plan(None, {'output_schema': schema})))
        digest = schemas.compute_digest(
            {'input_schema': None, 'output_schema': schema})
        self.target = dataclasses.replace(
            self.target, function_id=function, schema_digest=digest)
        return self.run_execution((200, {
            'status': 'success', 'output': output, 'duration': 0.5,
            'log': 'a'}), **values)[1]

    def test_output_that_fits(self):
        row = self.run_function({'a': 1}, {'required': ['a']})
        self.assertEqual(('success', None), (row.status, row.reason))

    def test_output_that_does_not(self):
        for sync in (True, False):
            row = self.run_function(
                {'secret': 'value'}, {'required': ['a'], 'properties': {
                    'secret': {'type': 'null'}}}, sync=sync)
            self.assertEqual(('failed', 'output_refused', 'a'),
                             (row.status, row.reason, row.logs))
            result = json.loads(row.result)
            self.assertEqual(0.5, result['duration'])
            self.assertEqual({'', '/secret'}, {
                error['pointer'] for error in result['errors']})
            self.assertIn('/secret must be of the type null',
                          result['output'])
            self.assertNotIn('value', row.result)

    def test_failures_are_not_checked(self):
        self.run_function(1, {'type': 'string'})
        _, row = self.run_execution(BAD)
        self.assertEqual('user_error', row.reason)

    def test_deleted_function(self):
        self.target = dataclasses.replace(
            self.target, function_id='gone', schema_digest='d' * 64)
        _, row = self.run_execution(GOOD)
        self.assertEqual('success', row.status)
