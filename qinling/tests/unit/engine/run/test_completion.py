# SPDX-License-Identifier: Apache-2.0
"""Retries and failure handlers of asynchronous executions."""

import datetime
import json

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.function import retry_policy as policies
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import heartbeat
from qinling.engine.periodic import reaper
from qinling.engine.run import completion
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.tests.unit.engine import base

FAILED = outcomes.Outcome(ExecutionStatus.FAILED, '{"output": "why"}',
                          'a log')
DONE = outcomes.Outcome(ExecutionStatus.SUCCESS, '{"output": 1}', 'a log')


class RetriesTest(base.TestCase):
    def setUp(self):
        super().setUp()
        queue, timer = base.Queue(), base.Timer()
        self.submitted, self.scheduled = queue.submitted, timer.waiting
        self.queue = queue
        self.completion = completion.Completion(
            self.conf, self.db, queue, timer)
        self.reaper = reaper.Reaper(
            self.conf, self.db, 'me', self.completion, base.Local())
        self.function = self.add_function()

    def add_claimed(self, **values):
        """Return the id of an execution of this engine."""
        return self.add_execution(self.function, **{
            'owner': 'me', 'attempt': 1, 'sync': False, **values})

    def conclude(self, id, outcome=FAILED, final=False, **policy):
        """Return the execution after an attempt, under a policy."""
        target = base.target(function_id=self.function,
                             async_policy=policies.parse(policy))
        return self.completion.conclude(
            id, outcome, target, lifecycle.OWNED_BY_ME, params={'me': 'me'},
            final=final)

    def rows(self):
        return self.db.read(lambda tx: crud.select(tx, models.Execution))


class TestAttempts(RetriesTest):
    def test_late_message_leaves_a_waiting_execution(self):
        id = self.add_claimed()
        end = self.conclude(id, retries=1)
        until = models.now() + base.FUTURE
        self.assertFalse(lifecycle.claim(self.db, id, 'other', until))
        self.assertFalse(lifecycle.is_unclaimed(self.db, id))
        row = self.execution(id)
        self.assertEqual((None, end.next_attempt_at), (
            row.owner, row.lease_until))
        self.reaper.resume(id, end.next_attempt_at)
        self.assertTrue(lifecycle.claim(self.db, id, 'other', until))

    def test_stopping_engine_leaves_a_waiting_execution(self):
        id = self.add_claimed()
        end = self.conclude(id, retries=1)
        self.reaper.release([id])
        self.assertEqual(end.next_attempt_at,
                         self.execution(id).lease_until)

    def test_no_policy(self):
        id = self.add_claimed()
        self.assertEqual('failed', self.conclude(id).status)
        row = self.execution(id)
        self.assertEqual(('failed', 'a log', None, None), (
            row.status, row.logs, row.next_attempt_at, row.lease_until))
        self.assertEqual([], self.scheduled)

    def test_retry(self):
        id = self.add_claimed()
        before = models.now()
        self.conclude(id, retries=1, delay=100)
        row = self.execution(id)
        self.assertEqual(
            ('running', None, 1, 1, 'a log', None, row.lease_until),
            (row.status, row.owner, row.attempt, row.retry, row.logs,
             row.result, row.next_attempt_at))
        self.assertGreaterEqual(row.next_attempt_at - before,
                                datetime.timedelta(seconds=50))
        self.assertLessEqual(row.next_attempt_at - models.now(),
                             datetime.timedelta(seconds=100))
        self.assertEqual([(row.next_attempt_at, id)], self.scheduled)

    def test_platform_errors_are_retried(self):
        id = self.add_claimed()
        self.conclude(id, outcomes.platform_fault('no worker'), retries=1)
        self.assertEqual('running', self.execution(id).status)

    def test_successful_executions_are_not_retried(self):
        id = self.add_claimed()
        self.conclude(id, DONE, retries=5, on_failure={'function_alias': 'a'})
        self.assertEqual('success', self.execution(id).status)
        self.assertEqual(([], []), (self.scheduled, self.submitted))

    def test_retries_are_limited(self):
        id = self.add_claimed(attempt=3, retry=2)
        self.conclude(id, retries=2)
        self.assertEqual('failed', self.execution(id).status)

    def test_final_failures_are_not_retried(self):
        id = self.add_claimed()
        self.conclude(id, final=True, retries=2)
        self.assertEqual('failed', self.execution(id).status)

    def test_delays_grow_with_jitter(self):
        policy = policies.parse({'retries': 100, 'delay': 2})
        for retry, minimum, maximum in ((0, 1, 2), (1, 2, 4), (2, 4, 8),
                                        (50, 1800, 3600)):
            row = self.execution(self.add_claimed(retry=retry))
            waits = {(policies.next_attempt(
                policy, row.retry, row.created_at, row.created_at)
                      - row.created_at).total_seconds() for _ in range(50)}
            self.assertGreaterEqual(min(waits), minimum)
            self.assertLessEqual(max(waits), maximum)
            self.assertGreater(len(waits), 25)

    def test_max_age_ends_retries(self):
        old = models.now() - datetime.timedelta(seconds=60)
        for max_age, status in ((61, 'failed'), (70, 'running')):
            id = self.add_claimed(created_at=old)
            self.conclude(id, retries=1, delay=3, max_age=max_age)
            self.assertEqual(status, self.execution(id).status)

    def test_executions_of_other_engines_are_unchanged(self):
        for values in ({'owner': 'other'}, {'status': 'cancelled'}):
            for policy in ({'retries': 1}, {}, {
                    'on_failure': {'function_id': self.function}}):
                id = self.add_claimed(**values)
                before = self.execution(id)
                self.assertIsNone(self.conclude(id, **policy))
                self.assertEqual(before, self.execution(id))
        self.assertIsNone(self.conclude('gone', retries=1))
        self.assertEqual(([], []), (self.scheduled, self.submitted))


