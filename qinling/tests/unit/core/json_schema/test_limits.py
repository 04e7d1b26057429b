# SPDX-License-Identifier: Apache-2.0
"""Limits on schemas and values of strangers."""

import time

from oslotest import base

from qinling.core.json_schema import compiler
from qinling.core.json_schema import evaluation
from qinling.core.json_schema import nodes

SIZE = 1 << 20
#: Seconds of processor time that no value may exceed, on the slowest machine;
#: without a limit of the steps each value would take hours.
MAX_SECONDS = 60


def _build_tower(height):
    """Return a schema that doubles its work at each of its levels."""
    levels = {f'a{index}': {'allOf': 2 * [
        {'$ref': f'#/$defs/a{index + 1}'}]} for index in range(height)}
    return {'$ref': '#/$defs/a0',
            '$defs': {**levels, f'a{height}': {'type': 'integer'}}}


def _nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


#: Schemas and values of about a mebibyte.
COSTLY = {
    'references': (_build_tower(25), 1),
    'equal hashes': ({'uniqueItems': True}, [
        (2 ** 61 - 1) * number for number in range(SIZE // 20)]),
    'objects': ({'uniqueItems': True}, [
        {'a': number} for number in range(SIZE // 8)]),
    'annotations': ({'allOf': 900 * [{'unevaluatedProperties': True}],
                     'unevaluatedProperties': False},
                    {str(number): 1 for number in range(SIZE // 10)}),
    'alternatives': ({'anyOf': 400 * [
        {'properties': {'a': True}}, {'patternProperties': {'.': True}}],
        'unevaluatedProperties': False},
        {str(number): 1 for number in range(SIZE // 10)}),
    'contains': ({'contains': {'contains': {'contains': {'const': 2}}}},
                 50 * [100 * [100 * [1]]]),
    'large expression': ({'pattern': '[a-q][^u-z]{1000}x'}, 'a' * SIZE),
    'backtracking': ({'pattern': '(x+x+)+y'}, 'x' * SIZE),
    'expressions': ({'patternProperties': {
        f'{number}.*a{number}': {} for number in range(900)}},
        {f'k{number}' * 10: 1 for number in range(SIZE // 60)}),
    'multiples': ({'items': {'multipleOf': 0.001}}, [1.234] * (SIZE // 6)),
    'long numbers': ({'items': {'multipleOf': 0.7}},
                     [int('7' * 4000)] * (SIZE // 4000)),
    'enum': ({'items': {'enum': list(range(3000))}}, [7] * (SIZE // 2)),
    'text': ({'anyOf': 900 * [{'const': 'y'}]}, 'x' * SIZE),
    'members': ({'items': {'properties': {
        f'a{number}': True for number in range(3000)}}}, SIZE // 3 * [{}]),
    'dates': ({'items': {'format': 'date-time'}}, SIZE // 30 * [
        '2024-01-01T00:00:00.123456789Z']),
    'choices': ({'items': {'oneOf': 1000 * [{'type': 'string'}]}},
                [1] * (SIZE // 2)),
    'nesting': ({'uniqueItems': True}, [_nest(900)])}
#: Schemas that are refused, and a part of the sentence.
REFUSED = {
    'no schema': (1, 'must be a schema'),
    'bytes': ({'title': 'x' * compiler.MAX_BYTES}, 'bytes'),
    'values': ({'enum': [1] * compiler.MAX_VALUES}, 'values'),
    'levels': ({'const': _nest(compiler.MAX_LEVELS)}, 'nested'),
    'deep levels': ({'const': _nest(100_000)}, 'nested'),
    'itself': ({'$ref': '#'}, 'part of itself'),
    'recursion': ({'$defs': {'a': {'items': {'$ref': '#/$defs/a'}}}},
                  'part of itself'),
    'recursive if': ({'if': {'$ref': '#'}, 'then': True}, 'part of itself'),
    'dynamic recursion': ({'$dynamicAnchor': 'a', 'not': {
        '$dynamicRef': '#a'}}, 'part of itself'),
    'two references': ({'$defs': {
        'a': {'allOf': [{'$ref': '#/$defs/b'}]},
        'b': {'not': {'$ref': '#/$defs/a'}}}}, 'part of itself'),
    'chain': ({'$ref': '#/$defs/a0', '$defs': {
        f'a{number}': {'$ref': f'#/$defs/a{number + 1}'}
        for number in range(500)} | {'a500': True}}, 'nested schemas'),
    'late chain': ({'$defs': {
        f'a{number}': {'$ref': f'#/$defs/a{number - 1}'}
        for number in range(1, 500)} | {'a0': {}}}, 'nested schemas'),
    'remote': ({'$ref': 'https://example.org/a'}, 'the same schema'),
    'file': ({'$ref': 'file:///etc/passwd'}, 'the same schema'),
    'dangling': ({'$ref': '#/$defs/a'}, 'refers to nothing'),
    'index': ({'$ref': '#/allOf/7', 'allOf': [True]}, 'refers to nothing'),
    'anchor': ({'$ref': '#a'}, 'no anchor'),
    'inner id': ({'not': {'$id': 'a'}}, 'top of a schema'),
    'dialect': ({'$schema': 'http://json-schema.org/draft-07/schema#'},
                'must be https'),
    'look-around': ({'pattern': '(?=a)'}, 'RE2'),
    'back-reference': ({'patternProperties': {r'(a)\1': True}}, 'RE2'),
    'expression': ({'pattern': '('}, 'RE2'),
    'large expression': ({'pattern': '((a{100}){100}){100}'}, 'RE2'),
    'surrogate': ({'pattern': '\ud800'}, 'RE2'),
    'long expression': ({'pattern': 'a' * 1001}, '1000 characters'),
    **{f'{keyword}: {value}': ({keyword: value}, 'must')
       for keyword, value in (
           ('type', 'text'), ('type', []), ('type', 1), ('type', [{}]),
           ('enum', 1), ('minLength', -1), ('minLength', 0.5),
           ('maxItems', True), ('minimum', '1'), ('multipleOf', 0),
           ('pattern', 1), ('format', 1), ('items', [True]), ('not', 1),
           ('allOf', []), ('allOf', {}), ('properties', []),
           ('properties', {'a': 1}), ('required', 'a'),
           ('required', ['a', 'a']), ('required', [1]),
           ('dependentRequired', []), ('dependentRequired', {'a': 1}),
           ('patternProperties', []), ('uniqueItems', 1), ('$ref', 1),
           ('minContains', -1), ('$defs', []), ('then', 1))},
    'title': ({'title': 1}, 'wrong type'),
    'contained schema': ({'contentSchema': 1}, 'must be a schema')}


class TestLimits(base.BaseTestCase):
    def test_time_of_a_validation_is_bounded(self):
        for name, (document, value) in COSTLY.items():
            with self.subTest(name):
                start = time.process_time()
                schema = compiler.compile_document(document)
                try:
                    schema.validate(value)
                except evaluation.TooExpensive:
                    pass
                self.assertLess(time.process_time() - start, MAX_SECONDS)

    def test_budget(self):
        schema = compiler.compile_document(_build_tower(25))
        self.assertRaises(evaluation.TooExpensive, schema.validate, 1)
        schema = compiler.compile_document(_build_tower(10))
        self.assertEqual([], schema.validate(1))

    def test_deep_value(self):
        schema = compiler.compile_document({'uniqueItems': True})
        self.assertRaises(evaluation.TooExpensive, schema.validate,
                          [_nest(100_000)])

    def test_plain_values_of_full_size_fit(self):
        for document, value in (
                ({'items': {'type': 'integer'}}, [1] * (SIZE // 3)),
                ({'type': 'string', 'pattern': '^[A-Za-z0-9+/=]*$'},
                 'a' * SIZE)):
            with self.subTest(document):
                self.assertEqual([], compiler.compile_document(
                    document).validate(value))

    def test_refused_schemas(self):
        for name, (document, sentence) in REFUSED.items():
            with self.subTest(name):
                error = self.assertRaises(
                    nodes.BadSchema, compiler.compile_document, document)
                self.assertIn(sentence, str(error))

    def test_error_names_the_place(self):
        error = self.assertRaises(
            nodes.BadSchema, compiler.compile_document,
            {'properties': {'a/b': {'items': {'type': 'text'}}}})
        self.assertEqual('/properties/a~1b/items/type', error.pointer)

    def test_shared_schemas_may_repeat(self):
        document = {'$defs': {'a': {'type': 'integer'}},
                    'prefixItems': 3 * [{'$ref': '#/$defs/a'}],
                    'items': {'$anchor': 'b', 'type': 'string'},
                    'contains': {'$ref': '#b'}}
        schema = compiler.compile_document(document)
        self.assertEqual([], schema.validate([1, 2, 3, 'a']))
        self.assertEqual(2, len(schema.validate([1, 2, None])))
