# SPDX-License-Identifier: Apache-2.0
"""Judgement of rollouts."""

import dataclasses
import datetime
import json
import types

from oslotest import base

from qinling.core.rollout import judge
from qinling.core.rollout import plans
from qinling import exception

GUARDS = plans.validate({'function_version': 2})['guards']


@dataclasses.dataclass
class Ended:
    """End of an execution."""

    updated_at: datetime.datetime


def execution(version, status='success', reason=None, duration=0.1):
    """Return a row of an execution."""
    return types.SimpleNamespace(function_version=version, status=status,
                                 reason=reason, duration=duration)


def observe(*rows):
    """Return what executions say about version 2."""
    return [judge.observe(row, 2) for row in rows]


class TestObserve(base.BaseTestCase):
    def test_failures_of_the_platform_say_nothing(self):
        for reason in ('no_worker', 'worker_lost', 'engine_lost', 'platform',
                       'expired', 'stopped', 'no_token'):
            self.assertIsNone(judge.observe(
                execution(2, 'error', reason), 2))
        self.assertIsNone(judge.observe(
            execution(2, 'cancelled', 'cancelled'), 2))

    def test_failures_of_the_function_count(self):
        for reason in ('user_error', 'timeout', 'out_of_memory',
                       'load_error', 'dependencies', 'crashed'):
            self.assertEqual(
                judge.Observation(True, True, 0.1),
                judge.observe(execution(2, 'failed', reason), 2))
        self.assertEqual(judge.Observation(False, False, 0.1),
                         judge.observe(execution(1), 2))


class TestJudgement(base.BaseTestCase):
    def test_errors_beside_the_baseline(self):
        judgement = judge.Judgement.begin([], GUARDS)
        for number in range(60):
            judgement.add(observe(
                execution(1), execution(2, 'failed' if number % 4 == 0
                                        else 'success')), GUARDS)
        sentence = judgement.find_breach(GUARDS)
        self.assertIn('errors does not hold: failures: 25.0% of 60 of the '
                      'new version, 0.0% of 60 of the old', sentence)
        self.assertEqual(60, judgement.step_count)

    def test_small_rises_are_tolerated_if_asked_for(self):
        guards = dict(GUARDS, errors=dict(GUARDS['errors'], min_rise=0.3))
        judgement = judge.Judgement.begin([], guards)
        for number in range(400):
            judgement.add(observe(
                execution(1), execution(2, 'failed' if number % 4 == 0
                                        else 'success')), guards)
        self.assertIsNone(judgement.find_breach(guards))

    def test_slow_runs(self):
        earlier = observe(*[execution(1, duration=0.01 * (number % 10))
                            for number in range(200)])
        judgement = judge.Judgement.begin(earlier, GUARDS)
        self.assertAlmostEqual(0.09 * 1.2, judgement.threshold)
        for number in range(60):
            duration = 0.01 * (number % 10)
            judgement.add(observe(execution(1, duration=duration),
                                  execution(2, duration=2 * duration)),
                          GUARDS)
        self.assertIn('latency does not hold: runs above 108 ms: 40.0%',
                      judgement.find_breach(GUARDS))

    def test_threshold_without_earlier_executions(self):
        judgement = judge.Judgement.begin([], GUARDS)
        self.assertIn('not known yet', judgement.describe(GUARDS))
        judgement.add(observe(*[execution(1)] * 99), GUARDS)
        judgement.add(observe(execution(2), execution(1, duration=None)),
                      GUARDS)
        self.assertIsNone(judgement.threshold)
        judgement.add(observe(execution(1)), GUARDS)
        self.assertAlmostEqual(0.12, judgement.threshold)
        self.assertEqual([], judgement.durations)

    def test_no_guards(self):
        judgement = judge.Judgement.begin([], {})
        judgement.add(observe(*[execution(2, 'failed')] * 100), {})
        self.assertIsNone(judgement.find_breach({}))
        self.assertEqual('', judgement.describe({}))

    def test_state_survives_json(self):
        judgement = judge.Judgement.begin(
            observe(*[execution(1)] * 150), GUARDS)
        judgement.add(observe(execution(1), execution(2)), GUARDS)
        state = json.loads(json.dumps(judgement.dump()))
        self.assertEqual(judgement, judge.Judgement.load(state))


class TestPlans(base.BaseTestCase):
    def test_defaults(self):
        plan = plans.validate({'function_version': 2})
        self.assertEqual([0.1, 0.25, 0.5],
                         [step['weight'] for step in plan['steps']])
        self.assertEqual((2, 'rollback', {'errors', 'latency'}), (
            plan['to_version'], plan['on_breach'], set(plan['guards'])))

    def test_steps_without_weights(self):
        plan = plans.validate({'function_version': 2, 'steps': {
            'min_executions': 7}}, rate=20)
        self.assertEqual(
            [{'weight': weight, 'min_executions': 7, 'min_time': 55}
             for weight in (0.25, 0.5)], plan['steps'])

    def test_rate(self):
        now = datetime.datetime(2026, 1, 1)
        rows = [Ended(now - datetime.timedelta(seconds=0.5 * number))
                for number in range(101)]
        self.assertAlmostEqual(2.02, judge.measure_rate(rows, now))
        self.assertIsNone(judge.measure_rate(rows[:99], now))

    def test_invalid_requests(self):
        for values, words in (
                ({'function_version': 0}, 'function_version'),
                ({'on_breach': 'panic'}, 'on_breach must be one of'),
                ({'steps': []}, 'a list of 1 to 50'),
                ({'steps': 'a'}, 'a list of 1 to 50'),
                ({'steps': {'weight': 0.1}}, 'unknown field: weight'),
                ({'steps': [7]}, 'must be an object'),
                ({'steps': [{}]}, 'needs a weight'),
                ({'steps': [{'weight': 1}]}, 'between 0.0001 and 0.9999'),
                ({'steps': [{'weight': True}]}, 'needs a weight'),
                ({'steps': [{'weight': float('nan')}]}, 'needs a weight'),
                ({'steps': [{'weight': 0.5, 'wait': 1}]}, 'unknown field'),
                ({'steps': [{'weight': 0.5}, {'weight': 0.5}]},
                 'greater than the weight of the step before'),
                ({'steps': [{'weight': 0.5, 'min_executions': 0}]},
                 'min_executions between 1 and'),
                ({'guards': []}, 'any of: errors, latency'),
                ({'guards': {'cost': {}}}, 'any of: errors, latency'),
                ({'guards': {'errors': {'confidence': 1}}},
                 'confidence between 0.5')):
            error = self.assertRaises(exception.Invalid, plans.validate,
                                      {'function_version': 2, **values})
            self.assertIn(words, str(error))
