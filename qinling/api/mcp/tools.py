# SPDX-License-Identifier: Apache-2.0
"""Tools: operations of the OpenAPI document with one schema of arguments."""

from collections.abc import Mapping
from collections.abc import Sequence
import functools
import io
import json
import typing
import urllib.parse
from wsgiref import types as wsgi_types

from oslo_config import cfg
import webob

from qinling.api import body
from qinling.api import hooks
from qinling.api.openapi import document
from qinling.api import problems
from qinling.api import root
from qinling import exception
from qinling import printable
from qinling import suggestions

#: Operations for developers and operators.  Uploads and scaling are missing:
#: packages have no place in JSON, and models rarely need the rest.  Event
#: sources need passwords, which models must not handle.
OPERATIONS = (
    'runtimes_get_all',
    'functions_get_all', 'functions_get', 'functions_create',
    'functions_delete', 'functions_references', 'functions_build',
    'versions_get_all', 'versions_get', 'versions_create', 'versions_compare',
    'aliases_get_all', 'aliases_get', 'aliases_create', 'aliases_update',
    'aliases_history', 'aliases_rollback',
    'rollouts_get', 'rollouts_create', 'rollouts_pause', 'rollouts_resume',
    'rollouts_promote', 'rollouts_abort',
    'executions_get_all', 'executions_get', 'executions_create',
    'executions_cancel', 'executions_rerun', 'executions_log',
    'failures_get_all', 'failures_get',
    'jobs_get_all', 'jobs_get', 'jobs_create', 'jobs_update', 'jobs_run',
    'jobs_delete', 'webhooks_get_all', 'webhooks_get',
    'event_sources_get_all', 'event_sources_get', 'event_sources_pause',
    'event_sources_resume', 'dead_letters_get_all', 'dead_letters_get',
    'dead_letters_redrive',
    'explanations_execution', 'explanations_alias', 'explanations_version',
    'explanations_job', 'explanations_webhook', 'explanations_event_source',
    'statistics_of_project', 'statistics_of_function', 'quotas_get_own')
#: Argument with the attributes of the JSON body.
BODY = 'body'
#: Parameters whose answers are files or streams.
_FILES = frozenset({'download', 'follow'})
#: Headers of the protocol's request that must not reach the route.
_HEADERS = ('HTTP_IF_MATCH', 'HTTP_IF_NONE_MATCH', 'HTTP_PREFER',
            'HTTP_IDEMPOTENCY_KEY', 'HTTP_RANGE', 'HTTP_TRANSFER_ENCODING')
_REFERENCE = '#/components/schemas/'

Schema = dict[str, typing.Any]


class Tool:
    """One operation as a tool.

    :param method: HTTP method of the route.
    :param path: path of the route with variables in braces.
    :param operation: operation of the OpenAPI document.
    """

    def __init__(self, method: str, path: str,
                 operation: Mapping[str, typing.Any],
                 schemas: Mapping[str, Schema]) -> None:
        self._method = method.upper()
        self._path = path
        self._places = {
            parameter['name']: parameter['in']
            for parameter in operation['parameters']
            if parameter['name'] not in _FILES}
        self._required = [name for name, place in self._places.items()
                          if place == 'path']
        content = operation.get('requestBody', {}).get('content', {})
        properties = {
            parameter['name']: _describe(parameter)
            for parameter in operation['parameters']
            if parameter['name'] in self._places}
        if body.JSON in content:
            self._places[BODY] = BODY
            properties[BODY] = content[body.JSON]['schema']
            if operation['requestBody']['required']:
                self._required.append(BODY)
        self.description = self._create_description(
            operation, properties, schemas)

    def _create_description(self, operation: Mapping[str, typing.Any],
                            properties: Schema,
                            schemas: Mapping[str, Schema]) -> Schema:
        """Return the tool in the form of the protocol."""
        return {
            'name': operation['operationId'],
            'title': operation['summary'],
            'description': operation['description'],
            'inputSchema': _inline_references({
                'type': 'object', 'properties': properties,
                'required': self._required,
                'additionalProperties': False}, schemas),
            'annotations': {
                'readOnlyHint': self._method == 'GET',
                'destructiveHint': self._method == 'DELETE',
                'idempotentHint': self._method in ('GET', 'PUT', 'DELETE'),
                'openWorldHint': False}}

    def rewrite_request(self, environ: wsgi_types.WSGIEnvironment,
                        arguments: Mapping[str, typing.Any]) -> None:
        """Turn the request of a call into the request of the route.

        :raises Invalid: an argument is unknown, missing or of a wrong type.
        """
        self._check_names(arguments)
        path, query = self._path, []
        content = b''
        if BODY in arguments:
            content = json.dumps(arguments[BODY]).encode()
        headers = {}
        for name, value in arguments.items():
            place = self._places[name]
            if place == 'path':
                path = path.replace(f'{{{name}}}', _encode_word(name, value))
            elif place == 'query':
                values = value if isinstance(value, list) else [value]
                query += [(name, _to_text(name, item)) for item in values]
            elif place == 'header':
                key = 'HTTP_' + name.upper().replace('-', '_')
                headers[key] = encode_header(name, value)
        set_request(environ, self._method, path, query, content)
        environ.update(headers)

    def _check_names(self, arguments: Mapping[str, typing.Any]) -> None:
        for name in arguments:
            if name not in self._places:
                hint = suggestions.suggest(self._places, name[:64])
                raise exception.Invalid(
                    f'Unknown argument: "{printable.shorten(name, 64)}".'
                    f'{hint}')
        for name in self._required:
            if name not in arguments:
                raise exception.Invalid(f'Missing argument: {name}.')


