# SPDX-License-Identifier: Apache-2.0
"""Sequential tests, against known truth.

The seeds are fixed, so the counts are the same in every run.
"""

import dataclasses
import json
import random

from oslotest import base

from qinling.core.rollout import sequential

ALPHA = 0.005
LOOK_SECONDS = 2


def simulate(seed, truth, weight, seconds, gap=0.1):
    """Return the seconds until a comparison sees a difference, or ``None``.

    :param truth: proportion of hits of the baseline and of the candidate.
    :param weight: share of the candidate.
    :param gap: mean number of seconds between two executions.
    """
    (old, new), look = truth, max(LOOK_SECONDS, gap)
    chance = random.Random(seed)
    comparison = sequential.Comparison(earlier=''.join(
        '01'[chance.random() < old] for _ in range(1000)))
    clock, next_look = 0.0, look
    while clock < seconds:
        clock += chance.expovariate(1 / gap)
        while clock > next_look:
            comparison.look()
            if comparison.is_worse(ALPHA):
                return next_look
            next_look += look
        is_candidate = chance.random() < weight
        comparison.add(is_candidate,
                       chance.random() < (new if is_candidate else old))
    return None


class TestKnownTruth(base.BaseTestCase):
    def test_equal_versions_differ_in_one_percent_at_most(self):
        false = [seed for seed in range(1000)
                 if simulate(seed, (0.02, 0.02), 0.25, 60) is not None]
        self.assertLessEqual(len(false), 10)

    def test_equal_versions_with_one_execution_each_minute(self):
        false = [seed for seed in range(1000) if simulate(
            seed, (0.05, 0.05), 0.25, 3 * 3600, gap=60) is not None]
        self.assertLessEqual(len(false), 10)

    def test_better_versions_are_not_worse(self):
        self.assertEqual([None] * 100, [simulate(
            seed, (0.1, 0.02), 0.5, 60) for seed in range(100)])

    def test_failures_of_five_percent(self):
        times = [simulate(seed, (0, 0.05), 0.5, 60) for seed in range(100)]
        self.assertGreaterEqual(sum(time is not None for time in times), 97)

    def test_large_differences_with_few_executions(self):
        # One execution each minute, half of them of the candidate.
        times = [simulate(seed, (0.01, 0.9), 0.5, 3600, gap=60)
                 for seed in range(100)]
        self.assertNotIn(None, times)


class TestEvidence(base.BaseTestCase):
    def test_block_without_both_versions_stays_open(self):
        evidence = sequential.Evidence()
        evidence.add(True, True)
        evidence.close_block()
        self.assertEqual((0, 1), (evidence.candidate.count,
                                  evidence.candidate_block.count))
        self.assertEqual(1, evidence.value)
        evidence.add(False, False)
        evidence.close_block()
        self.assertEqual((1, 1), (evidence.candidate.count,
                                  evidence.baseline.count))
        self.assertGreater(evidence.value, 1)

    def test_only_failures_or_none(self):
        for old, new in ((False, False), (True, True), (True, False),
                         (False, True)):
            evidence = sequential.Evidence()
            for _ in range(1000):
                evidence.add(True, new)
                evidence.add(False, old)
                evidence.close_block()
            self.assertEqual((False, True) == (old, new),
                             evidence.value > 1000, (old, new))

    def test_state_survives_json(self):
        comparison = sequential.Comparison(earlier='0001' * 10)
        for number in range(20):
            comparison.add(number % 2 == 0, number % 3 == 0)
            if number % 5 == 0:
                comparison.look()
        state = json.loads(json.dumps(dataclasses.asdict(comparison)))
        restored = sequential.Comparison.load(state)
        for copy in (comparison, restored):
            copy.add(True, True)
            copy.look()
        self.assertEqual(comparison, restored)

    def test_earlier_executions_alone_prove_nothing(self):
        # Both versions fail now, the baseline did not fail before.
        comparison = sequential.Comparison(earlier='0' * 1000)
        for _ in range(100):
            comparison.add(True, True)
            comparison.add(False, True)
            comparison.look()
        self.assertGreater(comparison.extended.value, 2 / ALPHA)
        self.assertFalse(comparison.is_worse(ALPHA))
