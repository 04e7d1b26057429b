# SPDX-License-Identifier: Apache-2.0
"""Functions as tools: views of aliases, their versions and executions.

Each step is a request of the API with the identity of the caller, so the
policies of aliases, versions and executions decide what a caller sees.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import json
import typing
import urllib.parse
from wsgiref import types as wsgi_types

import webob

from qinling.api.mcp import results
from qinling.api.mcp import tools
from qinling.core.function import tools as rules
from qinling.states import ExecutionStatus

#: Key of the metadata of a call with the key of a request not to repeat.
KEY = 'qinling/idempotencyKey'
_ALIASES, _EXECUTIONS = '/v1/aliases', '/v1/executions'
#: Tools of one page.
PAGE_SIZE = 100
#: Seconds between two events about an execution.
PROGRESS_SECONDS = 1

_Environ = wsgi_types.WSGIEnvironment
Result = dict[str, typing.Any]


class FunctionTools:
    """Tools of the project of a caller.

    :param app: the API.
    """

    def __init__(self, app: wsgi_types.WSGIApplication) -> None:
        self._app = app

    def read(self, environ: _Environ, path: str,
             query: Mapping[str, str] = {}, headers: Mapping[str, str] = {}
             ) -> webob.Response:
        """Return the answer to ``GET`` with the identity of a message."""
        copy = dict(environ)
        tools.set_request(copy, 'GET', path, list(query.items()))
        copy.update(headers)
        return tools.send_request(self._app, copy)

    def write(self, environ: _Environ, path: str, content: bytes = b'',
              headers: Mapping[str, str] = {}) -> webob.Response:
        """Turn a message into a ``POST`` of the API; return the answer."""
        tools.set_request(environ, 'POST', path, content=content)
        environ.update(headers)
        return tools.send_request(self._app, environ)

    def list(self, environ: _Environ, cursor: str | None
             ) -> tuple[list[Result], str | None]:
        """Return a page of tools, and the cursor of the next page.

        A caller who must not list aliases has no such tools.
        """
        answer = self.read(environ, _ALIASES, {
            'tool': 'neq:', 'limit': str(PAGE_SIZE),
            **({'marker': cursor} if cursor else {})})
        if answer.status_int != 200:
            return [], None
        page = answer.json
        query = dict(urllib.parse.parse_qsl(
            urllib.parse.urlsplit(page.get('next') or '').query))
        return [description for alias in page['function_aliases']
                if (description := self._describe(environ, alias))
                ], query.get('marker')

    def _describe(self, environ: _Environ, alias: Result) -> Result | None:
        """Return an alias in the form of the protocol, if it is a tool."""
        path = f'/v1/functions/{alias["function_id"]}'
        if version := _main_version(alias):
            path += f'/versions/{version}'
        answer = self.read(environ, path)
        if answer.status_int != 200:
            return None
        row = answer.json
        if not rules.is_suitable(row['input_schema']):
            return None
        tool: Result = {
            'name': alias['tool'], 'inputSchema': row['input_schema'],
            'description': alias['description'] or row['description']
            or f'Function behind the alias {alias["name"]}.'}
        if rules.is_suitable(row['output_schema']):
            tool['outputSchema'] = row['output_schema']
        return tool

    def find(self, environ: _Environ, name: str) -> webob.Response:
        """Return the list of at most one alias that is a tool."""
        return self.read(environ, _ALIASES, {'tool': f'eq:{name}'})

    def call(self, environ: _Environ, alias: str,
             params: Mapping[str, typing.Any], sync: bool) -> webob.Response:
        """Create the execution of a call; return the answer of the route."""
        headers = {}
        key = read_metadata(params).get(KEY)
        if key is not None:
            headers['HTTP_IDEMPOTENCY_KEY'] = tools.encode_header(KEY, key)
        return self.write(environ, _EXECUTIONS, json.dumps({
            'function_alias': alias, 'sync': sync,
            'input': params.get('arguments') or {}}).encode(), headers)


def read_metadata(params: Mapping[str, typing.Any]
                  ) -> Mapping[str, typing.Any]:
    """Return the metadata of a message."""
    metadata = params.get('_meta')
    return metadata if isinstance(metadata, dict) else {}


def _main_version(alias: Result) -> int:
    """Return the version with most of the executions of an alias."""
    routing = alias['routing']
    number = (max(routing, key=lambda version: routing[version]) if routing
              else alias['function_version'])
    return int(number)


class Progress:
    """Events about an execution until its end; closing cancels it.

    :param message: the call, which the last event answers.
    """

    def __init__(self, functions: FunctionTools, environ: _Environ,
                 row: Result, token: typing.Any, message: results.Message
                 ) -> None:
        self._functions = functions
        self._environ = dict(environ)
        self._path = f'{_EXECUTIONS}/{row["id"]}'
        self._row = row
        self._token = token
        self._message = message
        self._is_running = row['status'] == ExecutionStatus.RUNNING.value
        self._events = self._create_events()

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """Cancel the execution of a client that is gone."""
        self._events.close()
        if self._is_running:
            self._functions.write(self._environ, f'{self._path}/cancel')

    def _create_events(self) -> typing.Generator[bytes, None, None]:
        count = 0
        while self._is_running:
            count += 1
            yield _encode_event({
                'method': 'notifications/progress', 'params': {
                    'progressToken': self._token, 'progress': count,
                    'message': f'Execution {self._row["id"]} runs.'}})
            answer = self._functions.read(
                self._environ, self._path,
                headers={'HTTP_PREFER': f'wait={PROGRESS_SECONDS}'})
            if answer.status_int != 200:
                self._is_running = False
                yield _encode_event(self._message.finish(
                    results.describe_answer(answer)))
                return
            self._row = answer.json
            self._is_running = (
                self._row['status'] == ExecutionStatus.RUNNING.value)
            if self._is_running and 'Preference-Applied' not in (
                    answer.headers):
                # No thread is free for waits: this one must not be either.
                self._is_running = False
                yield _encode_event(self._message.finish(
                    results.create_result(
                        f'The execution {self._row["id"]} goes on; read its '
                        'result with executions_get.', None, True)))
                return
        yield _encode_event(self._message.finish(
            results.describe_execution(self._row)))


def _encode_event(message: Result) -> bytes:
    return b'event: message\ndata: ' + results.encode(message) + b'\n\n'
