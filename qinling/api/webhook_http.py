# SPDX-License-Identifier: Apache-2.0
"""HTTP side of webhooks: deliveries and their answers.

The answer of a function comes from the host of the service, so the answer
must not act for the service: no cookies, and scripts without the origin of
the service.
"""

import base64
import binascii
from collections.abc import Collection
from collections.abc import Iterable
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
from qinling.web import request as web_request
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
                    passed: Collection[str] = (), endpoint: str | None = None
                    ) -> payloads.Delivery:
    """Return the delivery in a request.

    :param max_size: bytes of the body, which is read on demand.
    :param passed: headers of :data:`CREDENTIALS` that functions receive.
    :param endpoint: start of the URL for senders, if configured.
    """
    headers = {name[5:].replace('_', '-').lower(): value
               for name, value in req.environ.items()
               if name.startswith('HTTP_')}
    for name in CREDENTIALS.difference(passed):
        headers.pop(name, None)
    content_type = body.content_type(req)
    if content_type:
        headers['content-type'] = content_type
    environ = req.environ
    return payloads.Delivery(
        req.method, headers, req.query_string,
        functools.partial(body.read_raw, req, max_size),
        _read_suffix(environ['PATH_INFO']), _build_url(req, endpoint),
        environ.get('REMOTE_ADDR'),
        # Other servers have one value for each name.
        environ.get(web_request.HEADERS) or list(headers.items()), max_size)


def _read_suffix(path: str) -> str:
    """Return what follows ``invoke`` in a path."""
    words = path.split('/')
    # The words before are those of a route.
    suffix = words[words.index('invoke') + 1:]
    if not any(suffix):
        return ''
    return '/'.join(['', *suffix]).encode('latin-1').decode(
        'utf-8', 'replace')


def _build_url(req: pecan_patches.Request, endpoint: str | None) -> str:
    """Return the URL of a delivery as its sender sees the URL."""
    if endpoint is None:
        return str(req.url)
    query = f'?{req.query_string}' if req.query_string else ''
    return f'{endpoint.rstrip("/")}{req.path}{query}'


def create_challenge_response(text: str) -> webob.Response:
    """Return the answer to a challenge of a sender."""
    response = webob.Response(status=200, body=text.encode(
        'utf-8', 'replace'), content_type='text/plain', charset='utf-8')
    response.headers['Content-Security-Policy'] = SANDBOX
    response.headers['X-Content-Type-Options'] = 'nosniff'
    return response


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
    return mark(response, row.id, repeated)


def mark(response: webob.Response, id: str, repeated: bool
         ) -> webob.Response:
    """Return the answer of an execution with the id."""
    response.headers[EXECUTION_HEADER] = id
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
        return create_refusal(row, e)
    return _protect(response)


def create_refusal(row: records.ExecutionRow, error: InvalidOutput
                   ) -> webob.Response:
    """Return the answer for an output that is no HTTP answer."""
    return _fault_response(
        502, f'Execution {row.id} returned no HTTP answer: {error}')


def create_streamed_response(chunks: Iterable[bytes],
                             head: dict[str, typing.Any], content_type: str
                             ) -> webob.Response:
    """Return an answer whose body grows.

    :param head: status and headers that the function has yielded.
    :raises InvalidOutput: the head is not valid.
    """
    response = stream.Response(
        chunks, status=_parse_status(head.get('status_code', 200)),
        cache_control='no-store')
    response.headers['Content-Type'] = content_type
    _add_headers(response, head.get('headers'))
    return _protect(response)


def _protect(response: webob.Response) -> webob.Response:
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
    status = _parse_status(output['status_code'])
    data, content_type = _decode_body(output.get('body'),
                                      output.get('is_base64'))
    if status in (204, 205, 304):
        data = b''
    response = stream.Response([data], len(data), status=status,
                               content_type=content_type)
    _add_headers(response, output.get('headers'))
    return response


def _parse_status(status: typing.Any) -> int:
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise InvalidOutput('status_code must be a number from 200 to 599.')
    return status


def _add_headers(response: webob.Response, value: typing.Any) -> None:
    headers = list(_headers(value))
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