class Tools:
    """Tools of the service by name, created at the first use."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    @functools.cached_property
    def by_name(self) -> dict[str, Tool]:
        """Return the tools in the order of :data:`OPERATIONS`."""
        description = document.create_document(
            root.list_declared(), self._conf)
        schemas = description['components']['schemas']
        tools = {
            operation['operationId']: Tool(method, path, operation, schemas)
            for path, item in description['paths'].items()
            for method, operation in item.items()
            if operation['operationId'] in OPERATIONS}
        return {name: tools[name] for name in OPERATIONS}


def set_request(environ: wsgi_types.WSGIEnvironment, method: str, path: str,
                query: Sequence[tuple[str, str]] = (), content: bytes = b''
                ) -> None:
    """Turn the request of a message into the request of a route."""
    for key in [key for key in environ
                if key in _HEADERS or key.startswith('webob.')]:
        del environ[key]
    environ.update({
        'REQUEST_METHOD': method, 'PATH_INFO': path,
        'QUERY_STRING': urllib.parse.urlencode(query),
        'CONTENT_TYPE': body.JSON, 'CONTENT_LENGTH': str(len(content)),
        'HTTP_ACCEPT': f'{body.JSON}, {problems.MEDIA_TYPE}',
        'wsgi.input': io.BytesIO(content)})


def send_request(app: wsgi_types.WSGIApplication,
                 environ: wsgi_types.WSGIEnvironment) -> webob.Response:
    """Return the answer of the route of a rewritten request."""
    try:
        answer = webob.Request(environ).get_response(app)
    except Exception as e:
        answer = hooks.create_response(e, environ)
    answer.charset = 'utf-8'
    return answer


def _describe(parameter: Mapping[str, typing.Any]) -> Schema:
    """Return the schema of a parameter with its description."""
    schema: Schema = dict(parameter['schema'])
    if 'description' in parameter:
        schema['description'] = parameter['description']
    return schema


def _inline_references(schema: Schema, schemas: Mapping[str, Schema]
                       ) -> Schema:
    """Return a schema with all referenced components in ``$defs``."""
    definitions: Schema = {}

    def convert(value: typing.Any) -> typing.Any:
        if isinstance(value, list):
            return [convert(item) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get('$ref')
        if not isinstance(reference, str):
            return {key: convert(item) for key, item in value.items()}
        name = reference.removeprefix(_REFERENCE)
        if name not in definitions:
            definitions[name] = None
            definitions[name] = convert(schemas[name])
        return {**value, '$ref': f'#/$defs/{name}'}
    converted: Schema = convert(schema)
    return {**converted, '$defs': definitions} if definitions else converted


def _to_text(name: str, value: typing.Any) -> str:
    """Return a scalar as text of a path, query or header."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise exception.Invalid(f'{name} must be a text or a number.')


def _encode_word(name: str, value: typing.Any) -> str:
    """Return a variable of a path in the encoding of WSGI."""
    text = _to_text(name, value)
    if not text or '/' in text:
        raise exception.Invalid(
            f'{name} must be a text without slashes, and not empty.')
    return text.encode().decode('latin-1')


def encode_header(name: str, value: typing.Any) -> str:
    """Return the value of a header.

    :raises Invalid: the value is no printable ASCII.
    """
    text = _to_text(name, value)
    if not text.isascii() or not text.isprintable():
        raise exception.Invalid(f'{name} must be printable ASCII.')
    return text
