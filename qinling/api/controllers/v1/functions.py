# SPDX-License-Identifier: Apache-2.0
"""Functions: ``/v1/functions``."""

from collections.abc import Iterator
from collections.abc import Sequence
import typing

import wsme
from wsme import types as wtypes

from qinling.api import body as body_module
from qinling.api import etag
from qinling.api import field_names
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import stream
from qinling.api import types
from qinling.core.function import environment
from qinling.core.function import secret_references
from qinling.core import services as services_module
from qinling import exception
from qinling import fields

LIST_PATH = '/v1/functions'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'name')
#: Examples of the fields with JSON objects.
EXAMPLES = {'code': '{"source": "package"}',
            **{field.name: field.example for field in fields.FUNCTION
               if field.kind is fields.Kind.OBJECT}}
CHUNK_BYTES = 256 * 1024
#: Kind of a field -> WSME type.
FIELD_TYPES = {fields.Kind.TEXT: types.Text, fields.Kind.RESOURCE: int,
               fields.Kind.OBJECT: types.AnyJson(),
               fields.Kind.ID: types.Text, fields.Kind.FLAG: bool,
               fields.Kind.COUNT: int}
#: Kind of a field -> WSME type in a form.
FORM_TYPES = {**FIELD_TYPES, fields.Kind.ID: types.Uuid(), **dict.fromkeys(
    (fields.Kind.RESOURCE, fields.Kind.COUNT), types.Integer())}
#: Media types of a resource with a package to download.
DOWNLOADS = (body_module.JSON, 'application/zip')
DOWNLOAD = {'download': types.parse_boolean, **types.FIELDS}


class SecretReference(types.Type):
    """Secret of a function or version, without the value."""

    name = types.Text
    number = int
    mode = types.Text
    updated_at = types.Time


class Function(types.Resource):
    """Function: the fields of :data:`qinling.fields.FUNCTION`, and more."""

    vars().update({field.name: FIELD_TYPES[field.kind]
                   for field in fields.FUNCTION if not field.hidden})
    secret_names = [types.Text]
    secret_references = [SecretReference]
    code = types.AnyJson()
    count = int
    latest_version = int
    min_workers = int


#: Names in a request.  Read-only ones are ignored, since clients may send a
#: read object back, and so are the names that old clients send.
NAMES = {*fields.names(), 'code'}
FORM_NAMES = {*NAMES, 'package'}
READ_ONLY = {attribute.name for attribute
             in wtypes.list_attributes(Function)} - NAMES
IGNORED = {*READ_ONLY, 'source', 'swift'}


class FunctionForm(types.Type):
    """Fields and package of a function."""

    vars().update({field.name: FORM_TYPES[field.kind]
                   for field in fields.FUNCTION})
    code = types.AnyJson()
    package = types.File()


class Functions(listing.Collection):
    """List of functions."""

    functions = [Function]


class Worker(types.Type):
    """Worker that serves a function."""

    function_id = types.Text
    function_version = int
    worker_name = types.Text


class Workers(types.Type):
    """List of workers."""

    workers = [Worker]


class Scale(types.Type):
    """Number of workers to add, remove or keep warm."""

    count = wsme.wsattr(types.Integer(), default=1)


class Reference(types.Type):
    """Resource that refers to a function, version or alias.

    ``alias`` is the alias in between, if any; an alias has its name as ``id``.
    """

    kind = types.Text
    id = types.Text
    alias = types.Text


class References(types.Type):
    """References that prevent a deletion."""

    references = [Reference]


class Build(types.Type):
    """Installation of the dependencies of a function."""

    kind = types.Text
    status = types.Text
    status_reason = types.Text
    log = types.Text
    size = int
    created_at = types.Time
    ended_at = types.Time