class TestWaiting(RetriesTest):
    """Rows between two attempts."""

    def add_waiting(self, at=base.PAST, **values):
        at = models.now() + at
        return self.add_claimed(owner=None, retry=1, next_attempt_at=at,
                                lease=None, lease_until=at, **values), at

    def add_claimed(self, lease=base.FUTURE, **values):
        if 'lease_until' in values:
            return self.add(models.Execution, function_id=self.function,
                            status='running', sync=False, **values)
        return super().add_claimed(lease=lease, **values)

    def test_resume_submits_the_execution(self):
        id, at = self.add_waiting()
        self.reaper.resume(id, at)
        self.assertEqual([id], [row.id for row, _ in self.submitted])
        row = self.execution(id)
        self.assertIsNone(row.next_attempt_at)
        self.assertGreater(row.lease_until, models.now())

    def test_resume_submits_once(self):
        id, at = self.add_waiting()
        self.reaper.resume(id, at)
        self.reaper.resume(id, at)
        self.reaper.sweep()
        self.assertEqual(1, len(self.submitted))

    def test_sweep_resumes_attempts_of_dead_engines(self):
        id, _ = self.add_waiting()
        self.assertEqual(1, self.reaper.sweep())
        self.assertEqual([id], [row.id for row, _ in self.submitted])

    def test_sweep_leaves_later_attempts(self):
        self.add_waiting(base.FUTURE)
        self.assertEqual(0, self.reaper.sweep())

    def test_recover_schedules_later_attempts(self):
        due, _ = self.add_waiting()
        later, at = self.add_waiting(base.FUTURE)
        self.reaper.recover()
        self.assertEqual([due], [row.id for row, _ in self.submitted])
        self.assertEqual([(at, later)], self.scheduled)

    def test_retries_do_not_count_as_deaths(self):
        limit = self.conf.engine.max_attempts
        for deaths, status in ((limit - 1, 'running'), (limit, 'error')):
            id = self.add_claimed(
                owner='dead', attempt=7 + deaths, retry=7,
                lease_until=models.now() + base.PAST)
            self.reaper.sweep()
            self.assertEqual(status, self.execution(id).status)

    def test_renewals_keep_the_time_of_the_attempt(self):
        id, at = self.add_waiting(base.FUTURE)
        self.assertEqual([id], heartbeat.Heartbeat(
            self.conf, self.db, 'me', False).renew([id]))
        self.assertEqual(at, self.execution(id).lease_until)

    def test_cancelled_executions_are_not_resumed(self):
        id, at = self.add_waiting()
        lifecycle.finish(self.db, id, outcomes.Outcome(
            ExecutionStatus.CANCELLED, '{}'))
        self.reaper.resume(id, at)
        self.reaper.sweep()
        self.assertEqual([], self.submitted)
        self.assertIsNone(self.execution(id).next_attempt_at)


