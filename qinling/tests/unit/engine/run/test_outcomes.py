# SPDX-License-Identifier: Apache-2.0
"""Outcomes that are not what an agent reports, and targets that change."""

import dataclasses
import datetime
import json
from unittest import mock

from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.engine.workers import tokens
from qinling import exception
from qinling.tests.unit.engine import base
from qinling.tests.unit.engine.run import test_runner


class TestOutcomes(test_runner.RunnerTest):
    def report(self, **values):
        return 200, dict(test_runner.GOOD[1], **values)

    def test_invalid_answers_end_as_error(self):
        deep = []
        for _ in range(100000):
            deep = [deep]
        for values in ({'status': 'error'}, {'status': {}}, {'status': 1},
                       {'log': None}, {'log': 1}, {'duration': '1'},
                       {'duration': None}, {'duration': True},
                       {'import_ms': 'x'}, {'import_ms': True},
                       {'memory_peak': 1.5}, {'memory_peak': True},
                       {'output': float('inf')}, {'output': deep},
                       {'status': 'failed', 'reason': 'x'}):
            _, row = self.run_execution(self.report(**values))
            self.assertEqual('error', row.status, list(values))
            self.assertEqual([True], self.script.releases)

    def test_missing_members_end_as_error(self):
        for name in ('status', 'output', 'duration', 'log'):
            answer = dict(test_runner.GOOD[1])
            del answer[name]
            _, row = self.run_execution((200, answer))
            self.assertEqual(('error', 'worker_lost'),
                             (row.status, row.reason))

    def test_figures_are_stored(self):
        _, row = self.run_execution(self.report(
            duration=1.5, import_ms=250.25, memory_peak=9000000))
        row = records.from_database(row)
        self.assertEqual((1.5, 250.25, 9000000, True), (
            row.duration, row.import_ms, row.memory_peak, row.cold))
        self.assertLessEqual(row.created_at, row.started_at)
        self.assertLessEqual(row.started_at, row.ended_at)
        self.assertEqual(
            (row.started_at - row.created_at).total_seconds(),
            round(row.queue_ms / 1000, 6))

    def test_clocks_that_differ_give_no_negative_time(self):
        _, row = self.run_execution(self.report())
        row = records.from_database(row)
        row = dataclasses.replace(
            row, started_at=row.created_at - datetime.timedelta(seconds=1))
        self.assertEqual(0, row.queue_ms)

    def test_later_runs_of_a_process_have_no_import(self):
        for values in ({'import_ms': None, 'memory_peak': None}, {}):
            _, row = self.run_execution(self.report(duration=2, **values))
            row = records.from_database(row)
            self.assertEqual((2, 0, None, False), (
                row.duration, row.import_ms, row.memory_peak, row.cold))

    def test_executions_without_a_worker_have_no_figures(self):
        _, row = self.run_execution((200, {}))
        row = records.from_database(row)
        self.assertEqual(('error', None, None, None, None), (
            row.status, row.started_at, row.duration, row.queue_ms,
            row.cold))
        self.assertIsNotNone(row.ended_at)

    def test_any_text_is_stored(self):
        for text in ('\ud800', 'a\udfff\0b', '\U0001f600', '\x1b[0m\r\n',
                     'x' * 100000 + '\ud83d'):
            _, row = self.run_execution(self.report(
                status='failed', log=text, output=text, reason='user_error'))
            self.assertEqual('failed', row.status)
            self.assertEqual(text, json.loads(row.result)['output'])
            self.assertEqual(text[:1].encode('utf-8', 'backslashreplace'),
                             row.logs.encode()[:len(text[:1].encode(
                                 'utf-8', 'backslashreplace'))])

    def test_unwritable_outcomes_end_as_error(self):
        for sync in (True, False):
            end = lifecycle.end
            calls = []

            def fail_once(*args, **kwargs):
                calls.append(args)
                if len(calls) == 1:
                    raise UnicodeEncodeError('utf-8', 'x', 0, 1, 'why')
                return end(*args, **kwargs)
            with mock.patch.object(lifecycle, 'end', fail_once):
                _, row = self.run_execution(test_runner.GOOD, sync=sync)
            self.assertEqual(('error', 'platform'), (row.status, row.reason))
            self.assertIn('could not be stored', row.result)
            self.assertEqual(1, len(self.script.requests))


def context(_tokens, target):
    """Return the context of a target with the trust ``new``."""
    if target.trust_id == 'old':
        raise tokens.TrustLost('The trust old is gone.')
    return {'token': target.trust_id}


class TestReplacedTargets(test_runner.RunnerTest):
    """The code of an accepted execution was replaced before its start."""

    def setUp(self):
        super().setUp()
        self.function = self.add_function()
        self.target = dataclasses.replace(
            base.target(), function_id=self.function, package='gone')

    def run_execution(self, *events, **values):
        return super().run_execution(
            exception.TargetReplaced('its package is gone'), *events,
            **values)

    def test_latest_code_runs(self):
        for sync in (True, False):
            _, row = self.run_execution(test_runner.GOOD, sync=sync,
                                        secrets={'S': 1})
            self.assertEqual(('success', None), (row.status, row.secrets))

    def test_missing_package_of_the_latest_code_is_an_error(self):
        package = self.row(models.Function, self.function).package
        self.target = dataclasses.replace(self.target, package=package)
        row = self.row(models.Function, self.function)
        self.target = dataclasses.replace(
            self.target, entry=row.entry, cpu=row.cpu, code=row.code,
            memory_size=row.memory_size, runtime_id=row.runtime_id,
            settings_id=row.settings_id)
        _, row = self.run_execution()
        self.assertEqual(('error', 'no_worker'), (row.status, row.reason))
        self.assertIn('its package is gone', row.result)

    def test_new_trust_after_the_acceptance(self):
        self.target = dataclasses.replace(self.target, trust_id='old')
        self.db.write(lambda tx: crud.update(
            tx, models.Function, self.function, {'trust_id': 'new'}))
        with mock.patch.object(tokens.Tokens, 'context', context):
            _, row = super().run_execution(test_runner.GOOD)
        self.assertEqual('success', row.status)
        sent_context = self.script.requests[0][0]['context']
        self.assertEqual('new', sent_context['token'])

    def test_lost_trust_is_an_error(self):
        self.db.write(lambda tx: crud.update(
            tx, models.Function, self.function, {'trust_id': 'old'}))
        row = self.row(models.Function, self.function)
        self.target = targets.Target(**dict(
            vars(base.target()), function_id=self.function,
            runtime_id=row.runtime_id, trust_id='old'))
        with mock.patch.object(tokens.Tokens, 'context', context):
            _, row = super().run_execution()
        self.assertEqual(('error', 'no_token'), (row.status, row.reason))
        self.assertIn('trust old is gone', row.result)

    def test_deleted_function_is_an_error(self):
        self.db.write(lambda tx: crud.delete(
            tx, models.Function, self.function))
        _, row = self.run_execution()
        self.assertEqual('error', row.status)
        self.assertIn('was deleted', row.result)
