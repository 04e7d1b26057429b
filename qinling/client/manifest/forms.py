# SPDX-License-Identifier: Apache-2.0
"""Fields of an application file: how each is read, and its JSON Schema."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import typing

from qinling.client.manifest import credentials
from qinling.client.manifest import schedules
from qinling.client import units
from qinling import suggestions

TEXT: dict[str, typing.Any] = {'type': 'string'}
NUMBER: dict[str, typing.Any] = {'type': 'integer', 'minimum': 0}
FLAG: dict[str, typing.Any] = {'type': 'boolean'}
OBJECT: dict[str, typing.Any] = {'type': 'object'}
ANY: dict[str, typing.Any] = {}
VERSION: dict[str, typing.Any] = {
    'oneOf': [NUMBER, {'const': 'latest'}]}
#: Methods that can run a webhook.
METHODS = ('POST', 'GET', 'PUT', 'PATCH', 'DELETE')
#: Allowed difference of the sum of weights from 1, for binary fractions.
MAX_WEIGHT_ERROR = 1e-6
#: Word for the latest version, after a publication by the same file.
LATEST = 'latest'


def read_text(value: typing.Any) -> str:
    """Return a text.

    :raises ValueError: the value is no text.
    """
    if not isinstance(value, str):
        raise ValueError('is no text; put it in quotes')
    return value


def read_number(value: typing.Any) -> int:
    """Return a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError('is no whole number of at least 0')
    return value


def read_flag(value: typing.Any) -> bool:
    """Return ``True`` or ``False``."""
    if not isinstance(value, bool):
        raise ValueError('is neither true nor false')
    return value


def read_object(value: typing.Any) -> dict[str, typing.Any]:
    """Return an object whose keys are texts."""
    if not isinstance(value, dict):
        raise ValueError('is no object of names and values')
    return {str(key): item for key, item in value.items()}


def read_texts(value: typing.Any) -> dict[str, str]:
    """Return an object of texts."""
    for name, item in read_object(value).items():
        if not isinstance(item, str):
            raise ValueError(f'has a value for {name} that is no text; put '
                             'it in quotes')
    return read_object(value)


def read_paths(value: typing.Any) -> list[str]:
    """Return a list of paths, from a path or a list of paths."""
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not paths or not all(
            isinstance(path, str) for path in paths):
        raise ValueError('is neither a path nor a list of paths')
    return paths


def read_methods(value: typing.Any) -> list[str]:
    """Return a list of HTTP methods, in the order of the service."""
    if not isinstance(value, list) or not value or not all(
            method in METHODS for method in value):
        raise ValueError(f'is no list of {", ".join(METHODS)}')
    return [method for method in METHODS if method in value]


def read_origins(value: typing.Any) -> list[str]:
    """Return a list of origins of pages."""
    if not isinstance(value, list) or not all(
            isinstance(origin, str) for origin in value):
        raise ValueError('is no list of origins such as https://app.example')
    return value


def read_version(value: typing.Any) -> int | str:
    """Return the number of a version, or ``latest``."""
    if value == LATEST:
        return LATEST
    try:
        return read_number(value)
    except ValueError:
        raise ValueError('is neither the number of a version nor '
                         f'"{LATEST}"') from None


def read_routing(value: typing.Any) -> dict[int | str, float]:
    """Return the weights of versions."""
    weights = {}
    for version, weight in read_object(value).items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ValueError(f'has a weight for {version} that is no number')
        weights[version if version == LATEST
                else read_version(int(version) if version.isdigit()
                                  else version)] = float(weight)
    total = sum(weights.values())
    if weights and abs(total - 1) > MAX_WEIGHT_ERROR:
        raise ValueError(f'has weights that sum to {total:g}, not to 1')
    return weights


def _accept_units(parse: Callable[[str], int]
                  ) -> Callable[[typing.Any], int]:
    """Return a reader of numbers that also accepts texts with units."""
    def read(value: typing.Any) -> int:
        if isinstance(value, str):
            try:
                return parse(value)
            except argparse.ArgumentTypeError as e:
                raise ValueError(f'is not valid: {e}') from None
        return read_number(value)
    return read


@dataclasses.dataclass(frozen=True)
class Form:
    """Field of an object in the file.

    :ivar field: field of the API with the same value, empty for other
        fields.
    """

    read: Callable[[typing.Any], typing.Any]
    schema: Mapping[str, typing.Any]
    field: str = ''


_SIZE = {'oneOf': [NUMBER, TEXT], 'description': 'bytes, or 128M or 1GiB'}
_TIME = {'oneOf': [NUMBER, TEXT], 'description': 'seconds, or 30s or 5m'}
_PATHS = {'oneOf': [TEXT, {'type': 'array', 'items': TEXT}],
          'description': 'file, directory or ZIP file, or a list'}
_COMPILE = {'type': 'string',
            'description': 'command that creates the code on this machine'}
_METHODS = {'type': 'array', 'minItems': 1, 'items': {'enum': list(METHODS)}}
_TEXTS = {'type': 'array', 'items': TEXT}
_TARGET = {'function': Form(read_text, TEXT),
           'version': Form(read_version, VERSION),
           'alias': Form(read_text, TEXT)}
#: Fields of functions that versions freeze.
FROZEN = {
    'code': Form(read_paths, _PATHS),
    'image': Form(read_text, TEXT),
    'description': Form(read_text, TEXT, 'description'),
    'entry': Form(read_text, TEXT, 'entry'),
    'cpu': Form(read_number, NUMBER, 'cpu'),
    'memory': Form(_accept_units(units.parse_size), _SIZE, 'memory_size'),
    'timeout': Form(_accept_units(units.parse_duration), _TIME, 'timeout'),
    'async_policy': Form(read_object, OBJECT, 'async_policy'),
    'input_schema': Form(read_object, OBJECT, 'input_schema'),
    'output_schema': Form(read_object, OBJECT, 'output_schema'),
    'environment': Form(
        read_texts, {'type': 'object', 'additionalProperties': TEXT},
        'environment')}


