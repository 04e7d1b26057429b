# SPDX-License-Identifier: Apache-2.0
"""Guards of rollouts, against known truth.

The seeds are fixed, so the counts are the same in every run.
"""

import collections
import math
import random

from oslotest import base

from qinling.core.rollout import judge
from qinling.core.rollout import plans
from qinling.core.rollout import sequential

LOOK_SECONDS = 2
GUARDS = plans.validate({'function_version': 2})['guards']
ALPHA = (1 - GUARDS['errors']['confidence']) * judge.GUARDS['errors']
EARLIER = 4000
#: An engine sees an execution this much after its end.
OPEN_SECONDS = 1
MIN_EXECUTIONS, MIN_TIME = (
    plans.STEP_FIELDS[name][0] for name in ('min_executions', 'min_time'))

Truth = collections.namedtuple('Truth', 'old new')


class Clock:
    """Looks of the engines, and the one look at the end of a step."""

    def __init__(self, seconds, gap):
        self.gap = max(LOOK_SECONDS, gap)
        self.seconds = seconds
        self._is_over = False

    def looks(self):
        """Yield the times of all looks."""
        time = self.gap
        while time <= self.seconds:
            yield time
            time += self.gap

    def is_end(self, time, count):
        """Return whether a look is the first after a step."""
        if (self._is_over or time < MIN_TIME or count < MIN_EXECUTIONS):
            return False
        self._is_over = True
        return True


def compare(seed, truth, weight, seconds=60, gap=0.1):
    """Return the seconds until the guard of errors breaks, or infinity.

    :param truth: share of failures of the old and of the new version.
    :param weight: share of the new version.
    :param gap: mean number of seconds between two executions.
    """
    chance, clock = random.Random(seed), Clock(seconds, gap)
    comparison = sequential.Comparison.begin(''.join(
        '01'[chance.random() < truth.old] for _ in range(EARLIER)))
    execution, count = chance.expovariate(1 / gap), 0
    for look in clock.looks():
        while execution < look - OPEN_SECONDS:
            is_candidate = chance.random() < weight
            count += is_candidate
            comparison.add(is_candidate,
                           chance.random() < truth[is_candidate])
            execution += chance.expovariate(1 / gap)
        comparison.look()
        if comparison.is_worse(ALPHA) or clock.is_end(look, count) and (
                comparison.is_worse_at_end(ALPHA, 1)):
            return look
    return math.inf


def roll(seed, failures, slowdown=1.0, seconds=60, gap=0.1, weight=0.5):
    """Return the seconds until both guards break a rollout, or infinity.

    :param failures: share of failures of both versions.
    :param slowdown: factor of the durations of the new version.
    """
    chance, clock = random.Random(seed), Clock(seconds, gap)

    def observe(is_candidate):
        return judge.Observation(
            is_candidate, chance.random() < failures,
            0.1 * math.exp(chance.gauss(0, 0.5)) * (
                slowdown if is_candidate else 1))
    judgement = judge.Judgement.begin(
        [observe(False) for _ in range(1000)], GUARDS)
    for look in clock.looks():
        judgement.add([observe(chance.random() < weight) for _ in range(
            round(clock.gap / gap))], GUARDS)
        if judgement.find_breach(GUARDS) or clock.is_end(
                look, judgement.step_count) and (
                judgement.find_breach(GUARDS, 1)):
            return look
    return math.inf


def best_share(truth, count, alpha=0.01):
    """Return how often any test can find a truth at all.

    The lemma of Neyman and Pearson: with a known share of the old version,
    no test of ``count`` executions, wrong with at most ``alpha``, is better.
    """
    remaining, power = alpha, 0.0
    for hits in range(count, -1, -1):
        old, new = (math.comb(count, hits) * share ** hits
                    * (1 - share) ** (count - hits) for share in truth)
        part = min(1.0, remaining / old) if old else 1.0
        remaining, power = remaining - part * old, power + part * new
        if part < 1:
            break
    return power


class TestEqualVersions(base.BaseTestCase):
    """At most ten of 1,000 rollouts may end, with both guards."""

    def test_ten_executions_each_second(self):
        false = [seed for seed in range(1000)
                 if roll(seed, 0.02) < math.inf]
        self.assertLessEqual(len(false), 10)

    def test_one_execution_each_minute(self):
        false = [seed for seed in range(1000) if roll(
            seed, 0.05, seconds=100 * 60, gap=60) < math.inf]
        self.assertLessEqual(len(false), 10)

    def test_small_share_for_a_long_time(self):
        false = [seed for seed in range(200) if compare(
            seed, Truth(0.02, 0.02), 0.1, seconds=400) < math.inf]
        self.assertLessEqual(len(false), 2)

    def test_better_versions_are_not_worse(self):
        self.assertEqual([math.inf] * 100, [compare(
            seed, Truth(0.1, 0.02), 0.5) for seed in range(100)])


class TestSixtySeconds(base.BaseTestCase):
    """Rises at ten executions a second.

    Each row has a rise, a share of the new version, the share of rollouts in
    which any test can find the rise within 60 s, and the share that the
    guards find at least.
    """

    ROWS = ((Truth(0, 0.05), 0.5, 1.0, 1.0),
            (Truth(0, 0.05), 0.25, 1.0, 0.99),
            (Truth(0.01, 0.06), 0.5, 1.0, 0.97),
            (Truth(0.01, 0.06), 0.25, 0.92, 0.83),
            (Truth(0.01, 0.06), 0.1, 0.57, 0.38),
            (Truth(0.05, 0.10), 0.5, 0.86, 0.76),
            (Truth(0.05, 0.10), 0.25, 0.56, 0.43))

    def test_rises_of_five_points(self):
        for truth, weight, best, minimum in self.ROWS:
            times = [compare(seed, truth, weight) for seed in range(200)]
            share = sum(time <= 60 for time in times) / len(times)
            self.assertGreaterEqual(share, minimum, (truth, weight))
            self.assertAlmostEqual(best, best_share(
                truth, round(600 * weight)), delta=0.005)

    def test_doubled_durations(self):
        for weight in (0.1, 0.25, 0.5):
            times = [roll(seed, 0.01, 2, weight=weight)
                     for seed in range(50)]
            self.assertNotIn(math.inf, times)

    def test_default_steps_choose_the_weight(self):
        self.assertEqual([0.5], plans.choose_weights(10))
        self.assertEqual([0.5], plans.choose_weights(1 / 60))
        self.assertEqual([0.1, 0.25, 0.5], plans.choose_weights(None))
        self.assertEqual([0.05, 0.1, 0.25, 0.5], plans.choose_weights(100))
        self.assertEqual(0.01, plans.choose_weights(10 ** 5)[0])

    def test_large_differences_with_few_executions(self):
        times = [compare(seed, Truth(0.01, 0.9), 0.5, 3600, gap=60)
                 for seed in range(100)]
        self.assertNotIn(math.inf, times)
