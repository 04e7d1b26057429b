# SPDX-License-Identifier: Apache-2.0
"""The whole document."""

from collections.abc import Iterable
import typing

from oslo_config import cfg
from oslo_policy import policy

from qinling.api.openapi import operations
from qinling.api.openapi import schemas
from qinling.api import problems
from qinling import policies
from qinling import version

Document = dict[str, typing.Any]

#: Strategy of ``[api] auth_strategy`` -> security scheme.
_SCHEMES = {
    'keystone': {'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token',
                 'description': 'Token of Keystone.'},
    'http_basic': {'type': 'http', 'scheme': 'basic'}}
_FAULT = {
    'type': 'object', 'additionalProperties': False,
    'description': 'Error of a request.',
    'required': ['faultcode', 'faultstring', 'debuginfo'],
    'properties': {
        'faultcode': {'enum': ['Client', 'Server']},
        'faultstring': {'type': 'string',
                        'description': 'Readable sentence.'},
        'debuginfo': {'type': 'null'}}}
_PROBLEM = {
    'type': 'object', 'additionalProperties': False,
    'description': 'Error of a request for programs, see RFC 9457.',
    'required': ['type', 'title', 'status', 'detail', 'code', 'request_id'],
    'properties': {
        'type': {'type': 'string', 'format': 'uri'},
        'title': {'type': 'string'},
        'status': {'type': 'integer'},
        'detail': {'type': 'string', 'description': 'Readable sentence.'},
        'code': {'enum': problems.list_codes(),
                 'description': 'Stable name of the kind of error.'},
        'request_id': {'type': 'string',
                       'description': 'Id of the request in the log.'},
        'errors': {'type': 'array', 'items': {
            'type': 'object', 'additionalProperties': False,
            'properties': {
                'pointer': {'type': 'string', 'description':
                            'JSON pointer of the wrong attribute.'},
                'detail': {'type': 'string'}}}}}}


def create_document(handlers: Iterable[typing.Any], conf: cfg.ConfigOpts
                    ) -> Document:
    """Return the OpenAPI document of handlers, without ``servers``."""
    components = schemas.Components(conf)
    describer = operations.Describer(components, {
        rule.name: rule for rule in policies.list_rules()
        if isinstance(rule, policy.DocumentedRuleDefault)})
    paths: Document = {}
    codes: set[int] = set()
    for handler in sorted(handlers, key=_sort_key):
        item = paths.setdefault(handler.route.path, {})
        codes.update(operations.list_errors(handler.route))
        for method in handler.route.methods:
            item[method.lower()] = describer.describe(handler, method)
    strategy = conf.api.auth_strategy
    scheme = _SCHEMES.get(strategy)
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Qinling', 'version': version.release(),
                 'license': {'name': 'Apache-2.0',
                             'identifier': 'Apache-2.0'}},
        'security': [{strategy: []}] if scheme else [],
        'paths': paths,
        'components': {
            'schemas': {'Fault': _FAULT, 'Problem': _PROBLEM,
                        **components.schemas},
            'responses': operations.list_faults(sorted(codes)),
            'headers': {'RequestId': {
                'description': 'Id of the request in the log.',
                'schema': {'type': 'string'}}},
            'securitySchemes': {strategy: scheme} if scheme else {}}}


def _sort_key(handler: typing.Any) -> tuple[str, str]:
    return handler.route.path, handler.route.method
