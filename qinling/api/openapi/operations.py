# SPDX-License-Identifier: Apache-2.0
"""Operations: one per route and method."""

from collections.abc import Mapping
import http
import inspect
import sys
import typing

from oslo_policy import policy

from qinling.api import body
from qinling.api import limit_headers
from qinling.api.openapi import examples
from qinling.api.openapi import parameters
from qinling.api.openapi import schemas
from qinling.api import problems
from qinling.api import route as route_module
from qinling.policies import base as roles

Operation = dict[str, typing.Any]

#: Rule of a policy -> role that the rule needs by default.
_ROLES = {roles.ADMIN: 'admin', roles.MEMBER: 'member',
          roles.READER: 'reader', roles.ANYONE: 'anyone'}
_ANY_TYPE = '*/*'


def list_errors(route: route_module.route) -> list[int]:
    """Return the statuses of the errors of a route."""
    codes = {500, 503}
    if not route.raw:
        codes |= {400, 406}
    if not route.public:
        # 429: guesses of passwords are slowed down.
        codes |= {401, 403, 404, 429}
    if route.method != 'GET':
        codes |= {409, 413, 429}
    if route.conflicts:
        codes.add(409)
    if route.body is not None or route.form is not None:
        codes.add(415)
    if route.idempotent:
        codes.add(422)
    if route.if_match:
        codes.add(412)
    return sorted(codes)


class Describer:
    """Description of handlers as operations.

    :param rules: rules of the policies by name.
    """

    def __init__(self, components: schemas.Components,
                 rules: Mapping[str, policy.DocumentedRuleDefault]) -> None:
        self._components = components
        self._rules = rules

    def describe(self, handler: typing.Any, method: str) -> Operation:
        """Return the operation of a method of a handler."""
        route: route_module.route = handler.route
        tag = handler.__module__.rpartition('.')[2]
        id = f'{tag}_{handler.__name__}'
        if method != route.method:
            id += f'_{method.lower()}'
        operation: Operation = {
            'operationId': id, 'tags': [tag],
            **self._describe_rule(handler),
            'parameters': parameters.list_parameters(route, getattr(
                sys.modules[handler.__module__], 'SORTABLE', ())),
            'responses': (_NO_BODY if method in _WITHOUT_BODY
                          else self._list_answers(route))}
        if route.public:
            operation['security'] = []
        content = self._list_bodies(route)
        if content and method not in ('GET', *_WITHOUT_BODY):
            operation['requestBody'] = {
                'required': not (route.optional_body or route.raw),
                'content': content}
        return operation

    def _describe_rule(self, handler: typing.Any) -> Operation:
        """Return summary, description and policy of a route."""
        rule = self._rules[handler.policy]
        summary = (inspect.getdoc(handler) or '').split('\n')[0]
        if not summary and {'method': handler.route.method,
                            'path': handler.route.path} in rule.operations:
            summary = rule.description or ''
        if not summary:
            summary = f'{handler.__name__.replace("_", " ").capitalize()}.'
        return {'summary': summary, 'x-policy': rule.name, 'description': (
            f'{rule.description} Requires the policy `{rule.name}` (role by '
            f'default: {_ROLES[rule.check_str]}).')}

    def _list_bodies(self, route: route_module.route) -> Operation:
        """Return media type -> content of the request."""
        if route.raw:
            return {_ANY_TYPE: {'schema': {}}}
        if route.body is not None:
            return {body.JSON: self._create_content(
                self._components.request(route.body))}
        if route.form is None:
            return {}
        form = self._create_content(self._components.form(route.form))
        return {body.MULTIPART: form, body.FORM: form,
                body.JSON: self._create_content(
                    self._components.request(route.form))}

    def _list_answers(self, route: route_module.route) -> Operation:
        """Return status -> answer of a route."""
        success: Operation = {
            'description': http.HTTPStatus(route.status).phrase,
            'headers': _REQUEST_ID}
        if content := self._list_content(route):
            success['content'] = content
        answers = {str(route.status): success}
        if route.has_etag:
            success['headers'] = {**_REQUEST_ID, 'ETag': _TEXT_HEADER}
            answers['304'] = {'description': 'Not Modified',
                              'headers': success['headers']}
        if route.dry_run is not None:
            answers['200'] = {
                'description': 'Dry run', 'headers': _REQUEST_ID,
                'content': {body.JSON: self._create_content(
                    self._components.answer(route.dry_run))}}
        if route.raw:
            answers['default'] = {
                'description': 'Answer that the function composed, or fault.',
                'headers': _REQUEST_ID, 'content': {_ANY_TYPE: {}}}
        for code in list_errors(route):
            answers[str(code)] = {'$ref': f'#/components/responses/{code}'}
        return answers

    def _list_content(self, route: route_module.route) -> Operation:
        """Return media type -> content of a successful answer."""
        if route.raw:
            return {_ANY_TYPE: {}}
        if route.result is not None:
            json_content = self._create_content(
                self._components.answer(route.result))
        elif route.status == http.HTTPStatus.OK:
            json_content = {'schema': {'type': 'object'}}
        else:
            return {}
        return {media_type: json_content if media_type == body.JSON
                else {'schema': {'type': 'string'}}
                for media_type in route.media_types}

    def _create_content(self, schema: schemas.Schema) -> Operation:
        return {'schema': schema, 'example': examples.create_example(
            schema, self._components.schemas)}


_TEXT_HEADER = {'schema': {'type': 'string'}}
_WITHOUT_BODY = ('HEAD', 'OPTIONS')
_REQUEST_ID = {'X-Openstack-Request-Id': {
    '$ref': '#/components/headers/RequestId'}}
_NO_BODY = {'default': {'description': 'Status without a body.',
                        'headers': _REQUEST_ID}}


def list_faults(codes: typing.Iterable[int]) -> Operation:
    """Return the answers of errors by status, for the components."""
    content = {body.JSON: {'schema': schemas.reference('Fault')},
               problems.MEDIA_TYPE: {'schema': schemas.reference('Problem')}}
    return {str(code): {
        'description': http.HTTPStatus(code).phrase, 'content': content,
        'headers': {**_REQUEST_ID, **_fault_headers(code)}}
        for code in codes}


def _fault_headers(code: int) -> Operation:
    """Return the further headers of a status."""
    if code == 401:
        return {'WWW-Authenticate': _TEXT_HEADER}
    headers = {}
    if code in (429, 503):
        headers['Retry-After'] = {'schema': {'type': 'integer'}}
    if code == 429:
        headers |= dict.fromkeys(limit_headers.NAMES, _TEXT_HEADER)
    return headers
