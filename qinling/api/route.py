# SPDX-License-Identifier: Apache-2.0
"""Making a method of a controller a route of the API: the one door.

::

    @expose('GET', '/v1/things/{id}', policy='thing:get', result=Thing)
    def get(self, req, id):
        return self.core.things.get(req.ctx, id)

The policy is checked by a hook before the method runs.  Words of the path in
braces become arguments: ``{id}`` must be a UUID, ``{version}`` a version
number.  What the method returns is written as the WSME type ``result``.
"""

import dataclasses
import functools

import orjson
import pecan
import webob
import wsme
from wsme.rest import json as wsme_json
from wsme import types as wtypes

from qinling.api import body as body_module
from qinling.api import etag
from qinling.api import idempotency
from qinling.api import pecan_patches
from qinling.api import types
from qinling import exception

CONVERTERS = {'id': types.uuid, 'version': types.version}


@dataclasses.dataclass(frozen=True)
class expose:
    """Declare a route.

    :param method: the HTTP method.
    :param policy: name of the rule that the caller must meet.
    :param result: WSME type of what is returned; ``None`` for an empty
        answer.  A method may return a ``webob.Response`` instead.
    :param status: HTTP status of success.
    :param body: WSME type of a JSON body, passed as the last argument.
    :param bare: an empty body is as good as an empty object.
    :param query: dict of query key -> converter from text; what is given is
        passed by keyword, and any other key is refused.
    :param lax: a word of the path that is no UUID is simply not found.
    :param also: other methods that are as good as ``method``.
    :param public: no identity is needed.
    :param raw: the request is not of our making: its query is not looked at,
        nor what it accepts.
    :param idempotent: a request with a JSON body may have an
        ``Idempotency-Key``; the method hands ``req.once`` to the core.
    """

    method: str
    path: str
    _: dataclasses.KW_ONLY
    policy: str
    result: object = None
    status: int = 200
    body: object = None
    bare: bool = False
    query: dict = dataclasses.field(default_factory=dict)
    lax: bool = False
    also: tuple = ()
    public: bool = False
    raw: bool = False
    idempotent: bool = False

    @property
    def methods(self):
        """All HTTP methods of the route."""
        return (self.method, *self.also)

    def __call__(self, function):
        words = self.path.strip('/').split('/')
        names = [word[1:-1] for word in words if word[:1] == '{']
        route, method = self, self.method

        # Pecan takes for a method what calls its first argument self.
        @functools.wraps(function)
        def call(self, req, resp, *values):
            arguments = [_convert(name, value, route.lax)
                         for name, value in zip(names, values)]
            keywords = {} if route.raw else _query(req, route.query)
            if route.body is not None:
                data = body_module.read_json(req)
                if route.idempotent:
                    req.once = idempotency.once(req, data)
                arguments.append(_parse(data, route.body, route.bare))
            answer = function(self, req, *arguments, **keywords)
            if route.idempotent:
                idempotency.mark(resp, req.once)
            if method == 'POST':
                req.environ['qinling.subject'] = getattr(
                    answer, 'id', None) or req.environ.get('qinling.subject')
            return route.render(answer, resp)

        call.route = route
        call.policy = route.policy
        call.pattern = tuple(None if word[:1] == '{' else word
                             for word in words)
        # Pecan looks through decorators for a signature, and would find
        # that of the function.
        del call.__wrapped__
        return pecan.expose(content_type='application/json')(call)

    def render(self, answer, resp):
        """What Pecan shall send for what a method returned."""
        if isinstance(answer, webob.Response):
            return answer
        resp.status_int = self.status
        if self.result is None:
            return b''
        tag = etag.of(answer)
        if tag is not None:
            resp.headers['ETag'] = tag
        return pecan_patches.encode(self.result, answer)


def _convert(name, value, lax):
    converter = CONVERTERS.get(name, str)
    try:
        return converter(value)
    except exception.Invalid:
        if lax:
            return value
        raise


def _query(req, known):
    if not req.query_string:
        return {}
    found = {}
    for key, text in req.GET.items():
        if key not in known:
            raise exception.Invalid(f'Unknown argument: "{key}"')
        if '\0' in text:
            raise exception.Invalid(
                f'{key} must not contain a NUL character.')
        found[key] = known[key](text)
    return found


@functools.lru_cache(maxsize=None)
def _read_only(datatype):
    return frozenset(attribute.name for attribute
                     in wtypes.list_attributes(datatype)
                     if attribute.readonly)


def _parse(raw, datatype, bare):
    """The JSON body as an object of a WSME type."""
    if not raw and bare:
        raw = b'{}'
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
    # WSME looks at this after it has made something of the value.
    for name in _read_only(datatype) & values.keys():
        raise wsme.exc.InvalidInput(
            name, values[name], 'Cannot set read only field.')
    try:
        return wsme_json.fromjson(datatype, values)
    except wsme.exc.UnknownAttribute as e:
        e.add_fieldname('body')
        raise
    except (ValueError, TypeError, AttributeError) as e:
        raise exception.Invalid(f'Invalid input: {e}')
