# SPDX-License-Identifier: Apache-2.0
"""Sequential tests of two proportions."""

import dataclasses
import itertools
import json

from oslotest import base

from qinling.core.rollout import sequential

ALPHA = 0.005


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
        comparison = sequential.Comparison.begin('0001' * 10)
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
        comparison = sequential.Comparison.begin('0' * 1000)
        for _ in range(100):
            comparison.add(True, True)
            comparison.add(False, True)
            comparison.look()
        self.assertGreater(comparison.extended.value, 2 / ALPHA)
        self.assertFalse(comparison.is_worse(ALPHA))

    def test_earlier_executions_count_once(self):
        comparison = sequential.Comparison.begin('01' * 20)
        self.assertEqual(sequential.Sample(40, 20), comparison.present.prior)
        self.assertEqual(sequential.Sample(10, 5), comparison.extended.prior)
        comparison.add(True, False)
        comparison.add(False, False)
        for _ in range(9):
            comparison.look()
        self.assertEqual(9, comparison.extended.baseline.count)
        self.assertEqual(22, len(comparison.earlier))
        self.assertEqual(1, comparison.present.baseline.count)

    def test_states_of_the_last_release(self):
        state = dataclasses.asdict(sequential.Comparison.begin('0' * 40))
        for name in ('present', 'extended'):
            del state[name]['prior']
        comparison = sequential.Comparison.load(state)
        self.assertEqual(0, comparison.present.prior.count)

    def test_end_of_a_step(self):
        comparison = sequential.Comparison.begin('0' * 19 + '1')
        for number in range(200):
            comparison.add(True, number < 24)
            comparison.add(False, number < 10)
        self.assertFalse(comparison.is_worse_at_end(ALPHA, 1))
        for _ in range(12):
            comparison.add(True, True)
        self.assertTrue(comparison.is_worse_at_end(ALPHA, 1))
        # The steps share the probability of a wrong answer.
        self.assertFalse(comparison.is_worse_at_end(ALPHA, 1000))

    def test_earlier_executions_alone_prove_nothing_at_the_end(self):
        comparison = sequential.Comparison.begin('0' * 1000)
        for _ in range(100):
            comparison.add(True, True)
            comparison.add(False, True)
        self.assertFalse(comparison.is_worse_at_end(ALPHA, 1))

    def test_end_without_executions(self):
        self.assertFalse(sequential.Comparison().is_worse_at_end(ALPHA, 1))


class TestFisher(base.BaseTestCase):
    def test_against_enumeration(self):
        for old, new in (((7, 2), (5, 3)), ((4, 4), (3, 3)), ((6, 0), (2, 0)),
                         ((3, 1), (8, 8))):
            old, new = sequential.Sample(*old), sequential.Sample(*new)
            total = old + new
            draws = list(itertools.combinations(
                range(total.count), new.count))
            share = sum(sum(item < total.hits for item in draw) >= new.hits
                        for draw in draws) / len(draws)
            self.assertAlmostEqual(share, sequential._fisher(old, new))

    def test_many_executions(self):
        chance = sequential._fisher(sequential.Sample(10 ** 6, 10 ** 4),
                                    sequential.Sample(10 ** 6, 10 ** 4))
        self.assertAlmostEqual(0.5, chance, delta=0.01)