class Controller:
    """Operations on functions."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.functions
        self._workers = services.workers
        self._builds = services.builds
        self._environments = services.environments
        self._limits = services.conf.resource_limits

    def _view(self, row: typing.Any) -> types.View:
        return create_views(self._environments, [row])[0]

    def _read_form(self, req: pecan_patches.Request
                   ) -> tuple[dict[str, typing.Any],
                              typing.BinaryIO | None]:
        form, files = body_module.read_form(
            req, self._limits.max_package_size, IGNORED)
        names, ignored = ((NAMES, READ_ONLY) if body_module.is_json(req)
                          else (FORM_NAMES, IGNORED))
        field_names.check_names({*form, *files}, names | ignored, ignored)
        body_module.check_files(files, 'package')
        values = {name: form[name] for name in fields.names() if name in form}
        for name in EXAMPLES:
            if name in form:
                values[name] = _parse_object(name, form[name])
        for name in fields.names(fields.Kind.FLAG):
            if name in values:
                values[name] = types.parse_flag(name, str(values[name]))
        return values, files.get('package')

    @route('POST', LIST_PATH, policy='function:create', result=Function,
           status=201, form=FunctionForm)
    def create(self, req: pecan_patches.Request) -> types.View:
        values, package = self._read_form(req)
        for name in fields.names(fields.Kind.ID):
            if values.get(name):
                values[name] = types.parse_uuid(values[name])
        return self._view(self._core.create(req.ctx, values, package))

    @route('GET', LIST_PATH, policy='function:get_all', result=Functions,
           query=listing.OWNED)
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'function', SORTABLE, query)
        views = create_views(
            self._environments, self._core.list(ctx, filters, page))
        return listing.create_list(req, 'functions', views, page)

    @route('GET', ITEM_PATH, policy='function:get', result=Function,
           query=DOWNLOAD, any_id=True, media_types=DOWNLOADS)
    def get(self, req: pecan_patches.Request, id: str,
            download: bool = False) -> types.View | stream.Response:
        if download:
            return stream_package(self._core.download(req.ctx, id), id)
        return self._view(self._core.get(req.ctx, id))

    @route('PUT', ITEM_PATH, policy='function:update', result=Function,
           any_id=True, if_match=True, form=FunctionForm)
    def update(self, req: pecan_patches.Request, id: str) -> types.View:
        return self._view(self._core.update(
            req.ctx, id, *self._read_form(req),
            match=etag.parse_if_match(req)))

    @route('DELETE', ITEM_PATH, policy='function:delete', status=204,
           if_match=True)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id, etag.parse_if_match(req))

    @route('GET', ITEM_PATH + '/references', policy='function:get',
           result=References)
    def references(self, req: pecan_patches.Request, id: str) -> types.View:
        return types.View(references=self._core.references(req.ctx, id))

    @route('GET', ITEM_PATH + '/build', policy='function_build:get',
           result=Build)
    def build(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._builds.get(req.ctx, id)

    @route('POST', ITEM_PATH + '/build', policy='function_build:create',
           status=202)
    def rebuild(self, req: pecan_patches.Request, id: str) -> None:
        self._builds.retry(req.ctx, id)

    @route('GET', ITEM_PATH + '/workers', policy='function_worker:get_all',
           result=Workers, query={'function_version': types.parse_version})
    def workers(self, req: pecan_patches.Request, id: str,
                function_version: int = 0) -> types.View:
        names = self._workers.workers(req.ctx, id, function_version)
        return types.View(workers=[
            Worker(function_id=id, function_version=function_version,
                   worker_name=name) for name in names])

    @route('POST', ITEM_PATH + '/scale_up', policy='function:scale_up',
           status=202, body=Scale, optional_body=True)
    def scale_up(self, req: pecan_patches.Request, id: str,
                 body: typing.Any) -> None:
        self._workers.scale_up(req.ctx, id, 0, body.count)

    @route('POST', ITEM_PATH + '/scale_down', policy='function:scale_down',
           status=202, body=Scale, optional_body=True)
    def scale_down(self, req: pecan_patches.Request, id: str,
                   body: typing.Any) -> None:
        self._workers.scale_down(req.ctx, id, 0, body.count)

    @route('POST', ITEM_PATH + '/provision', policy='function:provision',
           status=202, body=Scale)
    def provision(self, req: pecan_patches.Request, id: str,
                  body: typing.Any) -> None:
        self._workers.provision(req.ctx, id, 0, body.count)

    @route('POST', ITEM_PATH + '/detach', policy='function:detach',
           status=202)
    def detach(self, req: pecan_patches.Request, id: str) -> None:
        self._workers.detach(req.ctx, id, 0)


def create_views(environments: environment.Environments,
                 rows: Sequence[typing.Any]) -> list[types.View]:
    """Return functions or versions for users, without secrets."""
    by_id, views = environments.read(rows), []
    for row in rows:
        stored = by_id.get(row.settings_id)
        references = secret_references.load(stored)
        views.append(types.View(
            row, trust=getattr(row, 'trust_id', None) is not None,
            environment=stored.environment if stored else {},
            tags=getattr(row, 'tags', None) or [], retention=wsme.Unset,
            secret_names=sorted(references),
            secret_references=[references[name]
                               for name in sorted(references)]))
    return views


def _parse_object(name: str, value: typing.Any) -> dict[str, typing.Any]:
    """Return an object; forms contain objects as JSON text.

    :raises Invalid: the value is no object.
    """
    if isinstance(value, str):
        value = body_module.parse_json(name, value)
    if not isinstance(value, dict):
        raise exception.Invalid(
            f'{name} must be a JSON object, such as {EXAMPLES[name]}.')
    return value


def stream_package(file: typing.BinaryIO, name: str) -> stream.Response:
    """Return an answer that streams a package and closes the file."""
    size = file.seek(0, 2)
    file.seek(0)

    def read_chunks() -> Iterator[bytes]:
        with file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    return stream.Response(
        read_chunks(), size, content_type='application/zip',
        content_disposition=f'attachment; filename="{name}"')
