# SPDX-License-Identifier: Apache-2.0
"""What a function may take, and how texts are bounded."""

from oslotest import base

from qinling.core import validation
from qinling import exception
from qinling.tests import fixtures

#: field -> least, default, most; the word in sentences; the unit
RESOURCES = {'cpu': (100, 100, 300, 'cpu', 'millicpu'),
             'memory_size': (33554432, 33554432, 134217728, 'memory',
                             'bytes'),
             'timeout': (1, 5, 300, 'timeout', 'seconds')}


class TestLimits(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(fixtures.Conf()).conf

    def refused(self, field, value):
        error = self.assertRaises(
            exception.Invalid, validation.resource, self.conf, field, value)
        self.assertEqual(400, error.http_code)
        return str(error)

    def test_what_is_within(self):
        for field, (least, default, most, *_) in RESOURCES.items():
            for number in (least, default, most):
                self.assertEqual(number, validation.resource(
                    self.conf, field, number))
                self.assertEqual(number, validation.resource(
                    self.conf, field, str(number)))
            self.assertEqual(default, validation.default(self.conf, field))

    def test_what_is_beyond(self):
        for field, (least, _, most, word, unit) in RESOURCES.items():
            for number in (least - 1, most + 1, -1, 0, 10 ** 30, '0',
                           str(most + 1), '-5'):
                self.assertEqual(
                    f'{word} resource limitation not within the allowable '
                    f'range: {least} ~ {most}({unit}).',
                    self.refused(field, number))

    def test_what_is_no_number(self):
        for field, (*_, word, _) in RESOURCES.items():
            for value in ('x', '', '1.5', '100.0', 1.5, 100.0, True, [100],
                          {}, '1e2', 'nan', '9' * 5000):
                self.assertEqual(
                    f'Invalid {word} resource specified. An integer is '
                    'required.', self.refused(field, value))

    def test_limits_are_the_operators(self):
        self.conf.set_override('max_cpu', 1000, group='resource_limits')
        self.assertEqual(1000, validation.resource(self.conf, 'cpu', 1000))

    def test_texts(self):
        for field, most in validation.TEXTS.items():
            for text in (None, '', 'x', 'x' * most, '😀' * most):
                self.assertEqual(text, validation.text(field, text))
            for value in ('x' * (most + 1), 5, ['x'], {}, True, 'a\0b'):
                error = self.assertRaises(
                    exception.Invalid, validation.text, field, value)
                self.assertIn(field, str(error))