class TestCalls(RetriesTest):
    """Calls of failure handlers."""

    def setUp(self):
        super().setUp()
        self.handler = self.add_function()
        self.add(models.FunctionAlias, name='a', function_id=self.handler)

    def test_handlers_get_the_failed_execution(self):
        for reference in ({'function_id': self.handler},
                          {'function_alias': 'a'}):
            id = self.add_claimed(input='{"x": 1}', description='d')
            self.submitted.clear()
            self.conclude(id, on_failure=reference)
            (row, target), = self.submitted
            self.assertEqual((self.handler, 0), target.function_key)
            call = self.execution(row.id)
            self.assertEqual(
                ('running', False, id, self.handler,
                 f'Failure of execution {id}'),
                (call.status, call.sync, call.failed_id, call.function_id,
                 call.description))
            record = json.loads(call.input)['execution']
            failed = self.execution(id)
            self.assertEqual(
                ('failed', '{"output": "why"}'),
                (failed.status, failed.result))
            self.assertEqual(
                {'id': id, 'project_id': 'p', 'function_id': self.function,
                 'function_version': 0, 'function_alias': None,
                 'description': 'd', 'input': '{"x": 1}', 'attempt': 1,
                 'job_id': None, 'status': 'failed', 'reason': None,
                 'detail': None, 'result': '{"output": "why"}',
                 'created_at': failed.created_at.isoformat() + 'Z'}, record)
        self.assertEqual(2, self.row(models.Function, self.handler).count)

    def test_handlers_run_after_the_last_attempt(self):
        id = self.add_claimed()
        policy = {'retries': 1, 'on_failure': {'function_alias': 'a'}}
        self.conclude(id, **policy)
        self.assertEqual([], self.submitted)
        self.db.write(lambda tx: crud.update(
            tx, models.Execution, id, {'owner': 'me'}))
        self.conclude(id, **policy)
        self.assertEqual(1, len(self.submitted))

    def test_handlers_run_after_engine_deaths(self):
        self.db.write(lambda tx: crud.update(
            tx, models.Function, self.function, {
                'async_policy': policies.parse({
                    'retries': 9, 'on_failure': {'function_alias': 'a'}})}))
        id = self.add_claimed(owner='dead', lease=base.PAST,
                              attempt=self.conf.engine.max_attempts)
        self.reaper.sweep()
        self.assertEqual('error', self.execution(id).status)
        (row, _), = self.submitted
        self.assertEqual(id, self.execution(row.id).failed_id)

    def test_failures_of_handlers_call_no_handler(self):
        id = self.add_claimed(failed_id='another')
        self.conclude(id, on_failure={'function_id': self.function})
        self.assertEqual([id], [row.id for row in self.rows()])
        self.assertEqual('failed', self.execution(id).status)

    def test_replays_have_no_consequences(self):
        id = self.add_claimed(trigger='replay')
        self.conclude(id, retries=3,
                      on_failure={'function_id': self.function})
        self.assertEqual([id], [row.id for row in self.rows()])
        self.assertEqual(('failed', 0), (self.execution(id).status,
                                         self.execution(id).retry))

    def test_missing_handlers_are_logged(self):
        for reference in ({'function_alias': 'none'}, {'function_id': 'no'}):
            id = self.add_claimed()
            self.conclude(id, on_failure=reference)
            row = self.execution(id)
            self.assertEqual('failed', row.status)
            self.assertIn('a log\nThe on-failure call was not made: Function',
                          row.logs)

    def test_handlers_of_other_projects_are_not_called(self):
        self.add(models.FunctionAlias, name='b', function_id=self.handler,
                 project_id='other')
        foreign_id = self.add(
            models.Function, code={}, entry='m', cpu=1, memory_size=1,
            timeout=1, project_id='other')
        for reference in ({'function_alias': 'b'},
                          {'function_id': foreign_id}):
            id = self.add_claimed()
            self.conclude(id, on_failure=reference)
            self.assertEqual([], self.submitted)

    def test_stopping_engine_keeps_the_call(self):
        def refuse(row, target):
            raise exception.Unavailable(reason='stopping')
        self.completion.submit = refuse
        id = self.add_claimed()
        self.conclude(id, on_failure={'function_alias': 'a'})
        self.assertEqual(2, len(self.rows()))
