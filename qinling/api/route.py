# SPDX-License-Identifier: Apache-2.0
"""Decorator that makes a method of a controller a route of the API.

::

    @route('GET', '/v1/things/{id}', policy='thing:get', result=Thing)
    def get(self, req, id):
        return self.core.things.get(req.ctx, id)

A hook checks the policy before the method runs.  Words of the path in braces
become arguments: ``{id}`` must be a UUID, ``{version}`` a version number.  The
returned object is encoded as the WSME type ``result``.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import typing

import pecan
import webob
import wsme
from wsme.rest import json as wsme_json
from wsme import types as wtypes

from qinling.api import body as body_module
from qinling.api import decoding
from qinling.api import etag
from qinling.api import field_names
from qinling.api import idempotency
from qinling.api import pecan_patches
from qinling.api import preferences
from qinling.api import selection
from qinling.api import types
from qinling import exception
from qinling import printable
from qinling import suggestions

#: Converters of the variables of a path.
CONVERTERS: Mapping[str, Callable[[str], typing.Any]] = {
    'id': types.parse_uuid, 'version': types.parse_version}


@dataclasses.dataclass(frozen=True)
class route:
    """Declaration of a route.

    :param method: the HTTP method.
    :param policy: name of the rule that the caller must meet.
    :param result: WSME type of the returned object; ``None`` for an empty
        answer.  A method may return a ``webob.Response`` instead.
    :param status: HTTP status of success.
    :param body: WSME type of a JSON body, passed as the last argument.
    :param optional_body: an empty body counts as an empty object.
    :param query: query key -> converter from text; values are passed by
        keyword, those of :class:`.types.Several` as a list; other keys, and
        repeats of single values, are rejected.
    :param any_id: a malformed UUID in the path is passed to the method, and
        so answers 404 instead of 400.
    :param other_methods: further HTTP methods of the route.
    :param has_suffix: any words may follow the path.
    :param public: the route needs no identity.
    :param raw: foreign clients choose the request, so the query and the
        accepted types are ignored.
    :param idempotent: a request with a JSON body may have an
        ``Idempotency-Key``; the method passes ``req.idempotent`` to the core.
    :param form: WSME type of a form, for the description of the API; the
        method reads the form.
    :param if_match: the method honours ``If-Match``.
    :param waits: the method honours ``Prefer: wait=SECONDS``, and sets
        ``req.preference`` after a wait.
    :param sets_etag: the method returns an answer with an ETag.
    :param media_types: media types of the answer.
    :param conflicts: a GET may be refused with 409 for what is stored.
    :param dry_run: WSME type of an answer with 200 that changes nothing.
    """

    method: str
    path: str
    _: dataclasses.KW_ONLY
    policy: str
    result: typing.Any = None
    status: int = 200
    body: typing.Any = None
    optional_body: bool = False
    query: Mapping[str, Callable[[str], typing.Any]] = dataclasses.field(
        default_factory=dict)
    any_id: bool = False
    other_methods: Sequence[str] = ()
    has_suffix: bool = False
    public: bool = False
    raw: bool = False
    idempotent: bool = False
    form: typing.Any = None
    if_match: bool = False
    waits: bool = False
    sets_etag: bool = False
    media_types: Sequence[str] = (body_module.JSON,)
    conflicts: bool = False
    dry_run: typing.Any = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Return all HTTP methods of the route."""
        return (self.method, *self.other_methods)

    @property
    def has_etag(self) -> bool:
        """Return whether answers have an ETag, and may be 304."""
        return self.method == 'GET' and (
            self.sets_etag if self.result is None
            else bool(self.result._has_etag))

    @property
    def variables(self) -> list[str]:
        """Return the names of the variables of the path."""
        return [word[1:-1] for word in self.path.split('/')
                if word[:1] == '{']

    def __call__(self, function: Callable[..., typing.Any]) -> typing.Any:
        words = self.path.strip('/').split('/')
        names = self.variables
        declaration = self

        # Pecan recognises a method by the name ``self``.
        @functools.wraps(function)
        def call(self: object, req: pecan_patches.Request,
                 resp: webob.Response, *values: str) -> typing.Any:
            arguments, keywords = declaration._arguments(req, names, values)
            answer = function(self, req, *arguments, **keywords)
            if declaration.idempotent:
                idempotency.mark(resp, req.idempotent)
            if declaration.waits and req.preference is not None:
                resp.headers[preferences.APPLIED] = req.preference
            if declaration.method == 'POST':
                req.environ['qinling.subject'] = getattr(
                    answer, 'id', None) or req.environ.get('qinling.subject')
            return declaration.render(answer, resp, req)

        handler: typing.Any = call
        handler.route = self
        handler.policy = self.policy
        handler.pattern = tuple(None if word[:1] == '{' else word
                                for word in words)
        # Pecan would follow the attribute to the signature of the function.
        del handler.__wrapped__
        return pecan.expose(content_type='application/json')(handler)

    def _arguments(self, req: pecan_patches.Request, names: Sequence[str],
                   values: Sequence[str]
                   ) -> tuple[list[typing.Any], dict[str, typing.Any]]:
        """Return the positional and keyword arguments of the method."""
        arguments = [_convert(name, value, self.any_id)
                     for name, value in zip(names, values)]
        keywords = {} if self.raw else _parse_query(req, self.query)
        if 'fields' in keywords:
            req.fields = selection.parse(self.result, keywords.pop('fields'))
        if self.body is not None:
            data = body_module.read_json(req)
            if self.idempotent:
                req.idempotent = idempotency.parse(req, data)
            arguments.append(
                _parse_body(data, self.body, self.optional_body))
        return arguments, keywords

    def render(self, answer: typing.Any, resp: webob.Response,
               req: pecan_patches.Request) -> webob.Response | bytes:
        """Return the answer that Pecan sends for a returned object."""
        if isinstance(answer, webob.Response):
            return answer
        resp.status_int = self.status
        if self.result is None:
            return b''
        tag = etag.format_etag(answer)
        if self.method == 'GET' and self.result._has_etag:
            content = self._encode(answer, req)
            tag = tag or etag.create_etag(content)
            resp.headers['ETag'] = tag
            if etag.is_unchanged(req, tag):
                resp.status_int = 304
                return b''
            return content
        if tag is not None:
            resp.headers['ETag'] = tag
        if self.method == 'GET':
            return self._encode(answer, req)
        return pecan_patches.encode(self.result, answer)

    def _encode(self, answer: typing.Any, req: pecan_patches.Request
                ) -> bytes:
        """Return the JSON of an answer to ``GET``."""
        if req.fields is None:
            return pecan_patches.encode(self.result, answer)
        return selection.encode(self.result, answer, req.fields)


