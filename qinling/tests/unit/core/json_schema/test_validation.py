# SPDX-License-Identifier: Apache-2.0
"""Verdicts of the validation, compared with those of ``jsonschema``."""

import hypothesis
from hypothesis import strategies
import jsonschema
from oslotest import base

from qinling.core.json_schema import compiler
from qinling.core.json_schema import evaluation

_SCALARS = (strategies.none() | strategies.booleans()
            | strategies.integers(-3, 3)
            | strategies.sampled_from([0.5, 1.0, 1e300, 0.1])
            | strategies.sampled_from(['', 'a', 'ab', '2026-01-01']))
_NAMES = strategies.sampled_from(['a', 'b', 'ab', '~/'])
VALUES = strategies.recursive(
    _SCALARS, lambda child: strategies.lists(child, max_size=4)
    | strategies.dictionaries(_NAMES, child, max_size=4), max_leaves=8)
_COUNTS = strategies.integers(0, 3)
_TYPES = strategies.sampled_from([
    'null', 'boolean', 'object', 'array', 'string', 'number', 'integer'])


def _create_objects(child):
    lists = strategies.lists(child, min_size=1, max_size=3)
    maps = strategies.dictionaries(_NAMES, child, max_size=3)
    names = strategies.lists(_NAMES, max_size=2, unique=True)
    keywords = {
        'type': _TYPES | strategies.lists(
            _TYPES, min_size=1, max_size=3, unique=True),
        'enum': strategies.lists(VALUES, max_size=3), 'const': VALUES,
        'minimum': _COUNTS, 'maximum': _COUNTS,
        'exclusiveMinimum': _COUNTS, 'exclusiveMaximum': _COUNTS,
        'multipleOf': strategies.sampled_from([1, 2, 0.5]),
        'minLength': _COUNTS, 'maxLength': _COUNTS,
        'pattern': strategies.sampled_from(['^a', 'b$', '.']),
        'minItems': _COUNTS, 'maxItems': _COUNTS,
        'uniqueItems': strategies.booleans(), 'prefixItems': lists,
        'items': child, 'contains': child, 'minContains': _COUNTS,
        'maxContains': _COUNTS, 'unevaluatedItems': child,
        'minProperties': _COUNTS, 'maxProperties': _COUNTS,
        'required': names, 'properties': maps,
        'patternProperties': strategies.dictionaries(
            strategies.sampled_from(['^a', 'b$']), child, max_size=2),
        'additionalProperties': child, 'unevaluatedProperties': child,
        'propertyNames': child, 'dependentSchemas': maps,
        'dependentRequired': strategies.dictionaries(
            _NAMES, names, max_size=2),
        'allOf': lists, 'anyOf': lists, 'oneOf': lists, 'not': child,
        'if': child, 'then': child, 'else': child,
        '$ref': strategies.just('#/$defs/shared')}
    return strategies.lists(
        strategies.sampled_from(sorted(keywords)), max_size=4,
        unique=True).flatmap(lambda names: strategies.fixed_dictionaries(
            {name: keywords[name] for name in names}))


SCHEMAS = strategies.recursive(
    strategies.booleans() | _TYPES.map(lambda name: {'type': name}),
    _create_objects, max_leaves=8)


class TestVerdicts(base.BaseTestCase):
    @hypothesis.settings(max_examples=600, deadline=None, derandomize=True)
    @hypothesis.given(SCHEMAS, SCHEMAS, VALUES)
    def test_verdicts_are_those_of_the_library(self, schema, shared, value):
        document = {'$defs': {'shared': shared}, 'allOf': [schema]}
        if '$ref' in str(shared):
            hypothesis.reject()
        expected = jsonschema.Draft202012Validator(document).is_valid(value)
        faults = compiler.compile_document(document).validate(value)
        self.assertEqual(expected, not faults, faults)

    def test_faults_have_pointers(self):
        schema = compiler.compile_document({
            'type': 'object', 'required': ['name'],
            'properties': {'a/b~': {'items': {'minimum': 2}}},
            'additionalProperties': False})
        self.assertEqual([
            evaluation.Fault('', 'must have name'),
            evaluation.Fault('/a~1b~0/1', 'must be at least 2'),
            evaluation.Fault('/more', 'is not a permitted member')],
            sorted(schema.validate({'a/b~': [2, 1], 'more': 1}),
                   key=lambda fault: fault.pointer))

    def test_number_of_faults_is_bounded(self):
        faults = compiler.compile_document(
            {'items': {'type': 'string'}}).validate([1] * 1000)
        self.assertEqual(evaluation.MAX_FAULTS, len(faults))

    def test_alternatives_report_one_fault(self):
        schema = compiler.compile_document({'anyOf': [
            {'type': 'string'}, {'required': ['a']}]})
        self.assertEqual(1, len(schema.validate({})))

    def test_equality_is_that_of_json(self):
        for value, other_value, is_equal in (
                (1, 1.0, True), (True, 1, False), ('1', 1, False),
                ([1, 2], [1.0, 2], True), ({'a': 1, 'b': 2},
                                           {'b': 2, 'a': 1}, True),
                (['a,b'], ['a', 'b'], False), (0, False, False)):
            with self.subTest(value=value, other_value=other_value):
                schema = compiler.compile_document({'const': value})
                self.assertEqual(is_equal, not schema.validate(other_value))
                faults = compiler.compile_document(
                    {'uniqueItems': True}).validate([value, other_value])
                self.assertEqual(is_equal, bool(faults))


class TestFormats(base.BaseTestCase):
    VALID = {
        'date': ('2024-02-29',), 'uuid': (
            '2EB8AA08-aa98-11ea-b4aa-73b441d16380',),
        'date-time': ('2026-11-29T08:00:00Z', '2026-11-29t08:00:00.123+05:30',
                      '1998-12-31T23:59:60Z', '1998-12-31T15:59:60.1-08:00'),
        'ipv4': ('192.0.2.1',), 'ipv6': ('2001:db8::1',)}
    INVALID = {
        'date': ('2023-02-29', '20240101', '2024-W01-1', '٢٠٢٤-01-01'),
        'uuid': ('2eb8aa08aa9811eab4aa73b441d16380', ''),
        'date-time': ('2026-11-29T08:00:00', '2026-11-29 08:00:00Z',
                      '1998-12-31T22:59:60Z', '2026-11-29T08:00:00+24:00',
                      '2026-13-01T00:00:00Z', '0001-01-01T00:00:60+23:00'),
        'ipv4': ('192.0.2.01', '1.2.3', '192.0.2.1/24'),
        'ipv6': ('fe80::1%eth0', '1:2:3', '::1' + ' ' * 100)}

    def test_formats(self):
        for is_valid, texts in ((True, self.VALID), (False, self.INVALID)):
            for name in texts:
                schema = compiler.compile_document({'format': name})
                for text in texts[name]:
                    with self.subTest(format=name, text=text):
                        self.assertEqual(is_valid,
                                         not schema.validate(text))

    def test_other_formats_are_annotations(self):
        schema = compiler.compile_document({'format': 'email'})
        self.assertEqual([], schema.validate('nothing'))
