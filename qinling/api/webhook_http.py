# SPDX-License-Identifier: Apache-2.0
"""HTTP side of webhooks: deliveries and their answers.

The answer of a function comes from the host of the service, so the answer
must not act for the service: no cookies, and scripts without the origin of
the service.
"""

import base64
import binascii
from collections.abc import Collection
from collections.abc import Iterator
import functools
import itertools
import json
import re
import typing

import webob

from qinling.api import body
from qinling.api import idempotency
from qinling.api import pecan_patches
from qinling.api import stream
from qinling.core.execution import records
from qinling.core.trigger import methods as webhook_methods
from qinling.core.trigger import payloads
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus
from qinling.web import response as web_response

#: Methods that can run a webhook beside POST, and HEAD and OPTIONS, which run
#: nothing.
OTHER_METHODS = (*webhook_methods.METHODS[1:], *webhook_methods.INQUIRIES)
TEXT = 'text/plain; charset=utf-8'
EXECUTION_HEADER = 'X-Qinling-Execution-Id'
#: Keys of the dict with which a function describes an HTTP answer.
RESPONSE_KEYS = frozenset(('status_code', 'headers', 'body', 'is_base64'))
#: Number and characters of the headers of an answer: proxies and clients
#: refuse more.
MAX_HEADERS, MAX_HEADERS_LENGTH = 64, 16 << 10
#: Headers of the server or of the whole host.
RESERVED_HEADERS = frozenset((
    'connection', 'content-length', 'keep-alive', 'proxy-authenticate',
    'proxy-authorization', 'proxy-connection', 'te', 'trailer',
    'transfer-encoding', 'upgrade', 'set-cookie', 'set-cookie2',
    'www-authenticate', 'authentication-info', 'server',
    'service-worker-allowed', 'x-openstack-request-id',
    'strict-transport-security', 'clear-site-data',
    EXECUTION_HEADER.lower()))
#: Headers that identify the sender to this service or to other pages of the
#: host: functions do not receive them.
CREDENTIALS = frozenset((
    'authorization', 'cookie', 'proxy-authorization', 'x-auth-token',
    'x-subject-token', 'x-service-token',
    # Of proxies that authenticate users.
    'x-forwarded-access-token', 'x-amzn-oidc-accesstoken',
    'x-amzn-oidc-data', 'x-goog-iap-jwt-assertion',
    'cf-access-jwt-assertion'))
#: Permissions of pages, except access to the origin of the service.
SANDBOX = ('sandbox allow-downloads allow-forms allow-modals allow-popups '
           'allow-scripts')
_HEADER_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile('[\t\x20-\x7e\x80-\xff]*')


class InvalidOutput(Exception):
    """Error of a function whose output is no HTTP answer."""


def create_delivery(req: pecan_patches.Request, max_size: int,
                    passed: Collection[str] = ()) -> payloads.Delivery:
    """Return the delivery in a request.

    :param max_size: bytes of the body, which is read on demand.
    :param passed: headers of :data:`CREDENTIALS` that functions receive.
    """
    headers = {name[5:].replace('_', '-').lower(): value
               for name, value in req.environ.items()
               if name.startswith('HTTP_')}
    for name in CREDENTIALS.difference(passed):
        headers.pop(name, None)
    content_type = body.content_type(req)
    if content_type:
        headers['content-type'] = content_type
    return payloads.Delivery(
        req.method, headers, req.query_string,
        functools.partial(body.read_raw, req, max_size))


def create_head_response() -> webob.Response:
    """Return the answer to HEAD for an existing webhook."""
    return stream.Response([], 0, status=200,
                           content_type='application/json')


def create_response(row: records.ExecutionRow, repeated: bool
                    ) -> webob.Response:
    """Return the answer to an accepted delivery.

    :param row: the execution of the delivery.
    :param repeated: an earlier delivery created the execution.
    """
    response = (_result_response(row) if row.sync
                else _json_response(202, {'execution_id': row.id}))
    response.headers[EXECUTION_HEADER] = row.id
    if repeated:
        response.headers[idempotency.REPLAYED] = 'true'
    return response


