# SPDX-License-Identifier: Apache-2.0
"""Numbers in the JSON of the command line."""

from oslotest import base

from qinling.client import exact_json
from qinling.client import exceptions


class TestLoads(base.BaseTestCase):
    def test_values_are_kept(self):
        for text, value in (('{"a": 0.1}', {'a': 0.1}), ('1e22', 1e22),
                            ('0.10000000000000001', 0.1), ('0e9', 0.0),
                            (str(10 ** 30), 10 ** 30), ('-1.50', -1.5)):
            self.assertEqual(value, exact_json.loads(text))

    def test_other_numbers_are_refused(self):
        for text in ('1e400', '-1e400', '1e-400', '0.12345678901234567890',
                     '1e-99999999999999999999', '12345678901234567.8'):
            error = self.assertRaises(exceptions.ClientError,
                                      exact_json.loads, f'[{text}]')
            self.assertIn(f'the number {text};', str(error))

    def test_no_json(self):
        self.assertRaises(ValueError, exact_json.loads, '{')
