# SPDX-License-Identifier: Apache-2.0
"""Quantiles of the sketch, compared with those of all values."""

import collections
import math
import random

from oslotest import base

from qinling.core.execution import sketch

FRACTIONS = (0.5, 0.95, 0.99, 1)
MAX_COUNT = 2 ** 63


class TestSketch(base.BaseTestCase):
    def check(self, values):
        values = sorted(values)
        quantiles = sketch.quantiles(sketch.create(values), FRACTIONS)
        for fraction, quantile in zip(FRACTIONS, quantiles):
            exact = values[math.ceil(fraction * (len(values) - 1))]
            self.assertLess(abs(quantile - exact) / exact, 0.0101)

    def test_quantiles_are_within_one_percent(self):
        values = random.Random(1)
        self.check([values.lognormvariate(-3, 2) for _ in range(10000)])
        self.check([values.uniform(0.001, 300) for _ in range(10000)])
        self.check([values.paretovariate(1) for _ in range(10000)])
        self.check([0.1])
        self.check([0.001, 1000])

    def test_merged_sketches_equal_the_sketch_of_all_values(self):
        values = random.Random(2)
        parts = [[values.expovariate(1) for _ in range(count)]
                 for count in (1, 50, 300, 0)]
        self.assertEqual(
            sketch.create(value for part in parts for value in part),
            sketch.merge(map(sketch.create, parts)))

    def test_sums_of_counts_equal_those_of_a_dictionary(self):
        choose = random.Random(3)
        for _ in range(200):
            parts = [{choose.randint(-680, 800): choose.choice(
                (1, 255, 2 ** 32, MAX_COUNT // 8))
                for _ in range(choose.choice((0, 1, 3, 40, 900)))}
                for _ in range(choose.randint(0, 7))]
            total = collections.Counter()
            for part in parts:
                total.update(part)
            self.assertEqual(sketch.encode(total), sketch.merge(
                map(sketch.encode, parts)))

    def test_sizes(self):
        values = random.Random(4)
        # Few values need few bytes, however far apart.
        self.assertLess(len(sketch.create([1e-6, 1, 1e7])), 40)
        # Even the densest sketch fits into the column.
        wide = sketch.create(math.exp(values.uniform(-16, 17))
                             for _ in range(30000))
        self.assertLess(len(wide), 2 ** 16)

    def test_extreme_values_are_limited(self):
        for value in (0, -1, 1e-300, 1e300):
            quantile, = sketch.quantiles(sketch.create([value]), [0.5])
            self.assertLessEqual(quantile, sketch.MAX_VALUE * 1.01)

    def test_no_values(self):
        for empty in (sketch.create([]), sketch.merge([]),
                      sketch.merge([sketch.EMPTY, sketch.EMPTY])):
            self.assertEqual(sketch.EMPTY, empty)
