# SPDX-License-Identifier: Apache-2.0
"""Versions of functions: ``/v1/functions/{id}/versions``."""

import wsme

from qinling.api.controllers.v1 import functions
from qinling.api import etag
from qinling.api import listing
from qinling.api.route import expose
from qinling.api import types

ALL = '/v1/functions/{id}/versions'
ONE = ALL + '/{version}'
SORTABLE = ('version_number', 'created_at', 'updated_at', 'id')


class Version(types.Resource):
    """An immutable snapshot of a function; only ``description`` may be
    given or changed."""

    function_id = wsme.wsattr(types.Text, readonly=True)
    version_number = wsme.wsattr(int, readonly=True)
    description = types.Text
    count = wsme.wsattr(int, readonly=True)
    code = wsme.wsattr(types.AnyJson(), readonly=True)
    entry = wsme.wsattr(types.Text, readonly=True)
    cpu = wsme.wsattr(int, readonly=True)
    memory_size = wsme.wsattr(int, readonly=True)
    timeout = wsme.wsattr(int, readonly=True)
    async_policy = wsme.wsattr(types.AnyJson(), readonly=True)
    environment = wsme.wsattr(types.AnyJson(), readonly=True)
    secret_names = wsme.wsattr([types.Text], readonly=True)
    runtime_id = wsme.wsattr(types.Text, readonly=True)
    min_workers = wsme.wsattr(int, readonly=True)


class Versions(listing.Collection):
    """A list of versions."""

    function_versions = [Version]


class Controller:
    """What can be done with versions."""

    def __init__(self, services):
        self._core = services.versions
        self._functions = services.functions
        self._builds = services.builds
        self._settings = services.settings

    def _shown(self, row):
        return functions.shown(self._settings, [row])[0]

    @expose('POST', ALL, policy='function_version:create', result=Version,
            status=201, body=Version, bare=True)
    def create(self, req, id, body):
        return self._shown(self._core.create(
            req.ctx, id, types.given(body).get('description')))

    @expose('GET', ALL, policy='function_version:get_all', result=Versions,
            query=listing.PAGE)
    def get_all(self, req, id, sort_key='version_number', **query):
        page = listing.page(req, SORTABLE, sort_key=sort_key, **query)
        rows = functions.shown(
            self._settings, self._core.list(req.ctx, id, page))
        return listing.answer(req, 'function_versions', rows, page)

    @expose('GET', ONE, policy='function_version:get', result=Version,
            query={'download': types.truth})
    def get(self, req, id, version, download=False):
        if download:
            return functions.send_file(
                self._core.download(req.ctx, id, version), f'{id}_{version}')
        return self._shown(self._core.get(req.ctx, id, version))

    @expose('PUT', ONE, policy='function_version:update', result=Version,
            body=Version)
    def update(self, req, id, version, body):
        return self._shown(self._core.update(
            req.ctx, id, version, types.given(body).get('description'),
            etag.match(req)))

    @expose('DELETE', ONE, policy='function_version:delete', status=204)
    def delete(self, req, id, version):
        self._core.delete(req.ctx, id, version, etag.match(req))

    @expose('GET', ONE + '/references', policy='function_version:get',
            result=functions.References)
    def references(self, req, id, version):
        return listing.rows('references', self._core.references(
            req.ctx, id, version))

    @expose('GET', ONE + '/build', policy='function_build:get',
            result=functions.Build)
    def build(self, req, id, version):
        return self._builds.get(req.ctx, id, version)

    @expose('POST', ONE + '/build', policy='function_build:create',
            status=202)
    def rebuild(self, req, id, version):
        self._builds.retry(req.ctx, id, version)

    @expose('POST', ONE + '/scale_up', policy='function_version:scale_up',
            status=202, body=functions.Scale, bare=True)
    def scale_up(self, req, id, version, body):
        self._functions.scale_up(req.ctx, id, version, body.count)

    @expose('POST', ONE + '/scale_down',
            policy='function_version:scale_down', status=202,
            body=functions.Scale, bare=True)
    def scale_down(self, req, id, version, body):
        self._functions.scale_down(req.ctx, id, version, body.count)

    @expose('POST', ONE + '/provision', policy='function_version:provision',
            status=202, body=functions.Scale)
    def provision(self, req, id, version, body):
        self._functions.provision(req.ctx, id, version, body.count)

    @expose('POST', ONE + '/detach', policy='function_version:detach',
            status=202)
    def detach(self, req, id, version):
        self._functions.detach(req.ctx, id, version)
