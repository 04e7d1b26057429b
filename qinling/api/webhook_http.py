# SPDX-License-Identifier: Apache-2.0
"""Deliveries to webhooks over HTTP: what comes in, and what is answered.

Whatever a function answers comes from the host of the service, so it must
not pass for the service: no cookies, and scripts without its origin.
"""

import base64
import binascii
import json
import re

import webob

from qinling.api import body
from qinling.api import hooks
from qinling.api import idempotency
from qinling.api import stream
from qinling.core.trigger import payloads
from qinling.runtimes import agent_outcome
from qinling.states import ExecutionStatus

#: Methods that run a webhook as POST does, and HEAD, which tells only that
#: it is there.
ALSO = ('GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD')
TEXT = 'text/plain; charset=utf-8'
EXECUTION = 'X-Qinling-Execution-Id'
#: What a function answers with is a dict of these keys.
KEYS = frozenset(('status_code', 'headers', 'body', 'is_base64'))
#: Headers that are the server's own matter, or that of the whole host.
KEPT = frozenset((
    'connection', 'content-length', 'keep-alive', 'proxy-authenticate',
    'proxy-authorization', 'proxy-connection', 'te', 'trailer',
    'transfer-encoding', 'upgrade', 'set-cookie', 'set-cookie2',
    'strict-transport-security', 'clear-site-data', EXECUTION.lower()))
#: Anything that a page may do, but as a stranger to the service.
SANDBOX = ('sandbox allow-downloads allow-forms allow-modals allow-popups '
           'allow-scripts')
_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile('[\t\x20-\x7e\x80-\xff]*')


class Unfit(Exception):
    """What a function returned is no HTTP answer; the text says why."""


def read(req, most):
    """The delivery in a request; its body, which may have ``most`` bytes, is
    read when it is needed."""
    headers = {name[5:].replace('_', '-').lower(): value
               for name, value in req.environ.items()
               if name.startswith('HTTP_')}
    kind = body.content_type(req)
    if kind:
        headers['content-type'] = kind
    return payloads.Delivery(req.method, headers, req.query_string,
                             lambda: body.read_raw(req, most))


def nothing():
    """The answer that tells only that a webhook is there."""
    return stream.Response([], 0, status=200,
                           content_type='application/json')


def answer(row, repeated):
    """The answer to a delivery that was taken.

    :param row: its execution.
    :param repeated: whether an earlier try had begun it.
    """
    made = _result(row) if row.sync else _json(202, {'execution_id': row.id})
    made.headers[EXECUTION] = row.id
    if repeated:
        made.headers[idempotency.REPLAYED] = 'true'
    return made


def _json(status, value):
    return webob.Response(
        status=status, body=json.dumps(value).encode(),
        content_type='application/json')


def _result(row):
    """What a synchronous execution has come to, as an answer."""
    output = json.loads(row.result or '{}').get('output')
    if row.status == ExecutionStatus.RUNNING:
        return _fault(504, f'Execution {row.id} has not ended in time.')
    if row.status != ExecutionStatus.SUCCESS:
        if output == agent_outcome.TIMEOUT:
            return _fault(504, f'Execution {row.id} took longer than the '
                               'function may.')
        return _fault(502, f'Execution {row.id} has failed.')
    try:
        made = _made(output)
    except Unfit as e:
        return _fault(502, f'Execution {row.id} returned no HTTP answer: {e}')
    made.headers['Content-Security-Policy'] = SANDBOX
    made.headers['X-Content-Type-Options'] = 'nosniff'
    return made


def _fault(code, sentence):
    return webob.Response(status=code, content_type='application/json',
                          body=hooks.fault(code, sentence))


def _made(output):
    """An answer as the function wants it: a dict with ``status_code``, or
    else any value, which becomes JSON."""
    if not (isinstance(output, dict) and 'status_code' in output
            and output.keys() <= KEYS):
        return _json(200, output)
    status = output['status_code']
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise Unfit('status_code must be a number from 200 to 599.')
    data, kind = _body(output.get('body'), output.get('is_base64'))
    if status in (204, 205, 304):
        data = b''
    made = stream.Response([data], len(data), status=status,
                           content_type=kind)
    for name, value in _headers(output.get('headers')):
        if name.lower() == 'content-type':
            made.headers['Content-Type'] = value
        else:
            made.headers.add(name, value)
    return made


def _body(value, is_base64):
    """(bytes, their type unless the headers tell)."""
    if not isinstance(value, (str, type(None))):
        return json.dumps(value).encode(), 'application/json'
    if value is None or not is_base64:
        return (value or '').encode('utf-8', 'replace'), TEXT
    try:
        return (base64.b64decode(value, validate=True),
                'application/octet-stream')
    except (binascii.Error, ValueError):
        raise Unfit('body is not base64, as is_base64 says.')


def _headers(value):
    """(name, value) of each header.

    :raises Unfit: one cannot be sent, or must not be.
    """
    if value is None:
        return
    if not isinstance(value, dict):
        raise Unfit('headers must be an object.')
    for name, values in value.items():
        if not _NAME.fullmatch(name):
            raise Unfit('a header has a name that is none.')
        if name.lower() in KEPT:
            raise Unfit(f'the header {name} is not for functions to set.')
        for each in values if isinstance(values, list) else [values]:
            if isinstance(each, bool) or not isinstance(each, (str, int)):
                raise Unfit(f'the header {name} must be text.')
            if not _VALUE.fullmatch(str(each)):
                raise Unfit(f'the header {name} has characters that no '
                            'header may have.')
            yield name, str(each)
