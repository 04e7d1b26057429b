# SPDX-License-Identifier: Apache-2.0
"""Validation of resource limits and texts."""

from oslotest import base

from qinling.core import validation
from qinling import exception
from qinling.tests import fixtures

#: field -> minimum, default, maximum, word in sentences, unit
RESOURCES = {'cpu': (100, 100, 300, 'cpu', 'millicpu'),
             'memory_size': (33554432, 33554432, 134217728, 'memory',
                             'bytes'),
             'timeout': (1, 5, 300, 'timeout', 'seconds')}


class TestLimits(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(fixtures.Conf()).conf

    def invalid_sentence(self, field, value):
        error = self.assertRaises(
            exception.Invalid, validation.resource, self.conf, field, value)
        self.assertEqual(400, error.http_code)
        return str(error)

    def test_values_within_the_limits_are_accepted(self):
        for field, (minimum, default, maximum, *_) in RESOURCES.items():
            for number in (minimum, default, maximum):
                self.assertEqual(number, validation.resource(
                    self.conf, field, number))
                self.assertEqual(number, validation.resource(
                    self.conf, field, str(number)))
            self.assertEqual(default, validation.default(self.conf, field))

    def test_values_beyond_the_limits_are_refused(self):
        for field, (minimum, _, maximum, word, unit) in RESOURCES.items():
            for number in (minimum - 1, maximum + 1, -1, 0, 10 ** 30, '0',
                           str(maximum + 1), '-5'):
                self.assertEqual(
                    f'{word} resource limitation not within the allowable '
                    f'range: {minimum} ~ {maximum}({unit}).',
                    self.invalid_sentence(field, number))

    def test_other_values_than_integers_are_refused(self):
        for field, (*_, word, _) in RESOURCES.items():
            for value in ('x', '', '1.5', '100.0', 1.5, 100.0, True, [100],
                          {}, '1e2', 'nan', '9' * 5000, '1_00', '\u0665'):
                self.assertEqual(
                    f'Invalid {word} resource specified. An integer is '
                    'required.', self.invalid_sentence(field, value))

    def test_limits_are_configurable(self):
        self.conf.set_override('max_cpu', 1000, group='resource_limits')
        self.assertEqual(1000, validation.resource(self.conf, 'cpu', 1000))

    def test_texts(self):
        for field, maximum in validation.TEXTS.items():
            for text in (None, '', 'x', 'x' * maximum, '😀' * maximum):
                self.assertEqual(text, validation.text(field, text))
            for value in ('x' * (maximum + 1), 5, ['x'], {}, True, 'a\0b'):
                error = self.assertRaises(
                    exception.Invalid, validation.text, field, value)
                self.assertIn(field, str(error))
