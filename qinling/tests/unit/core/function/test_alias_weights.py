# SPDX-License-Identifier: Apache-2.0
"""How a weighted alias shares out executions."""

import collections
import uuid

from oslotest import base

from qinling.core.function import aliases
from qinling.core import targets
from qinling.tests import fixtures


class TestShares(base.BaseTestCase):
    """The ranges of the versions."""

    def test_they_cover_every_point_once(self):
        for routing in ({'1': 1}, {'2': 0.9, '3': 0.1},
                        {str(n): 0.1 for n in range(1, 11)},
                        {'1': 1 / 3, '2': 1 / 3, '3': 1 / 3}):
            low = 0
            for _, _, begin, end in aliases.divide_points(routing):
                self.assertEqual(low, begin)
                self.assertGreater(end, begin)
                low = end
            self.assertEqual(aliases.ROUTING_POINTS, low)

    def test_none(self):
        self.assertEqual([], aliases.divide_points({}))


class TestWeights(base.BaseTestCase):
    """Resolving through a weighted alias."""

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

    def point(self, routing):
        self.core.services.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function,
            'function_version': 1, 'routing': routing})

    def test_the_split_of_ten_thousand_is_true_to_one_percent(self):
        routing = {'1': 0.6, '2': 0.3, '3': 0.1}
        self.point(routing)
        # The points of ids, through the ranges that a look-up joins; that
        # both agree is what the next test shows.
        ranges = aliases.divide_points(routing)
        found = collections.Counter()
        for number in range(10000):
            key = str(uuid.UUID(int=number * 7919, version=4))
            at = targets.routing_point(key)
            found[next(version for version, _, low, high in ranges
                       if low <= at < high)] += 1
        for version, weight in routing.items():
            self.assertAlmostEqual(weight, found[int(version)] / 10000,
                                   delta=0.01)

    def test_a_look_up_takes_the_version_of_its_point(self):
        routing = {'1': 0.5, '3': 0.5}
        self.point(routing)
        ranges = aliases.divide_points(routing)
        seen = set()
        for number in range(200):
            at = targets.routing_point(str(number))
            wanted = next(version for version, _, low, high in ranges
                          if low <= at < high)
            self.assertEqual(wanted, self.resolve(str(number)))
            seen.add(wanted)
        self.assertEqual({1, 3}, seen)

    def test_the_same_key_takes_the_same_version(self):
        self.point({'1': 0.5, '2': 0.5})
        for key in ('ada', 'bob', 'cy'):
            self.assertEqual(
                1, len({self.resolve(key) for _ in range(5)}))

    def test_zero_is_the_latest_code(self):
        self.point({'0': 1})
        self.assertEqual(0, self.resolve('x'))

    def test_an_execution_records_the_version_that_it_got(self):
        self.point({'1': 0.5, '2': 0.5})
        seen = set()
        for _ in range(30):
            row = self.core.services.triggers.fire(
                self.ctx, fixtures.execution_request(function_alias='a'))
            verb, sent, target = self.core.engine.calls[-1]
            self.assertEqual(('run', row.id, row.function_version),
                             (verb, sent.id, target.version))
            self.assertEqual(
                row.function_version, self.resolve(row.id))
            seen.add(row.function_version)
        self.assertEqual({1, 2}, seen)

    def test_a_caller_may_choose_the_key(self):
        self.point({'1': 0.5, '2': 0.5})
        for key in ('ada', 'bob', 'cy'):
            row = self.core.services.triggers.fire(
                self.ctx, fixtures.execution_request(function_alias='a',
                                                     routing_key=key))
            self.assertEqual(self.resolve(key), row.function_version)
