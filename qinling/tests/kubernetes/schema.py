# SPDX-License-Identifier: Apache-2.0
"""Structure of requests, by the OpenAPI document of Kubernetes.

The document is not at hand, but the models of the official client are
generated from the document: the models name every field, the type and whether
the field is required.  The stand-in uses no other part of the client.
"""

import base64
import binascii
import functools
import re

from kubernetes.client import models

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import quantities

_TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)')
_MICRO_TIME = re.compile(
    r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)')
_PLAIN = {'str': (str, 'string'), 'int': (int, 'int32'),
          'bool': (bool, 'bool'), 'float': (float, 'float64'),
          'datetime': (str, 'Time'), 'bytes': (str, '[]uint8')}
#: Fields whose text is a number with a suffix.
QUANTITIES = {'V1ResourceRequirements.limits',
              'V1ResourceRequirements.requests', 'V1ResourceQuotaSpec.hard',
              'V1EmptyDirVolumeSource.sizeLimit'}
#: Fields whose times have microseconds, exactly six digits of them.
MICRO_TIMES = {'V1LeaseSpec.acquireTime', 'V1LeaseSpec.renewTime',
               'CoreV1Event.eventTime'}


class Mismatch(Exception):
    """Value of another type than the field."""


@functools.lru_cache(maxsize=None)
def fields(model):
    """Return {name in JSON: (type, whether required)} of a model."""
    model_class = getattr(models, model)
    required = {field.serialization_alias or name
                for name, field in model_class.model_fields.items()
                if field.is_required()}
    return {model_class.attribute_map[name]: (
        kind, model_class.attribute_map[name] in required)
        for name, kind in model_class.openapi_types.items()}


class Checker:
    """Reader of one object; ``unknown`` and ``missing`` are paths of fields.
    """

    def __init__(self):
        self.unknown = []
        self.missing = []

    def read(self, kind, value, path):
        """Return the value without nulls and unknown fields.

        :raises Mismatch: a value has a wrong type.
        """
        if kind == 'object':
            return value
        if kind.startswith('List['):
            return self._list(kind[5:-1], value, path)
        if kind.startswith('Dict['):
            return self._dict(kind[10:-1], value, path)
        if kind in _PLAIN:
            return self._plain(kind, value, path)
        return self._object(kind, value, path)

    def _plain(self, kind, value, path):
        python_type, name = _PLAIN[kind]
        right = isinstance(value, python_type) and not (
            kind == 'int' and isinstance(value, bool))
        right = right or (kind == 'float' and isinstance(value, int))
        if not right:
            raise Mismatch(_unmarshal(value, path, name))
        if kind == 'datetime' and not _TIME.fullmatch(value):
            raise Mismatch(f'parsing time "{value}" as RFC3339 at {path}')
        if kind == 'bytes':
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise Mismatch(f'illegal base64 data at {path}') from error
        return value

    def _list(self, kind, value, path):
        if not isinstance(value, list):
            raise Mismatch(_unmarshal(value, path, f'[]{kind}'))
        return [self.read(kind, element, f'{path}[{number}]')
                for number, element in enumerate(value)]

    def _dict(self, kind, value, path):
        if not isinstance(value, dict):
            raise Mismatch(_unmarshal(value, path, f'map[string]{kind}'))
        return {key: self.read(kind, element, f'{path}.{key}')
                for key, element in value.items() if element is not None}

    def _object(self, model, value, path):
        if not isinstance(value, dict):
            raise Mismatch(_unmarshal(value, path, model))
        known_fields = fields(model)
        prefix = path and f'{path}.'
        read = {}
        for key, element in value.items():
            if key not in known_fields:
                self.unknown.append(f'{prefix}{key}')
            elif element is not None:
                if f'{model}.{key}' in QUANTITIES:
                    element = _quantities(element, f'{prefix}{key}')
                if f'{model}.{key}' in MICRO_TIMES:
                    _check_micro_time(element, f'{prefix}{key}')
                read[key] = self.read(known_fields[key][0], element,
                                      f'{prefix}{key}')
        self.missing += [
            f'{prefix}{key}' for key, (_kind, required) in known_fields.items()
            if required and key not in read]
        return read


def _quantities(value, path):
    """Return quantities as text, also from numbers."""
    if not isinstance(value, dict):
        return _quantity(value, path)
    return {key: _quantity(quantity, path) for key, quantity in value.items()
            if quantity is not None}


def _check_micro_time(value, path):
    if not isinstance(value, str) or not _MICRO_TIME.fullmatch(value):
        raise Mismatch(f'parsing time "{value}" as '
                       f'"2006-01-02T15:04:05.000000Z07:00" at {path}')


def _quantity(value, path):
    try:
        quantities.parse(value)
    except ValueError as error:
        raise Mismatch(f'{error} at {path}') from error
    return str(value)


def _unmarshal(value, path, type_name):
    name = {dict: 'object', list: 'array', str: 'string',
            bool: 'bool'}.get(type(value), 'number')
    return (f'json: cannot unmarshal {name} into Go struct field {path} of '
            f'type {type_name}')


def read(resource, value, strict=True):
    """Return a whole object, checked and without unknown fields.

    :raises ApiError: 400 or 422.
    """
    checker = Checker()
    handled = (f'{resource.kind} in version "{resource.version}" cannot be '
               f'handled as a {resource.kind}: ')
    try:
        content = checker.read(resource.model, value, '')
    except Mismatch as error:
        raise errors.bad_request(handled + str(error)) from error
    if strict and checker.unknown:
        sentence = ', '.join(f'unknown field "{field}"'
                             for field in checker.unknown)
        raise errors.bad_request(f'{handled}strict decoding error: {sentence}')
    for name, expected in (('kind', resource.kind), ('apiVersion',
                                                     resource.api_version)):
        if content.setdefault(name, expected) != expected:
            raise errors.bad_request(
                f'the {name} in the data ({content[name]}) does not match the '
                f'expected {name} ({expected})')
    content.setdefault('metadata', {})
    causes = errors.Causes()
    for path in checker.missing:
        causes.required(path)
    causes.check(resource, content['metadata'].get('name', ''))
    return content
