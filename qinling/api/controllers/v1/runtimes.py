# SPDX-License-Identifier: Apache-2.0
"""Runtimes: ``/v1/runtimes``."""

import typing

import wsme

from qinling.api import etag
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module

LIST_PATH = '/v1/runtimes'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'name', 'status')


class Runtime(types.Resource):
    """Pool of warm workers with an ``image``."""

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
    """Change of a runtime.

    ``upgrade_versions`` applies a new image to published versions as well.
    """

    upgrade_versions = bool


class Runtimes(listing.Collection):
    """List of runtimes."""

    runtimes = [Runtime]


class Pool(types.Type):
    """Workers of a pool: ``{"total", "available"}``."""

    name = types.Text
    capacity = types.AnyJson()


class Controller:
    """Operations on runtimes."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.runtimes

    @route('POST', LIST_PATH, policy='runtime:create', result=Runtime,
           status=201, body=Runtime)
    def create(self, req: pecan_patches.Request, body: Runtime
               ) -> typing.Any:
        return self._core.create(req.ctx, types.get_fields(body))

    @route('GET', LIST_PATH, policy='runtime:get_all', result=Runtimes,
           query={**listing.PAGE, **listing.STATUS})
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        filters = listing.pop_filters(query)
        page = listing.parse_page(req, SORTABLE, **query)
        rows = self._core.list(req.ctx, page, filters)
        return listing.create_list(req, 'runtimes', rows, page)

    @route('GET', ITEM_PATH, policy='runtime:get', result=Runtime,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._core.get(req.ctx, id)

    @route('PUT', ITEM_PATH, policy='runtime:update', result=Runtime,
           body=RuntimeChange, if_match=True)
    def update(self, req: pecan_patches.Request, id: str,
               body: RuntimeChange) -> typing.Any:
        return self._core.update(req.ctx, id, types.get_fields(body),
                                 etag.parse_if_match(req))

    @route('DELETE', ITEM_PATH, policy='runtime:delete', status=204,
           if_match=True)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id, etag.parse_if_match(req))

    @route('GET', ITEM_PATH + '/pool', policy='runtime_pool:get_all',
           result=Pool)
    def pool(self, req: pecan_patches.Request, id: str) -> Pool:
        return Pool(**self._core.pool(req.ctx, id))
