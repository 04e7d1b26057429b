# SPDX-License-Identifier: Apache-2.0
"""Sequential tests of two proportions."""

import dataclasses
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
