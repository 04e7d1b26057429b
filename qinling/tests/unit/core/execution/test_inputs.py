# SPDX-License-Identifier: Apache-2.0
"""The input of an execution, row by row of the table in the contract."""

import json

from oslotest import base

from qinling.core.execution import inputs
from qinling import exception

#: what was sent -> what is shown, positional arguments, keyword arguments
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
#: The same for what is not text.
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
    def test_every_row(self):
        for sent, shown, positional, keywords in TEXTS + VALUES:
            stored = inputs.normalise(sent)
            self.assertEqual(shown, inputs.to_show(stored), sent)
            self.assertEqual((positional, keywords),
                             inputs.arguments(stored), sent)

    def test_what_is_stored_says_the_same_again(self):
        for sent, *_ in TEXTS + VALUES:
            stored = inputs.normalise(sent)
            self.assertEqual(stored, inputs.normalise(stored))

    def test_what_is_shown_is_unicode(self):
        for sent in ('{"__function_input": "\\ud800"}',
                     '{"__function_input": {"a": "\\udfff"}, "\\ud800": 1}',
                     '{"a": "\\ud800"}'):
            try:
                shown = inputs.to_show(inputs.normalise(sent))
            except exception.Invalid:
                continue
            self.assertEqual(shown, shown.encode().decode())

    def test_depth(self):
        for depth in (10, 900, *range(940, 1000, 3), 5000, 200000):
            text = '{"a": ' * depth + '1' + '}' * depth
            try:
                stored = inputs.normalise(text)
            except exception.Invalid:
                continue
            self.assertIsInstance(inputs.arguments(stored), tuple)
            self.assertIsInstance(inputs.to_show(stored), str)

    def test_depth_of_what_is_not_text(self):
        value = 1
        for _ in range(5000):
            value = [value]
        self.assertRaises(exception.Invalid, inputs.normalise, value)

    def test_long_numbers(self):
        digits = '9' * 5000
        self.assertEqual(([f'{{"a": {digits}}}'], {}), inputs.arguments(
            inputs.normalise(f'{{"a": {digits}}}')))

    def test_context_is_no_word_of_ours(self):
        stored = inputs.normalise(json.dumps({'context': 'mine'}))
        self.assertEqual(([], {'context': 'mine'}),
                         inputs.arguments(stored))
