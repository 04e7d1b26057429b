# SPDX-License-Identifier: Apache-2.0
"""Replays: ``/v1/aliases/{name}/replay``, and their results."""

import typing

import wsme

from qinling.api.controllers.v1 import aliases
from qinling.api.controllers.v1 import operations
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module

SORTABLE = ('created_at', 'updated_at', 'id')


class ReplayCreate(types.Type):
    """Request to run recorded executions on ``function_version``."""

    function_version = types.Version()
    last = types.Integer()
    filter = types.AnyJson()
    rate = float
    ignore = types.AnyJson()
    network = bool


class Difference(types.Type):
    """Values at a JSON pointer, as JSON text; ``null`` if missing."""

    path = types.Text
    old = types.Text
    new = types.Text


class ReplayResult(types.Resource):
    """Comparison of an execution with the recorded one, ``source_id``."""

    operation_id = wsme.wsattr(types.Text, readonly=True)
    source_id = wsme.wsattr(types.Text, readonly=True)
    execution_id = wsme.wsattr(types.Text, readonly=True)
    different = wsme.wsattr(bool, readonly=True)
    differences = wsme.wsattr([Difference], readonly=True)
    duration_ratio = wsme.wsattr(float, readonly=True)
    old_log_size = wsme.wsattr(int, readonly=True)
    new_log_size = wsme.wsattr(int, readonly=True)


class Results(listing.Collection):
    """List of results."""

    results = [ReplayResult]


class Controller:
    """Operations on replays."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.replays

    @route('POST', aliases.ITEM_PATH + '/replay', policy='replay:create',
           result=operations.Operation, status=202, body=ReplayCreate)
    def create(self, req: pecan_patches.Request, name: str,
               body: ReplayCreate) -> typing.Any:
        values = types.get_fields(body)
        if 'filter' in values:
            values['filter'] = operations.parse_filter(values['filter'])
        return self._core.start(req.ctx, name, values)

    @route('GET', operations.ITEM_PATH + '/results',
           policy='replay:get_results', result=Results,
           query=dict(listing.PAGE, different=types.parse_boolean))
    def get_results(self, req: pecan_patches.Request, id: str,
                    different: bool | None = None, **query: typing.Any
                    ) -> types.View:
        filters = listing.pop_filters(query)
        page = listing.parse_page(req, SORTABLE, **query)
        rows = self._core.list_results(
            req.ctx, id, different, page, filters)
        return listing.create_list(
            req, 'results', [_view(row) for row in rows], page)


def _view(row: typing.Any) -> types.View:
    return types.View(row, differences=[
        types.View(**item) for item in row.differences])
