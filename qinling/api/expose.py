#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Making a method of a controller a route of the API: the one door.

::

    @expose('GET', '/v1/things/{id}', policy='thing:get', result=Thing)
    def get(self, req, id):
        return self.core.things.get(req.ctx, id)

The policy is checked by a hook before the method runs.  Words of the path in
braces become arguments: ``{id}`` must be a UUID, ``{version}`` a version
number.  What the method returns is written as the WSME type ``result``.
"""

import functools

import orjson
import pecan
import webob
import wsme
from wsme.rest import json as wsme_json

from qinling.api import body as body_module
from qinling.api import fast
from qinling.api import types
from qinling import exception

CONVERTERS = {'id': types.uuid, 'version': types.version}


def expose(method, path, policy, result=None, status=200, body=None,
           query=None, lax=False):
    """Declare a route.

    :param method: the HTTP method.
    :param policy: name of the rule that the caller must meet.
    :param result: WSME type of what is returned; ``None`` for an empty
        answer.  A method may return a ``webob.Response`` instead.
    :param status: HTTP status of success.
    :param body: WSME type of a JSON body, passed as the last argument.
    :param query: dict of query key -> converter from text; what is given is
        passed by keyword, and any other key is refused.
    :param lax: words of the path are taken as they are; one that is no UUID
        is simply not found.
    """
    words = path.strip('/').split('/')

    def decorate(function):
        @functools.wraps(function)
        def call(self, req, resp, *values):
            arguments = [_convert(name, value, lax)
                         for name, value in zip(call.names, values)]
            keywords = _query(req, query or {})
            if body is not None:
                arguments.append(_parse(req, body))
            answer = function(self, req, *arguments, **keywords)
            if isinstance(answer, webob.Response):
                return answer
            resp.status_int = status
            return b'' if result is None else fast.encode(result, answer)

        call.method, call.policy, call.path = method, policy, path
        call.names = [w[1:-1] for w in words if w[:1] == '{']
        call.pattern = tuple(None if w[:1] == '{' else w for w in words)
        # Pecan looks through decorators for a signature, and would find
        # that of the function.
        del call.__wrapped__
        return pecan.expose(content_type='application/json')(call)
    return decorate


def _convert(name, value, lax):
    converter = None if lax else CONVERTERS.get(name)
    return converter(value) if converter else value


def _query(req, known):
    if not req.query_string:
        return {}
    found = {}
    for key, text in req.GET.items():
        if key not in known:
            raise exception.Invalid(f'Unknown argument: "{key}"')
        found[key] = known[key](text)
    return found


def _parse(req, datatype):
    """The JSON body as an object of a WSME type."""
    raw = body_module.read_json(req)
    if not raw:
        raise exception.Invalid('Missing argument: the request has no body.')
    try:
        values = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise exception.Invalid('Request is not in valid JSON format')
    if not isinstance(values, dict):
        raise exception.Invalid('Request must be a JSON object.')
    values = {key: value for key, value in values.items()
              if value is not None}
    try:
        return wsme_json.fromjson(datatype, values)
    except wsme.exc.UnknownAttribute as e:
        e.add_fieldname('body')
        raise
    except (ValueError, TypeError, AttributeError) as e:
        raise exception.Invalid(f'Invalid input: {e}')
