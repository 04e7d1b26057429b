# SPDX-License-Identifier: Apache-2.0
"""Comparison of two executions."""

import dataclasses
import json

from oslotest import base

from qinling.core.operation import comparison


@dataclasses.dataclass
class Row:
    result: str
    status: str = 'success'


def compare(old, new, *ignored, status='success'):
    """Return (path, old, new) of the differences of two outputs."""
    rows = [Row(json.dumps({'output': output, 'duration': duration}), state)
            for output, duration, state in (
                (old, 1, 'success'), (new, 2, status))]
    return [dataclasses.astuple(item)
            for item in comparison.compare(*rows, ignored)]


class TestComparison(base.BaseTestCase):
    def test_equal(self):
        for value in (None, 1, 'a', [1, {'a': None}], {'a': [1.0]}, True):
            self.assertEqual([], compare(value, value))
        self.assertEqual([], compare({'a': 1, 'b': 2}, {'b': 2, 'a': 1.0}))

    def test_different(self):
        for old, new, differences in (
                (1, 2, [('/output', '1', '2')]),
                (1, True, [('/output', '1', 'true')]),
                (None, False, [('/output', 'null', 'false')]),
                ({'a': 1}, {'a': '1'}, [('/output/a', '1', '"1"')]),
                ([1, 2], [1], [('/output/1', '2', None)]),
                ({}, {'a/b~': None}, [('/output/a~1b~0', None, 'null')]),
                ({'a': [1, {'b': 1, 'c': 2}]}, {'a': [1, {'b': 2, 'c': 3}]},
                 [('/output/a/1/b', '1', '2'), ('/output/a/1/c', '2', '3')])):
            self.assertEqual(differences, compare(old, new))

    def test_status(self):
        self.assertEqual([('/status', '"success"', '"failed"')],
                         compare(1, 1, status='failed'))

    def test_ignored(self):
        old, new = {'a': {'time': 1}, 'b': 1}, {'a': {'time': 2}, 'b': 1}
        for pointer in ('/output', '/output/a', '/output/a/time'):
            self.assertEqual([], compare(old, new, pointer))
        self.assertEqual(1, len(compare(old, new, '/output/b', '/a')))

    def test_bounds(self):
        differences = compare(list(range(1000)), ['a' * 1000] * 1000)
        self.assertEqual(comparison.MAX_DIFFERENCES, len(differences))
        self.assertEqual(comparison.MAX_VALUE_LENGTH,
                         len(differences[0][2]))

    def test_unusual_results(self):
        for result in (None, '', 'no JSON', '[1]', '1'):
            self.assertEqual([], comparison.compare(
                Row(result), Row(result), []))
        deep = '{"output": ' + '[' * 500 + '1' + ']' * 500 + '}'
        self.assertEqual(1, len(comparison.compare(
            Row(deep), Row(deep.replace('1', '2')), [])))
