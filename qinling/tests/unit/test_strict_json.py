# SPDX-License-Identifier: Apache-2.0
"""Tests of JSON from outside."""

import datetime
import json

from oslotest import base

from qinling import strict_json


class TestLoads(base.BaseTestCase):
    def test_values_keep_their_meaning(self):
        for text, value in (
                ('123456789012345678901234567890',
                 123456789012345678901234567890),
                ('-1' + '0' * 4000, -10 ** 4000), ('1e308', 1e308),
                ('0.1', 0.1), ('"\\u0000\\ud83d\\ude00"', '\0\U0001f600'),
                ('[[1]]', [[1]]), ('\ufeff{}', {}),
                ('"\\\\ud800"', '\\ud800')):
            self.assertEqual(value, strict_json.loads(text))
            self.assertEqual(value, strict_json.loads(text.encode()))

    def test_values_that_cannot_be_stored_are_rejected(self):
        for text, words in (('1e309', 'range of a double'),
                            ('-1E400', 'range of a double'),
                            ('{"a": [0, {"b": 1e400}]}',
                             'The number 1e400 at a[1].b is beyond'),
                            ('0.12345678901234567890', 'more digits'),
                            ('[1e-400]', 'The number 1e-400 at [0] has'),
                            ('12345678901234567.8', 'more digits'),
                            ('0.' + '3' * 9000, 'more digits'),
                            ('0.' + '0' * 9000 + '1', 'more digits'),
                            ('{"a": -' + '1' * 5000 + '}',
                             ' at a has more than 4300 digits'),
                            ('"\\ud800"', 'surrogate'),
                            ('{"\\udfff": 1}', 'surrogate'),
                            ('[' * 101 + ']' * 101, 'nested'),
                            ('{"a":' * 101 + '1' + '}' * 101, 'nested'),
                            ('[' * 100000 + ']' * 100000, 'nested')):
            error = self.assertRaises(strict_json.NotStorable,
                                      strict_json.loads, text)
            self.assertIn(words, str(error))

    def test_fractions_with_the_value_of_a_double_are_accepted(self):
        for text in ('0.1', '0.10000000000000001', '-1.50', '0.0', '-0e999',
                     '1E23', '123456789012345.6', '5e-324',
                     '4.9406564584124654e-324', '1.7976931348623157e308',
                     '0.1000000000000000055511151231257827',
                     '0.000000000000000000001', '52.520006600000002',
                     '%.60f' % 0.3, '%.1074f' % 5e-324,
                     '1000000000000000000000.0'):
            self.assertEqual(float(text), strict_json.loads(text), text)

    def test_nesting_up_to_the_limit_is_accepted(self):
        for text in ('[' * 100 + ']' * 100, '[' + '[],' * 500 + '[]]'):
            strict_json.loads(text)

    def test_malformed_texts_are_rejected(self):
        for data in ('', '{', 'NaN', '[Infinity]', '-Infinity', "{'a': 1}",
                     '[1e400, NaN]', b'"\xff"', b'\xff\xfe1\x00'):
            self.assertRaises(ValueError, strict_json.loads, data)

    def test_integers(self):
        for value in (5, '5', ' -5 ', 10 ** 30):
            self.assertEqual(int(value), strict_json.parse_integer(value))
        for value in (True, 5.0, '5.0', '1_0', '\u0665', '', 'x', None, [5],
                      '9' * 5000):
            self.assertRaises((TypeError, ValueError),
                              strict_json.parse_integer, value)

    def test_half_surrogate_pairs_may_be_accepted(self):
        self.assertEqual('\ud800', strict_json.loads('"\\ud800"', True))

    def test_written_values_keep_their_content(self):
        moment = datetime.datetime(2026, 1, 31, 12)
        for value in (None, [1, 'a'], {'a': 10 ** 4000}, ['\ud800', '\0'],
                      [-2 ** 63 - 1, 0.1]):
            self.assertEqual(value, json.loads(strict_json.dumps(value)))
        self.assertEqual(['2026-01-31T12:00:00', 2 ** 70], json.loads(
            strict_json.dumps([moment, 2 ** 70])))
        for value in (object(), [2 ** 70, object()]):
            self.assertRaises(TypeError, strict_json.dumps, value)