def read_versions(value: typing.Any) -> dict[int, dict[str, typing.Any]]:
    """Return the fields of versions, by number."""
    versions = {}
    for number, fields in read_object(value).items():
        if not number.isdigit() or not int(number):
            raise ValueError(f'has the key {number}, no number of a version')
        versions[int(number)] = read_fields(fields, FROZEN)
    return versions


def read_history(value: typing.Any) -> list[dict[str, typing.Any]]:
    """Return former targets of an alias, the oldest first."""
    if not isinstance(value, list):
        raise ValueError('is no list')
    return [read_fields(item, _TARGETS) for item in value]


def read_fields(value: typing.Any, forms: Mapping[str, Form]
                ) -> dict[str, typing.Any]:
    """Return the converted fields of an object.

    :raises ValueError: a field is unknown, or not valid.
    """
    fields = {}
    for name, item in read_object(value or {}).items():
        if name not in forms:
            hint = suggestions.suggest(forms, name) or (
                f' Allowed: {", ".join(forms)}.')
            raise ValueError(f'has an unknown field {name!r}.{hint}')
        try:
            fields[name] = forms[name].read(item)
        except ValueError as e:
            raise ValueError(f'.{name} {e}') from None
    return fields


_TARGETS = {'version': Form(read_version, VERSION),
            'routing': Form(read_routing, OBJECT)}
_FUNCTION = {
    **FROZEN,
    'runtime': Form(read_text, TEXT),
    'compile': Form(read_text, _COMPILE),
    'versions': Form(read_versions, OBJECT),
    'secrets': Form(credentials.read_secrets, credentials.SECRETS),
    'trust': Form(read_flag, FLAG, 'trust'),
    'flow_control': Form(read_object, OBJECT, 'flow_control'),
    'publish': Form(read_flag, FLAG)}
#: Noun -> name of a field -> form.
FORMS: Mapping[str, Mapping[str, Form]] = {
    'functions': _FUNCTION,
    'aliases': {
        'function': Form(read_text, TEXT),
        **_TARGETS,
        'history': Form(read_history, {'type': 'array', 'items': OBJECT}),
        'tool': Form(read_text, TEXT, 'tool'),
        'flow_control': Form(read_object, OBJECT, 'flow_control'),
        'description': Form(read_text, TEXT, 'description')},
    'jobs': {
        **_TARGET,
        'pattern': Form(read_text, TEXT, 'pattern'),
        'timezone': Form(read_text, TEXT, 'timezone'),
        'misfire': Form(read_text, TEXT, 'misfire'),
        'overlap': Form(read_text, TEXT, 'overlap'),
        'start_at': Form(schedules.read_time, TEXT, 'start_at'),
        'end_at': Form(schedules.read_time, TEXT, 'end_at'),
        'jitter': Form(_accept_units(units.parse_duration), _TIME, 'jitter'),
        'max_failures': Form(read_number, NUMBER, 'max_failures'),
        'exclusions': Form(
            schedules.read_list, {'type': 'array', 'items': TEXT},
            'exclusions'),
        'count': Form(read_number, NUMBER, 'count'),
        'first_execution_time': Form(read_text, TEXT,
                                     'first_execution_time'),
        'input': Form(lambda value: value, ANY, 'function_input')},
    'webhooks': {
        **_TARGET,
        'sync': Form(read_flag, FLAG, 'sync'),
        'payload': Form(read_text, TEXT, 'payload'),
        'methods': Form(read_methods, _METHODS, 'methods'),
        'origins': Form(read_origins, _TEXTS, 'origins'),
        'previews': Form(read_flag, FLAG, 'previews'),
        'keep_deliveries': Form(read_flag, FLAG, 'keep_deliveries'),
        'stream': Form(read_text, TEXT, 'stream'),
        'signature': Form(read_text, TEXT, 'signature'),
        'secret': Form(credentials.read_secret, credentials.SECRET)},
    'event_sources': {
        **_TARGET,
        'kind': Form(read_text, TEXT, 'kind'),
        'settings': Form(read_object, OBJECT, 'settings'),
        'filter': Form(read_object, OBJECT, 'filter'),
        'batch_size': Form(read_number, NUMBER, 'batch_size'),
        'batch_window': Form(_accept_units(units.parse_duration), _TIME,
                             'batch_window'),
        'credentials': Form(credentials.read_credentials,
                            credentials.CREDENTIALS)}}


def add_up(weights: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the sum of the weights of each version.

    The latest version may have a weight by number as well.
    """
    sums: dict[str, float] = {}
    for version, weight in weights:
        sums[version] = sums.get(version, 0) + weight
    return sums


def build_schema() -> dict[str, typing.Any]:
    """Return the JSON Schema of an application file."""
    return {
        '$schema': 'https://json-schema.org/draft/2020-12/schema',
        'title': 'Qinling application', 'type': 'object',
        'additionalProperties': False,
        'properties': {noun: _build_noun_schema(noun) for noun in FORMS}}


def _build_noun_schema(noun: str) -> dict[str, typing.Any]:
    return {'type': 'object', 'additionalProperties': {
        'type': ['object', 'null'], 'additionalProperties': False,
        'properties': {name: dict(form.schema)
                       for name, form in FORMS[noun].items()}}}
