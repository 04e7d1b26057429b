# SPDX-License-Identifier: Apache-2.0
"""Runtimes: ``/v1/runtimes``."""

import wsme

from qinling.api import etag
from qinling.api import listing
from qinling.api.route import expose
from qinling.api import types

SORTABLE = ('created_at', 'updated_at', 'id', 'name', 'status')


class Runtime(types.Resource):
    """A pool of warm workers, made from ``image``."""

    name = types.Text
    description = types.Text
    image = types.Text
    language = types.Text
    language_version = types.Text
    is_public = bool
    trusted = bool
    status = wsme.wsattr(types.Text, readonly=True)
    status_reason = wsme.wsattr(types.Text, readonly=True)


class RuntimeChange(Runtime):
    """A change of a runtime: with ``upgrade_versions`` a new image is also
    that of the versions which were published before."""

    upgrade_versions = bool


class Runtimes(listing.Collection):
    """A list of runtimes."""

    runtimes = [Runtime]


class Pool(types.Type):
    """How many workers a pool has: ``{"total", "available"}``."""

    name = types.Text
    capacity = types.AnyJson()


class Controller:
    """What can be done with runtimes."""

    def __init__(self, services):
        self._core = services.runtimes

    @expose('POST', '/v1/runtimes', policy='runtime:create', result=Runtime,
            status=201, body=Runtime)
    def create(self, req, body):
        return self._core.create(req.ctx, types.given(body))

    @expose('GET', '/v1/runtimes', policy='runtime:get_all',
            result=Runtimes, query=listing.PAGE)
    def get_all(self, req, **query):
        page = listing.page(req, SORTABLE, **query)
        rows = self._core.list(req.ctx, page)
        return listing.answer(req, 'runtimes', rows, page)

    @expose('GET', '/v1/runtimes/{id}', policy='runtime:get', result=Runtime)
    def get(self, req, id):
        return self._core.get(req.ctx, id)

    @expose('PUT', '/v1/runtimes/{id}', policy='runtime:update',
            result=Runtime, body=RuntimeChange)
    def update(self, req, id, body):
        return self._core.update(req.ctx, id, types.given(body),
                                 etag.match(req))

    @expose('DELETE', '/v1/runtimes/{id}', policy='runtime:delete',
            status=204)
    def delete(self, req, id):
        self._core.delete(req.ctx, id, etag.match(req))

    @expose('GET', '/v1/runtimes/{id}/pool', policy='runtime_pool:get_all',
            result=Pool)
    def pool(self, req, id):
        return Pool(**self._core.pool(req.ctx, id))
