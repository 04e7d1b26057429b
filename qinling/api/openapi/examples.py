# SPDX-License-Identifier: Apache-2.0
"""Examples of values, derived from their schemas."""

from collections.abc import Mapping
import json
import typing

from qinling import fields

_UUID = '1f0c5a1e-7c1d-4a52-9f0b-3d6f2a9d4e10'
_TEXTS = {'uuid': _UUID, 'date-time': '2026-01-31T12:00:00Z',
          'binary': '(the bytes of a ZIP file)'}
#: Attribute -> JSON object.
_OBJECTS = {'code': {'source': 'package'},
            **{field.name: json.loads(field.example)
               for field in fields.FUNCTION if field.example}}


def create_example(schema: Mapping[str, typing.Any],
                   schemas: Mapping[str, typing.Any], name: str = 'text'
                   ) -> typing.Any:
    """Return an example that fulfils a schema.

    :param schemas: schemas of the components by name.
    :param name: name of the attribute.
    """
    if 'anyOf' in schema:
        schema = schema['anyOf'][0]
    if '$ref' in schema:
        schema = schemas[schema['$ref'].rpartition('/')[2]]
    kind = schema.get('type')
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == 'object':
        return {key: create_example(value, schemas, key)
                for key, value in schema.get('properties', {}).items()}
    if kind == 'array':
        return [create_example(schema['items'], schemas, name)]
    if kind == 'string':
        return _create_text(schema, name)
    if kind is None:
        return _OBJECTS.get(name, {})
    return {'boolean': True, 'number': 1.5,
            'integer': max(1, schema.get('minimum', 1))}[kind]


def _create_text(schema: Mapping[str, typing.Any], name: str) -> str:
    if 'contentMediaType' in schema:
        return json.dumps(_OBJECTS.get(name, {}))
    if name == 'id' or name.endswith('_id'):
        return _UUID
    return _TEXTS.get(schema.get('format', ''), name)