def _json_response(status: int, value: typing.Any) -> webob.Response:
    return webob.Response(
        status=status, body=json.dumps(value).encode(),
        content_type='application/json')


def _result_response(row: records.ExecutionRow) -> webob.Response:
    """Return the result of a synchronous execution as an answer."""
    output = json.loads(row.result or '{}').get('output')
    if row.status == ExecutionStatus.RUNNING:
        return _fault_response(
            504, f'Execution {row.id} has not ended in time.')
    if row.status != ExecutionStatus.SUCCESS:
        if row.reason == ExecutionReason.TIMEOUT:
            return _fault_response(
                504, f'Execution {row.id} took longer than the function '
                     'may.')
        return _fault_response(502, f'Execution {row.id} has failed.')
    try:
        response = _output_response(output)
    except InvalidOutput as e:
        return _fault_response(
            502, f'Execution {row.id} returned no HTTP answer: {e}')
    response.headers['Content-Security-Policy'] = SANDBOX
    response.headers['X-Content-Type-Options'] = 'nosniff'
    return response


def _fault_response(code: int, sentence: str) -> webob.Response:
    return webob.Response(status=code, content_type='application/json',
                          body=web_response.encode_fault(code, sentence))


def _output_response(output: typing.Any) -> webob.Response:
    """Return the answer that a function describes.

    :param output: a dict with ``status_code``; other values become JSON.
    :raises InvalidOutput: the dict describes no HTTP answer.
    """
    if not (isinstance(output, dict) and 'status_code' in output
            and output.keys() <= RESPONSE_KEYS):
        return _json_response(200, output)
    status = output['status_code']
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise InvalidOutput('status_code must be a number from 200 to 599.')
    data, content_type = _decode_body(output.get('body'),
                                      output.get('is_base64'))
    if status in (204, 205, 304):
        data = b''
    response = stream.Response([data], len(data), status=status,
                               content_type=content_type)
    headers = list(_headers(output.get('headers')))
    if len(headers) > MAX_HEADERS or sum(
            map(len, itertools.chain(*headers))) > MAX_HEADERS_LENGTH:
        raise InvalidOutput(
            f'it has more than {MAX_HEADERS} headers, or headers of more '
            f'than {MAX_HEADERS_LENGTH} characters.')
    for name, value in headers:
        if name.lower() == 'content-type':
            response.headers['Content-Type'] = value
        else:
            response.headers.add(name, value)
    return response


def _decode_body(value: typing.Any, is_base64: typing.Any
                 ) -> tuple[bytes, str]:
    """Return the bytes of a body and the default Content-Type.

    :raises InvalidOutput: the body is no base64.
    """
    if not isinstance(value, (str, type(None))):
        return json.dumps(value).encode(), 'application/json'
    if value is None or not is_base64:
        return (value or '').encode('utf-8', 'replace'), TEXT
    try:
        return (base64.b64decode(value, validate=True),
                'application/octet-stream')
    except (binascii.Error, ValueError):
        raise InvalidOutput('body is not base64, as is_base64 says.')


def _headers(value: typing.Any) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each header.

    :raises InvalidOutput: a header is malformed or reserved.
    """
    if value is None:
        return
    if not isinstance(value, dict):
        raise InvalidOutput('headers must be an object.')
    for name, content in value.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidOutput('a header has an invalid name.')
        if name.lower() in RESERVED_HEADERS:
            raise InvalidOutput(
                f'the header {name} is not for functions to set.')
        for text in content if isinstance(content, list) else [content]:
            if isinstance(text, bool) or not isinstance(text, (str, int)):
                raise InvalidOutput(f'the header {name} must be text.')
            if not _HEADER_VALUE.fullmatch(str(text)):
                raise InvalidOutput(
                    f'the header {name} has characters that no header may '
                    'have.')
            yield name, str(text)
