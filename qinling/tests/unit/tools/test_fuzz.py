# SPDX-License-Identifier: Apache-2.0
"""A short run of the fuzzers, and the inputs that they once found."""

import os
import pathlib
import random
import sys

from oslotest import base

DIRECTORY = pathlib.Path(__file__).parents[4] / 'tools' / 'fuzz'
INPUTS = 300


class TestFuzz(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        sys.path.insert(0, str(DIRECTORY))
        self.addCleanup(sys.path.remove, str(DIRECTORY))
        import run
        import targets
        self.fuzzer, self.targets = run, targets.TARGETS

    def test_seeds_are_parsed(self):
        for target in self.targets.values():
            for seed in target.seeds:
                target.run(seed)

    def test_old_findings_are_handled(self):
        names = {path.name for path in self.fuzzer.CORPUS.glob('[a-z]*')}
        self.assertLessEqual(names, set(self.targets))
        self.assertNotEqual(set(), names)
        for name in names:
            for data in self.fuzzer.list_findings(name):
                self.targets[name].run(data)

    def test_random_inputs_are_handled(self):
        seed = int(os.environ.get('QINLING_TEST_SEED', '0'))
        for name, target in self.targets.items():
            rng = random.Random(f'{seed}/{name}')
            for _ in range(INPUTS):
                data = self.fuzzer.mutate(rng, target.seeds)
                try:
                    target.run(data)
                except Exception as e:
                    self.fail(f'{name}: {data!r} raises {e!r}')

    def test_unexpected_errors_are_findings(self):
        target = next(iter(self.targets.values()))
        faulty = type(target)(lambda data: data[10 ** 6], (b'x',),
                              (ValueError,))
        self.assertRaises(IndexError, faulty.run, b'')
