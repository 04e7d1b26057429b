# SPDX-License-Identifier: Apache-2.0
"""Functions: ``/v1/functions``."""

import json

import wsme

from qinling.api import body as body_module
from qinling.api import etag
from qinling.api import listing
from qinling.api.route import expose
from qinling.api import stream
from qinling.api import types
from qinling import exception

SORTABLE = ('created_at', 'updated_at', 'id', 'name')
FIELDS = ('name', 'description', 'runtime_id', 'entry', 'cpu', 'memory_size',
          'timeout', 'async_policy', 'environment', 'secrets', 'trust')
#: Fields that hold JSON, and what it may be.
EXAMPLES = {'code': '{"source": "package"}',
            'async_policy': '{"retries": 2}',
            'environment': '{"LEVEL": "debug"}',
            'secrets': '{"PASSWORD": "..."}'}
PIECE = 256 * 1024


class Function(types.Resource):
    """Code, how it is entered, and what it may take."""

    name = types.Text
    description = types.Text
    cpu = int
    memory_size = int
    timeout = int
    async_policy = types.AnyJson()
    environment = types.AnyJson()
    secret_names = [types.Text]
    runtime_id = types.Text
    code = types.AnyJson()
    entry = types.Text
    count = int
    latest_version = int
    #: Whether it acts for its owner.
    trust = bool
    min_workers = int


class Functions(listing.Collection):
    """A list of functions."""

    functions = [Function]


class Worker(types.Type):
    """A worker that serves a function."""

    function_id = types.Text
    function_version = int
    worker_name = types.Text


class Workers(types.Type):
    """A list of workers."""

    workers = [Worker]


class Scale(types.Type):
    """How many workers to add or to take away."""

    count = wsme.wsattr(types.Integer(), default=1)


class Reference(types.Type):
    """Something that refers to a function, version or alias, perhaps
    through an ``alias``; the ``id`` of an alias is its name."""

    kind = types.Text
    id = types.Text
    alias = types.Text


class References(types.Type):
    """What keeps something from being deleted."""

    references = [Reference]


class Build(types.Type):
    """What a function depends on, installed."""

    kind = types.Text
    status = types.Text
    status_reason = types.Text
    log = types.Text
    size = int
    created_at = types.Time
    ended_at = types.Time


class Controller:
    """What can be done with functions."""

    def __init__(self, services):
        self._core = services.functions
        self._builds = services.builds
        self._settings = services.settings
        self._limits = services.conf.resource_limits

    def _shown(self, row):
        return shown(self._settings, [row])[0]

    def _form(self, req):
        """(fields, package file or ``None``) of a form."""
        form, files = body_module.read_form(
            req, self._limits.max_package_size)
        fields = {name: form[name] for name in FIELDS if name in form}
        for name in EXAMPLES:
            if name in form:
                fields[name] = _object(name, form[name])
        if 'trust' in fields:
            fields['trust'] = types.truth(str(fields['trust']))
        return fields, files.get('package')

    @expose('POST', '/v1/functions', policy='function:create',
            result=Function, status=201)
    def create(self, req):
        fields, package = self._form(req)
        if fields.get('runtime_id'):
            fields['runtime_id'] = types.uuid(fields['runtime_id'])
        return self._shown(self._core.create(req.ctx, fields, package))

    @expose('GET', '/v1/functions', policy='function:get_all',
            result=Functions, query=listing.OWNED)
    def get_all(self, req, all_projects=False, project_id=None, **query):
        page = listing.page(req, SORTABLE, **query)
        ctx, filters = listing.scope(req, 'function', all_projects,
                                     project_id)
        rows = shown(self._settings, self._core.list(ctx, filters, page))
        return listing.answer(req, 'functions', rows, page)

    @expose('GET', '/v1/functions/{id}', policy='function:get',
            result=Function, query={'download': types.truth}, lax=True)
    def get(self, req, id, download=False):
        if download:
            return send_file(self._core.download(req.ctx, id), id)
        return self._shown(self._core.get(req.ctx, id))

    @expose('PUT', '/v1/functions/{id}', policy='function:update',
            result=Function, lax=True)
    def update(self, req, id):
        return self._shown(self._core.update(
            req.ctx, id, *self._form(req), match=etag.match(req)))

    @expose('DELETE', '/v1/functions/{id}', policy='function:delete',
            status=204)
    def delete(self, req, id):
        self._core.delete(req.ctx, id, etag.match(req))

    @expose('GET', '/v1/functions/{id}/references', policy='function:get',
            result=References)
    def references(self, req, id):
        return listing.rows('references', self._core.references(req.ctx, id))

    @expose('GET', '/v1/functions/{id}/build', policy='function_build:get',
            result=Build)
    def build(self, req, id):
        return self._builds.get(req.ctx, id)

    @expose('POST', '/v1/functions/{id}/build',
            policy='function_build:create', status=202)
    def rebuild(self, req, id):
        self._builds.retry(req.ctx, id)

    @expose('GET', '/v1/functions/{id}/workers',
            policy='function_worker:get_all', result=Workers,
            query={'function_version': types.version})
    def workers(self, req, id, function_version=0):
        names = self._core.workers(req.ctx, id, function_version)
        return listing.rows('workers', [
            Worker(function_id=id, function_version=function_version,
                   worker_name=name) for name in names])

    @expose('POST', '/v1/functions/{id}/scale_up',
            policy='function:scale_up', status=202, body=Scale,
            bare=True)
    def scale_up(self, req, id, body):
        self._core.scale_up(req.ctx, id, 0, body.count)

    @expose('POST', '/v1/functions/{id}/scale_down',
            policy='function:scale_down', status=202, body=Scale,
            bare=True)
    def scale_down(self, req, id, body):
        self._core.scale_down(req.ctx, id, 0, body.count)

    @expose('POST', '/v1/functions/{id}/provision',
            policy='function:provision', status=202, body=Scale)
    def provision(self, req, id, body):
        self._core.provision(req.ctx, id, 0, body.count)

    @expose('POST', '/v1/functions/{id}/detach', policy='function:detach',
            status=202)
    def detach(self, req, id):
        self._core.detach(req.ctx, id, 0)


def shown(settings, rows):
    """Functions or versions as users see them: never with a secret."""
    known, found = settings.of(rows), []
    for row in rows:
        own = known.get(row.settings_id)
        found.append(types.view(
            row, trust=getattr(row, 'trust_id', None) is not None,
            environment=own.environment if own else {},
            secret_names=sorted(own.secrets) if own else []))
    return found


def _object(name, value):
    """An object, which a form has as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise exception.Invalid(f'{name} is not in valid JSON format.')
    if not isinstance(value, dict):
        raise exception.Invalid(
            f'{name} must be a JSON object, such as {EXAMPLES[name]}.')
    return value


def send_file(file, name):
    """An answer that streams a package."""
    size = file.seek(0, 2)
    file.seek(0)

    def pieces():
        with file:
            while piece := file.read(PIECE):
                yield piece
    return stream.Response(
        pieces(), size, content_type='application/zip',
        content_disposition=f'attachment; filename="{name}"')
