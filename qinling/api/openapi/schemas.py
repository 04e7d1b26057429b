# SPDX-License-Identifier: Apache-2.0
"""JSON schemas of the WSME types."""

import datetime
import inspect
import typing

from oslo_config import cfg
from wsme import types as wtypes

from qinling.api import types
from qinling.core import validation

Schema = dict[str, typing.Any]

_BASIC: dict[typing.Any, types.Schema] = {
    types.Text: {'type': 'string'}, int: {'type': 'integer'},
    float: {'type': 'number'}, bool: {'type': 'boolean'},
    datetime.datetime: {'type': 'string', 'format': 'date-time'}}
_JSON_TEXT: Schema = {
    'type': 'string', 'contentMediaType': 'application/json'}


def reference(name: str) -> Schema:
    """Return a reference to a schema of the components."""
    return {'$ref': f'#/components/schemas/{name}'}


class Components:
    """Schemas that a document refers to, by name.

    Requests and answers have separate schemas: a request has neither
    read-only attributes nor unknown ones, and an answer has no limits, since
    the limits of the operator may change.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.schemas: dict[str, Schema] = {}
        self._limits = conf.resource_limits
        self._names: dict[tuple[typing.Any, str], str] = {}

    def answer(self, datatype: typing.Any) -> Schema:
        """Return the schema of a value in an answer."""
        if isinstance(datatype, wtypes.ArrayType):
            return {'type': 'array', 'items': self.answer(datatype.item_type)}
        if not wtypes.iscomplex(datatype):
            return _scalar(datatype)
        name = self._names.get((datatype, ''))
        if name is None:
            name = self._register(datatype, '')
            self.schemas[name]['properties'] = {
                attribute.name: self._answer_attribute(attribute)
                for attribute in wtypes.list_attributes(datatype)}
        return reference(name)

    def _answer_attribute(self, attribute: typing.Any) -> Schema:
        schema = _nullable(self.answer(attribute.datatype))
        if attribute.readonly:
            schema = {**schema, 'readOnly': True}
        return schema

    def request(self, datatype: typing.Any) -> Schema:
        """Return the schema of a JSON body.

        ``null`` counts as unset.
        """
        return self._body(datatype, 'Request', _nullable)

    def form(self, datatype: typing.Any) -> Schema:
        """Return the schema of a form, whose objects are JSON text."""
        return self._body(datatype, 'Form', _encode_objects)

    def _body(self, datatype: typing.Any, suffix: str,
              convert: typing.Callable[[Schema], Schema]) -> Schema:
        name = self._names.get((datatype, suffix))
        if name is None:
            name = self._register(datatype, suffix)
            attributes = [
                attribute for attribute in wtypes.list_attributes(datatype)
                if not attribute.readonly and (suffix == 'Form' or not (
                    isinstance(attribute.datatype, types.File)))]
            self.schemas[name]['properties'] = {
                attribute.name: convert(self._limited(attribute))
                for attribute in attributes}
        return reference(name)

    def _limited(self, attribute: typing.Any) -> Schema:
        """Return the schema of an attribute, with the limits of values."""
        schema = _scalar(attribute.datatype)
        if attribute.datatype is types.Text and (
                attribute.name in validation.TEXTS):
            schema['maxLength'] = validation.TEXTS[attribute.name]
        elif attribute.name in validation.RESOURCES:
            option, unit = validation.RESOURCES[attribute.name]
            schema.update(
                minimum=self._limits[f'min_{option}'],
                maximum=self._limits[f'max_{option}'],
                description=f'In {unit}.')
        if attribute.default:
            schema['default'] = attribute.default
        return schema

    def _register(self, datatype: typing.Any, suffix: str) -> str:
        """Return the name of a new schema."""
        name = datatype.__name__.removesuffix('Form') + suffix
        if name in self.schemas:
            module = datatype.__module__.rpartition('.')[2]
            name = module.capitalize() + name
        self._names[datatype, suffix] = name
        self.schemas[name] = {'type': 'object', 'additionalProperties': False}
        if text := inspect.getdoc(datatype):
            self.schemas[name]['description'] = ' '.join(text.split())
        return name


def _scalar(datatype: typing.Any) -> Schema:
    if isinstance(datatype, wtypes.ArrayType):
        return {'type': 'array', 'items': _scalar(datatype.item_type)}
    return dict(_BASIC[datatype] if datatype in _BASIC else datatype.schema)


def _nullable(schema: Schema) -> Schema:
    if '$ref' in schema:
        return {'anyOf': [schema, {'type': 'null'}]}
    if 'type' not in schema:
        return schema
    return {**schema, 'type': [schema['type'], 'null']}


def _encode_objects(schema: Schema) -> Schema:
    return schema if 'type' in schema else {**schema, **_JSON_TEXT}
