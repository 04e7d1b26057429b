# SPDX-License-Identifier: Apache-2.0
"""One execution at a time."""

import datetime
import json
import threading

from qinling.core.execution import records
from qinling.core.function import retry_policy as retry_policies
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
    """Plays the scaling and the invoker: each call meets the next of its
    events, an answer or an exception."""

    def __init__(self, *events):
        self.events = list(events)
        self.orders = []
        self.seats = []
        self.death = None

    def acquire_slot(self, target, deadline):
        if isinstance(self.events[0], scaling.NoWorker | TypeError
                      | exception.PermanentError):
            raise self.events.pop(0)
        return worker_set.LoadedWorker(base.worker(), None)

    def release_slot(self, loaded, is_broken=False, is_lost=False):
        self.seats.append(is_broken)
        return self.death if is_lost else None

    def cancel(self, worker, id):
        self.cancelled = getattr(self, 'cancelled', []) + [(worker.name, id)]
        return 404 if len(self.cancelled) < 3 else 200, {}

    def execute(self, worker, order, timeout):
        self.orders.append((order, timeout))
        event = self.events.pop(0)
        if callable(event):
            event = event()
        if isinstance(event, Exception):
            raise event
        return event


class RunnerTest(base.TestCase):
    """The runner of an engine called ``me``."""

    target = base.target()
    death = images = None
    builds = base.NoBuilds()

    def make(self, *events):
        self.script = Script(*events)
        self.script.death = self.death
        follow = completion.Completion(
            self.conf, self.db, base.Queue(), base.Timer())
        self.attempts = attempts.Attempts(
            self.conf, self.script, self.script,
            tokens.Tokens(None, None), self.images)
        return runner.Runner(self.conf, self.db, 'me', self.attempts,
                             follow, self.builds)

    def run_one(self, *events, input=None, sync=True, **values):
        """(what run() returned, the row afterwards)."""
        values.setdefault('owner', 'me')
        id = self.add_execution(input=input, sync=sync, **values)
        self.runner = self.make(*events)
        found = self.runner.run(
            records.ExecutionMessage(id, input, sync, values['owner']),
            self.target)
        return found, self.execution(id)