def _convert(name: str, value: str, any_id: bool) -> typing.Any:
    converter = CONVERTERS.get(name, str)
    try:
        return converter(value)
    except exception.Invalid:
        if any_id:
            return value
        raise


def _parse_query(req: pecan_patches.Request,
                 converters: Mapping[str, Callable[[str], typing.Any]]
                 ) -> dict[str, typing.Any]:
    if not req.query_string:
        return {}
    values: dict[str, typing.Any] = {}
    for key, text in req.arguments():
        if key not in converters:
            allowed = ', '.join(sorted(converters)) or 'none'
            hint = suggestions.suggest(converters, key[:64])
            raise exception.Invalid(
                f'Unknown argument: "{printable.shorten(key, 64)}".{hint} '
                f'Allowed: {allowed}.')
        if '\0' in text:
            raise exception.Invalid(
                f'{key} must not contain a NUL character.')
        converter = converters[key]
        if isinstance(converter, types.Several):
            values.setdefault(key, []).append(converter(text))
        elif key in values:
            raise exception.Invalid(
                f'{key} must occur only once in the query.')
        else:
            values[key] = converter(text)
    return values


@functools.lru_cache(maxsize=None)
def _read_only(datatype: typing.Any) -> frozenset[str]:
    """Return the names of the read-only attributes of a WSME type."""
    return frozenset(attribute.name for attribute
                     in wtypes.list_attributes(datatype)
                     if attribute.readonly)


@functools.lru_cache(maxsize=None)
def _names(datatype: typing.Any) -> frozenset[str]:
    """Return the names of the attributes of a WSME type."""
    return frozenset(attribute.name for attribute
                     in wtypes.list_attributes(datatype))


def _parse_body(data: bytes, datatype: typing.Any, optional: bool
                ) -> typing.Any:
    """Return the JSON body as an object of a WSME type.

    :raises Invalid, ClientSideError: the body is not valid.
    """
    if not data and optional:
        data = b'{}'
    if not data:
        raise exception.Invalid('Missing argument: the request has no body.')
    return parse_values(body_module.parse_object(data), datatype)


def parse_values(values: Mapping[str, typing.Any], datatype: typing.Any
                 ) -> typing.Any:
    """Return a JSON object as an object of a WSME type.

    :raises Invalid, ClientSideError: a value is not valid.
    """
    values = {key: value for key, value in values.items()
              if value is not None}
    body = decoding.create_decoder(datatype).decode(values)
    if body is not None:
        return body
    field_names.check_names(values, _names(datatype), _read_only(datatype))
    # WSME would report errors of the value first.
    for name in _read_only(datatype) & values.keys():
        raise wsme.exc.InvalidInput(
            name, values[name], 'Cannot set read only field.')
    try:
        return wsme_json.fromjson(datatype, values)
    except wsme.exc.UnknownAttribute as e:
        e.add_fieldname('body')
        raise
    except (ValueError, TypeError, AttributeError, OverflowError,
            exception.Invalid) as e:
        raise decoding.describe_error(values, datatype, e)
