# SPDX-License-Identifier: Apache-2.0
"""Parameters of operations: path, query and headers."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import typing

from qinling.api import idempotency
from qinling.api import route as route_module
from qinling.api import types
from qinling.db import filtering

Parameter = dict[str, typing.Any]

#: Converter of a path or query -> schema of the text.
_SCHEMAS: dict[Callable[..., typing.Any], types.Schema] = {
    str: {'type': 'string'}, types.parse_boolean: {'type': 'boolean'},
    types.parse_integer: types.Integer.schema,
    types.parse_version: types.Version.schema,
    types.parse_uuid: types.Uuid.schema,
    types.parse_time: {'type': 'string', 'format': 'date-time'}}
_DESCRIPTIONS = {
    'limit': 'Maximum number of items of the page.',
    'marker': 'Id of the last item of the page before.',
    'sort_key': 'Attribute to sort by.',
    'sort_dir': 'Direction of the order.',
    'with_count': 'Answer also with the number of items on all pages.',
    'all_projects': 'List the resources of all projects (admin).',
    'project_id': 'List the resources of a project (admin).',
    'fields': 'Attributes to answer with, separated by commas.',
    'download': 'Answer with the package instead of JSON.'}
_FILTER = ('Filter of the form `[operator:]value`; operators: '
           f'{", ".join(filtering.OPERATORS)}.')


def list_parameters(route: route_module.route, sortable: Sequence[str]
                    ) -> list[Parameter]:
    """Return the parameters of a route.

    :param sortable: values of ``sort_key``.
    """
    return [*_list_variables(route), *_list_query(route, sortable),
            *_list_headers(route)]


def _list_variables(route: route_module.route) -> Iterator[Parameter]:
    for name in route.variables:
        converter = route_module.CONVERTERS.get(name, str)
        yield _create(name, 'path', {'minLength': 1, **_SCHEMAS[converter]}
                      if converter is str else _SCHEMAS[converter])


def _list_query(route: route_module.route, sortable: Sequence[str]
                ) -> Iterator[Parameter]:
    for name, converter in route.query.items():
        if isinstance(converter, types.Several):
            yield {**_create(name, 'query', {
                'type': 'array', 'items': {'type': 'string'}}, _FILTER),
                'explode': True}
            continue
        schema = dict(_SCHEMAS[converter])
        if name == 'limit':
            schema['minimum'] = 1
        elif name == 'sort_key':
            schema['enum'] = list(sortable)
        elif name == 'sort_dir':
            schema['enum'] = ['asc', 'desc']
        yield _create(name, 'query', schema, _DESCRIPTIONS.get(name))


def _list_headers(route: route_module.route) -> Iterator[Parameter]:
    if route.if_match:
        yield _create('If-Match', 'header', {'type': 'string'},
                      'ETags, of which the resource must have one; else 412.')
    if route.has_etag:
        yield _create('If-None-Match', 'header', {'type': 'string'},
                      'ETags; if the resource has one of them, 304.')
    if route.waits:
        yield _create(
            'Prefer', 'header', {'type': 'string'},
            '`wait=SECONDS` waits for the end of an asynchronous execution.')
    if route.idempotent:
        yield _create(
            'Idempotency-Key', 'header',
            {'type': 'string', 'minLength': 1,
             'maxLength': idempotency.MAX_KEY_LENGTH},
            'Repeats with the same key have the effect of one request.')


def _create(name: str, place: str, schema: types.Schema,
            description: str | None = None) -> Parameter:
    parameter: Parameter = {'name': name, 'in': place,
                            'required': place == 'path', 'schema': schema}
    if description:
        parameter['description'] = description
    return parameter