class TestRunner(RunnerTest):
    """Executions on workers."""

    def test_success_is_written_once_and_returned(self):
        found, row = self.run_one(GOOD, input='{"x": 1}')
        self.assertEqual('success', row.status)
        self.assertEqual({'output': {'a': [1, None]}, 'duration': 0.5},
                         json.loads(row.result))
        self.assertEqual('a\ufffdb', row.logs)
        self.assertIsNone(row.owner)
        self.assertIsNone(row.lease_until)
        for name, value in vars(found).items():
            self.assertEqual(value, getattr(row, name), name)
        order, timeout = self.script.orders[0]
        self.assertEqual(([], {'x': 1}, 5),
                         (order['args'], order['kwargs'], order['timeout']))
        self.assertGreater(timeout, 5)
        self.assertEqual([False], self.script.seats)
        self.assertTrue(self.runner.idle.is_set())

    def test_failure_of_the_function(self):
        _, row = self.run_one(BAD)
        self.assertEqual('failed', row.status)
        self.assertEqual('why', json.loads(row.result)['output'])

    def test_a_worker_that_was_gone_is_replaced(self):
        _, row = self.run_one(invoker.NotSent('gone'), GOOD)
        self.assertEqual('success', row.status)
        self.assertEqual([True, False], self.script.seats)

    def test_a_worker_that_refuses_is_replaced(self):
        _, row = self.run_one((503, {'error': 'busy'}), GOOD)
        self.assertEqual('success', row.status)
        self.assertEqual([True, False], self.script.seats)

    def test_what_may_have_run_is_not_run_again(self):
        _, row = self.run_one(invoker.Lost('reset'), GOOD)
        self.assertEqual('error', row.status)
        self.assertIn('worker died', row.result)
        self.assertEqual(1, len(self.script.orders))
        self.assertEqual([True], self.script.seats)

    def test_a_fault_of_the_agent_is_not_run_again(self):
        _, row = self.run_one((500, {'error': 'a bug'}), GOOD)
        self.assertEqual('error', row.status)
        self.assertEqual(1, len(self.script.orders))

    def test_platform_faults_are_errors_with_a_reason(self):
        for event, words in (
                (scaling.NoWorker('all busy'), 'all busy'),
                (exception.PermanentError('bad image'), 'bad image'),
                (TypeError('a bug'), 'internal fault')):
            _, row = self.run_one(event)
            self.assertEqual('error', row.status)
            self.assertIn(words, row.result)

    def test_claims_what_nobody_owns(self):
        _, row = self.run_one(GOOD, owner=None)
        self.assertEqual(('success', 1), (row.status, row.attempt))

    def test_leaves_what_another_owns(self):
        for values in ({'owner': 'other'}, {'status': 'success'}):
            id = self.add_execution(**values)
            made = self.make(GOOD)
            self.assertIsNone(made.run(
                base.message(id, True, None),
                base.target()))
            self.assertEqual([], self.script.orders)

    def test_a_late_result_is_refused(self):
        id = self.add_execution(owner='me')

        def taken_over():
            self.db.write(lambda tx: tx.exec_driver_sql(
                "UPDATE executions SET owner = 'other'"))
            return GOOD
        found = self.make(taken_over).run(
            base.message(id, True, 'me'),
            base.target())
        self.assertIsNone(found)
        self.assertEqual('running', self.execution(id).status)

    def test_two_claims_of_one_execution(self):
        id = self.add_execution(sync=False)
        row = base.message(id, False, None)
        runners = [self.make(GOOD) for _ in range(8)]
        for number, each in enumerate(runners):
            each._owner = f'engine-{number}'
        found = []
        threads = [threading.Thread(target=lambda each=each: found.append(
            each.run(row, base.target()))) for each in runners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(base.PATIENCE)
        self.assertEqual(7, found.count(None))
        self.assertEqual(1, self.execution(id).attempt)

    def test_held_while_it_runs(self):
        id = self.add_execution(owner='me')
        seen = []

        def look():
            seen.append((made.claimed_ids(), made.claimed_ids(older_than=60),
                         made.idle.is_set()))
            return GOOD
        made = self.make(look)
        made.run(base.message(id, True, 'me'),
                 base.target())
        self.assertEqual([([id], [], False)], seen)
        self.assertEqual([], made.claimed_ids())

    def cancel_during(self, sync, status='cancelled'):
        """The row of an execution that is cancelled while it runs."""
        id = self.add_execution(owner='me', sync=sync)

        def cancel():
            self.db.write(lambda tx: crud.change_status(
                tx, models.Execution, id, status))
            self.runner.cancel(id)
            return BAD[0], dict(BAD[1], log='so far')
        self.runner = self.make(cancel)
        found = self.runner.run(base.message(id, sync, 'me'), base.target())
        self.assertIsNone(found)
        # The worker had not quite begun it at first.
        self.assertEqual([('w', id)] * 3, self.script.cancelled)
        return self.execution(id)

    def test_cancel(self):
        for sync in (True, False):
            row = self.cancel_during(sync)
            self.assertEqual(('cancelled', None, 'so far'),
                             (row.status, row.result, row.logs))

    def test_cancel_keeps_no_log_of_what_ended_otherwise(self):
        self.assertIsNone(self.cancel_during(False, 'error').logs)

    def test_cancel_before_there_is_a_worker(self):
        id = self.add_execution(owner='me', sync=False)
        self.runner = self.make(GOOD)
        acquire = self.script.acquire_slot

        def cancelled(target, deadline):
            self.runner._claimed[id].cancelled = True
            return acquire(target, deadline)
        self.script.acquire_slot = cancelled
        self.runner.run(base.message(id, False, 'me'), base.target())
        self.assertEqual(([], [False]),
                         (self.script.orders, self.script.seats))

    def test_cancel_of_what_goes_on(self):
        """The word came so late that there is another attempt already."""
        id = self.add_execution(owner='me', sync=False)

        def cancel():
            self.runner.cancel(id)
            return GOOD
        self.runner = self.make(cancel)
        self.runner.run(base.message(id, False, 'me'), base.target())
        self.assertFalse(hasattr(self.script, 'cancelled'))
        self.assertEqual('success', self.execution(id).status)

    def test_cancel_of_what_is_not_here(self):
        self.make().cancel('x')
        self.assertFalse(hasattr(self.script, 'cancelled'))

    def test_cancel_without_a_worker_that_answers(self):
        id = self.add_execution(owner='me', sync=False)

        def cancel():
            self.db.write(lambda tx: crud.delete(tx, models.Execution, id))
            self.runner.cancel(id)
            return GOOD
        self.runner, asked = self.make(cancel), []

        def lost(worker, id):
            asked.append(id)
            raise invoker.Lost('gone')
        self.script.cancel = lost
        self.assertIsNone(self.runner.run(
            base.message(id, False, 'me'),
            base.target()))
        self.assertEqual([id], asked)

    def test_too_old_to_be_begun(self):
        policy = retry_policies.parse({'retries': 3, 'max_age': 60})
        for seconds, status in ((61, 'error'), (30, 'success')):
            id = self.add_execution(sync=False, created_at=models.now()
                                    - datetime.timedelta(seconds=seconds))
            self.make(GOOD).run(
                base.message(id, False, None),
                base.target(async_policy=policy))
            row = self.execution(id)
            self.assertEqual(status, row.status)
            self.assertEqual(status == 'error',
                             'within its max_age of 60 s' in row.result)

    def test_a_stopping_engine_leaves_asynchronous_work(self):
        def stop():
            self.attempts.stopping = True
            return invoker.Lost('closed')
        for sync, status in ((False, 'running'), (True, 'error')):
            id = self.add_execution(owner='me', sync=sync)
            self.runner = self.make(stop)
            self.runner.run(base.message(id, sync, 'me'), base.target())
            row = self.execution(id)
            self.assertEqual((status, None), (row.status, row.owner))
        self.assertIn('stopped', row.result)

    def test_out_of_memory_is_the_functions_fault(self):
        self.death = orchestrators.ExitReason(
            'too much memory', own_fault=True)
        _, row = self.run_one(invoker.Lost('reset'))
        self.assertEqual(('failed', {'output': 'too much memory'}),
                         (row.status, json.loads(row.result)))

    def test_eviction_is_not(self):
        self.death = orchestrators.ExitReason('evicted')
        _, row = self.run_one(invoker.Lost('reset'))
        self.assertEqual(('error', {'output': 'evicted'}),
                         (row.status, json.loads(row.result)))
