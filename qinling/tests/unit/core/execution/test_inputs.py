# SPDX-License-Identifier: Apache-2.0
"""Inputs of executions, by the table in the contract."""

import json

from oslotest import base

from qinling.core.execution import inputs
from qinling import exception

#: input, shown text, positional arguments, keyword arguments
TEXTS = [
    (None, None, [], {}),
    ('{"a": 1}', '{"a": 1}', [], {'a': 1}),
    (' {"b":2,\n"a":1} ', '{"b": 2, "a": 1}', [], {'a': 1, 'b': 2}),
    ('{}', '{}', [], {}),
    ('abc', 'abc', ['abc'], {}),
    ('6', '6', ['6'], {}),
    ('0', '0', ['0'], {}),
    ('null', None, [], {}),
    (' null\n', None, [], {}),
    ('{"__function_input": "x", "a": 1}', 'x', ['x'], {'a': 1}),
    ('{"__function_input": 5}', '5', [5], {}),
    ('{"__function_input": {"k": [1]}}', '{"k": [1]}', [{'k': [1]}], {}),
    ('1.5', '1.5', ['1.5'], {}),
    ('true', 'true', ['true'], {}),
    ('[1, 2]', '[1, 2]', ['[1, 2]'], {}),
    ('"text"', '"text"', ['"text"'], {}),
    ('', '', [''], {}),
    ('{"a": ', '{"a": ', ['{"a": '], {}),
    ('{not json}', '{not json}', ['{not json}'], {}),
    ('says __function_input', 'says __function_input',
     ['says __function_input'], {}),
    ('{"a": "__function_input"}', '{"a": "__function_input"}', [],
     {'a': '__function_input'}),
    ('naïve 😀', 'naïve 😀', ['naïve 😀'], {}),
    ('{"a": "😀"}', '{"a": "\\ud83d\\ude00"}', [], {'a': '😀'}),
    ('{' * 100000, '{' * 100000, ['{' * 100000], {}),
]
#: The same for values other than text.
VALUES = [
    ({'a': 1, 'b': None}, '{"a": 1, "b": null}', [], {'a': 1, 'b': None}),
    ({'__function_input': [1], 'b': 2}, '[1]', [[1]], {'b': 2}),
    ([1, 'x'], '[1, "x"]', ['[1, "x"]'], {}),
    (6, '6', ['6'], {}),
    (1.5, '1.5', ['1.5'], {}),
    (True, 'true', ['true'], {}),
    (False, 'false', ['false'], {}),
    ([], '[]', ['[]'], {}),
    ({}, '{}', [], {}),
]


class TestInputs(base.BaseTestCase):
    def test_arguments_and_shown_text(self):
        for value, text, positional, keywords in TEXTS + VALUES:
            stored = inputs.normalise(value)
            self.assertEqual(text, inputs.to_show(stored), value)
            self.assertEqual((positional, keywords),
                             inputs.arguments(stored), value)

    def test_normalisation_is_idempotent(self):
        for value, *_ in TEXTS + VALUES:
            stored = inputs.normalise(value)
            self.assertEqual(stored, inputs.normalise(stored))

    def test_shown_texts_are_unicode(self):
        for value in ('{"__function_input": "\\ud800"}',
                      '{"__function_input": {"a": "\\udfff"}, "\\ud800": 1}',
                      '{"a": "\\ud800"}'):
            try:
                text = inputs.to_show(inputs.normalise(value))
            except exception.Invalid:
                continue
            self.assertEqual(text, text.encode().decode())

    def test_deep_texts(self):
        for depth in (10, 900, *range(940, 1000, 3), 5000, 200000):
            text = '{"a": ' * depth + '1' + '}' * depth
            try:
                stored = inputs.normalise(text)
            except exception.Invalid:
                continue
            self.assertIsInstance(inputs.arguments(stored), tuple)
            self.assertIsInstance(inputs.to_show(stored), str)

    def test_deep_values_are_refused(self):
        value = 1
        for _ in range(5000):
            value = [value]
        self.assertRaises(exception.Invalid, inputs.normalise, value)

    def test_long_numbers_are_refused(self):
        digits = '9' * 5000
        self.assertRaises(exception.Invalid, inputs.normalise,
                          f'{{"a": {digits}}}')
        self.assertEqual(([digits], {}), inputs.arguments(
            inputs.normalise(digits)))

    def test_context_is_an_ordinary_argument(self):
        stored = inputs.normalise(json.dumps({'context': 'mine'}))
        self.assertEqual(([], {'context': 'mine'}),
                         inputs.arguments(stored))
