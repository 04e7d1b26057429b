# SPDX-License-Identifier: Apache-2.0
"""WSGI application of the protocol, in front of that of Pecan.

Each request is one JSON-RPC message over streamable HTTP, without sessions;
only a call of a function with progress streams.  Clients of the revision
2026-07-28 describe themselves in each request; former revisions begin with
``initialize``.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import typing
from wsgiref import types as wsgi_types

from oslo_config import cfg
import webob

from qinling.api import body
from qinling.api.mcp import functions as functions_module
from qinling.api.mcp import results
from qinling.api.mcp import tools as tools_module
from qinling.api import pecan_patches
from qinling.api import request_middleware
from qinling.core.function import tools as rules
from qinling import exception
from qinling import version

PATH = '/v1/mcp'
CURRENT = '2026-07-28'
#: Former revisions, the newest first.
FORMER = ('2025-11-25', '2025-06-18', '2025-03-26')
VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'

PARSE_ERROR, INVALID_REQUEST = -32700, -32600
METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
#: Milliseconds that clients may keep the list of tools.
TTL_MILLISECONDS = 60_000
#: Media type of a stream of messages.
EVENTS = 'text/event-stream'
_INSTRUCTIONS = ('Tools of the functions service Qinling. List resources '
                 'before changing them, and explain an execution, alias or '
                 'job before creating it.')

Params = Mapping[str, typing.Any]
Result = dict[str, typing.Any]


class ProtocolError(Exception):
    """Error of a message, as opposed to the error of a tool.

    :param code: code of JSON-RPC or of the protocol.
    """

    def __init__(self, code: int, message: str, **data: typing.Any) -> None:
        super().__init__(message)
        self.error: Result = {'code': code, 'message': message}
        if data:
            self.error['data'] = data


class ToolServer:
    """The protocol at :data:`PATH`, and another application elsewhere."""

    def __init__(self, app: wsgi_types.WSGIApplication, conf: cfg.ConfigOpts
                 ) -> None:
        self._app = app
        self._limits = conf.api
        self._tools = tools_module.Tools(conf)
        self._methods: dict[str, Callable[[Params], Result]] = {
            'initialize': _initialize, 'server/discover': _discover,
            'ping': _answer_ping}
        self._functions = functions_module.FunctionTools(app)

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        if environ['PATH_INFO'] != PATH:
            return self._app(environ, start_response)
        answer: Iterable[bytes] = self._answer(environ)(
            environ, start_response)
        return answer

    def _answer(self, environ: wsgi_types.WSGIEnvironment
                ) -> webob.Response:
        req = pecan_patches.Request(environ)
        if req.method != 'POST':
            raise pecan_patches.refuse_method(req.method, ('POST',))
        if req.headers.get('Origin', req.host_url) != req.host_url:
            raise exception.Forbidden(
                'Pages of other servers must not call tools.')
        req.limits = self._limits
        id = None
        try:
            message = _parse_message(body.read_json(req))
            if 'id' not in message:
                return webob.Response(status=202)
            id = message['id']
            params, modern = _check_envelope(message, req)
            if message['method'] == 'tools/call':
                result = self._call_tool(
                    environ, params, results.Message(id, modern))
            elif message['method'] == 'tools/list':
                result = self._list_tools(environ, params)
            else:
                result = self._find_method(message['method'])(params)
        except ProtocolError as e:
            return _send({'error': e.error, 'id': id},
                         404 if e.error['code'] == METHOD_NOT_FOUND else 400)
        if isinstance(result, webob.Response):
            return result
        return _send(results.Message(id, modern).finish(result))

    def _find_method(self, name: str) -> Callable[[Params], Result]:
        method = self._methods.get(name)
        if method is None:
            raise ProtocolError(METHOD_NOT_FOUND, 'Unknown method.')
        return method

    def _list_tools(self, environ: wsgi_types.WSGIEnvironment,
                    params: Params) -> Result:
        """Return the toolset on the first page, and functions on all."""
        cursor = params.get('cursor')
        if cursor is not None and not isinstance(cursor, str):
            raise ProtocolError(INVALID_PARAMS, 'cursor must be text.')
        listed = [] if cursor else [
            tool.description for tool in self._tools.by_name.values()]
        functions, next_cursor = self._functions.list(environ, cursor)
        listed += [tool for tool in functions
                   if tool['name'] not in self._tools.by_name]
        return {'tools': listed, 'ttlMs': TTL_MILLISECONDS,
                'cacheScope': 'private',
                **({'nextCursor': next_cursor} if next_cursor else {})}

    def _call_tool(self, environ: wsgi_types.WSGIEnvironment, params: Params,
                   message: results.Message) -> Result | webob.Response:
        """Return the result of a tool.

        A caller without an identity gets the answer of the route, so that
        clients see the status 401 with its challenge.
        """
        name, arguments = params.get('name'), params.get('arguments') or {}
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise ProtocolError(INVALID_PARAMS, 'A call needs the name of a '
                                'tool, and an object as arguments.')
        tool = self._tools.by_name.get(name)
        try:
            if tool is None:
                return self._call_function(environ, name, params, message)
            tool.rewrite_request(environ, arguments)
        except exception.Invalid as e:
            return results.create_result(str(e), None, True)
        return _convert(environ, tools_module.send_request(
            self._app, environ))

    def _call_function(self, environ: wsgi_types.WSGIEnvironment, name: str,
                       params: Params, message: results.Message
                       ) -> Result | webob.Response:
        """Run the function behind a tool.

        A client that asks for progress gets a stream of events.
        """
        aliases = []
        if rules.NAME.fullmatch(name):
            answer = self._functions.find(environ, name)
            if answer.status_int != 200:
                return _convert(environ, answer)
            aliases = answer.json['function_aliases']
        if not aliases:
            raise ProtocolError(INVALID_PARAMS, 'Unknown tool.')
        token = functions_module.read_metadata(params).get('progressToken')
        if EVENTS not in environ.get('HTTP_ACCEPT', ''):
            token = None
        # The route takes the credentials out of its environment.
        message_environ = dict(environ)
        answer = self._functions.call(
            environ, aliases[0]['name'], params, token is None)
        if answer.status_int != 201:
            return _convert(environ, answer)
        environ[request_middleware.STATUS] = str(answer.status_int)
        if token is None:
            return results.describe_execution(answer.json)
        return webob.Response(
            app_iter=functions_module.Progress(
                self._functions, message_environ, answer.json, token,
                message),
            content_type=EVENTS, cache_control='no-store')


def _convert(environ: wsgi_types.WSGIEnvironment, answer: webob.Response
             ) -> Result | webob.Response:
    """Return the result for the answer of a route.

    A caller without an identity gets the answer itself.
    """
    environ[request_middleware.STATUS] = str(answer.status_int)
    return (answer if answer.status_int == 401
            else results.describe_answer(answer))


def _parse_message(data: bytes) -> dict[str, typing.Any]:
    """Return a request or notification of JSON-RPC."""
    try:
        message = body.parse_json('Message', data)
    except exception.Invalid as e:
        raise ProtocolError(PARSE_ERROR, str(e))
    if not isinstance(message, dict) or message.get('jsonrpc') != '2.0':
        raise ProtocolError(
            INVALID_REQUEST, 'The body must be one message of JSON-RPC 2.0.')
    id = message.get('id', '')
    if not isinstance(message.get('method'), str) or not isinstance(
            message.get('params', {}), dict) or isinstance(
            id, bool) or not isinstance(id, (str, int)):
        raise ProtocolError(
            INVALID_REQUEST, 'The message needs a method, an object as '
            'params, and a text or integer as id.')
    return message


def _check_envelope(message: Params, req: pecan_patches.Request
                    ) -> tuple[Params, bool]:
    """Return the params, and whether the revision is the current one."""
    params: Params = message.get('params', {})
    meta = params.get('_meta')
    if not isinstance(meta, dict) or VERSION_KEY not in meta:
        if req.headers.get('MCP-Protocol-Version') == CURRENT:
            raise ProtocolError(
                INVALID_PARAMS, f'params._meta needs {VERSION_KEY}.')
        return params, False
    if CAPABILITIES_KEY not in meta:
        raise ProtocolError(
            INVALID_PARAMS, f'params._meta needs {CAPABILITIES_KEY}.')
    for header, value in (('MCP-Protocol-Version', meta[VERSION_KEY]),
                          ('Mcp-Method', message['method'])):
        if req.headers.get(header) != value:
            raise ProtocolError(
                HEADER_MISMATCH, f'{header} differs from the message.')
    if (message['method'] == 'tools/call'
            and req.headers.get('Mcp-Name') != params.get('name')):
        raise ProtocolError(
            HEADER_MISMATCH, 'Mcp-Name differs from the message.')
    if meta[VERSION_KEY] != CURRENT:
        raise ProtocolError(
            UNSUPPORTED_VERSION, 'Unsupported revision of the protocol.',
            supported=[CURRENT], requested=meta[VERSION_KEY])
    return params, True


def _initialize(params: Params) -> Result:
    requested = params.get('protocolVersion')
    return {'protocolVersion': requested if requested in FORMER
            else FORMER[0], 'capabilities': {'tools': {}},
            'serverInfo': {'name': 'qinling', 'version': version.release()},
            'instructions': _INSTRUCTIONS}


def _discover(params: Params) -> Result:
    return {'supportedVersions': [CURRENT], 'capabilities': {'tools': {}},
            'instructions': _INSTRUCTIONS, 'ttlMs': TTL_MILLISECONDS,
            'cacheScope': 'public'}


def _answer_ping(params: Params) -> Result:
    return {}


def _send(message: Result, status: int = 200) -> webob.Response:
    return webob.Response(
        results.encode(message), status=status,
        content_type=body.JSON, cache_control='no-store')
