# SPDX-License-Identifier: Apache-2.0
"""Distribution of executions by a weighted alias."""

import collections
import uuid

from oslotest import base

from qinling.core.function import routing
from qinling.core import targets
from qinling.tests import fixtures


class TestPoints(base.BaseTestCase):
    """Ranges of points of the versions."""

    def test_ranges_cover_every_point_once(self):
        for weights in ({'1': 1}, {'2': 0.9, '3': 0.1},
                        {str(n): 0.1 for n in range(1, 11)},
                        {'1': 1 / 3, '2': 1 / 3, '3': 1 / 3}):
            low = 0
            for _, _, begin, end in routing.divide_points(weights):
                self.assertEqual(low, begin)
                self.assertGreater(end, begin)
                low = end
            self.assertEqual(routing.ROUTING_POINTS, low)

    def test_no_key_moves_back_while_a_ramp_goes_up(self):
        keys = [targets.routing_point(str(number)) for number in range(10000)]
        for old, new in ((1, 2), (2, 1), (0, 9)):
            before = set()
            for percent in range(1, 101):
                ranges = routing.divide_points(
                    {str(new): percent / 100, str(old): 1 - percent / 100}
                    if percent < 100 else {str(new): 1})
                on_new = {point for point in keys
                          for version, _, low, high in ranges
                          if version == new and low <= point < high}
                self.assertEqual(set(), before - on_new)
                before = on_new
            self.assertEqual(set(keys), before)

    def test_no_routing(self):
        self.assertEqual([], routing.divide_points({}))


class TestWeights(base.BaseTestCase):
    """Resolution of weighted aliases."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        for _ in range(3):
            self.core.services.versions.create(
                self.ctx, self.function, None)

    def resolve(self, key):
        return self.core.db.read(lambda tx: targets.resolve(
            tx, self.ctx, alias='a', key=key)).version

    def create_alias(self, weights):
        self.core.services.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function,
            'function_version': 1, 'routing': weights})

    def test_split_matches_the_weights_to_one_percent(self):
        weights = {'1': 0.6, '2': 0.3, '3': 0.1}
        self.create_alias(weights)
        # The next test shows that ``resolve`` uses the same ranges.
        ranges = routing.divide_points(weights)
        counts = collections.Counter()
        for number in range(10000):
            key = str(uuid.UUID(int=number * 7919, version=4))
            point = targets.routing_point(key)
            counts[next(version for version, _, low, high in ranges
                        if low <= point < high)] += 1
        for version, weight in weights.items():
            self.assertAlmostEqual(weight, counts[int(version)] / 10000,
                                   delta=0.01)

    def test_resolve_uses_the_point_of_the_key(self):
        weights = {'1': 0.5, '3': 0.5}
        self.create_alias(weights)
        ranges = routing.divide_points(weights)
        versions = set()
        for number in range(200):
            point = targets.routing_point(str(number))
            expected = next(version for version, _, low, high in ranges
                            if low <= point < high)
            self.assertEqual(expected, self.resolve(str(number)))
            versions.add(expected)
        self.assertEqual({1, 3}, versions)

    def test_equal_keys_resolve_to_equal_versions(self):
        self.create_alias({'1': 0.5, '2': 0.5})
        for key in ('ada', 'bob', 'cy'):
            self.assertEqual(
                1, len({self.resolve(key) for _ in range(5)}))

    def test_zero_is_the_latest_code(self):
        self.create_alias({'0': 1})
        self.assertEqual(0, self.resolve('x'))

    def test_executions_record_the_version(self):
        self.create_alias({'1': 0.5, '2': 0.5})
        versions = set()
        for _ in range(30):
            row = self.core.services.triggers.fire(
                self.ctx, fixtures.execution_request(function_alias='a'))
            verb, message, target = self.core.engine.calls[-1]
            self.assertEqual(('run', row.id, row.function_version),
                             (verb, message.id, target.version))
            self.assertEqual(
                row.function_version, self.resolve(row.id))
            versions.add(row.function_version)
        self.assertEqual({1, 2}, versions)

    def test_routing_key_of_the_caller(self):
        self.create_alias({'1': 0.5, '2': 0.5})
        for key in ('ada', 'bob', 'cy'):
            row = self.core.services.triggers.fire(
                self.ctx, fixtures.execution_request(function_alias='a',
                                                     routing_key=key))
            self.assertEqual(self.resolve(key), row.function_version)
