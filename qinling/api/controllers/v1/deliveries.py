# SPDX-License-Identifier: Apache-2.0
"""Deliveries: ``/v1/webhooks/{id}/deliveries``."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import typing

import webob
import wsme

from qinling.api.controllers.v1 import operations
from qinling.api.controllers.v1 import webhooks
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import stream
from qinling.api import types
from qinling.api import webhook_http
from qinling.core import services as services_module
from qinling.core.trigger import delivery_records
from qinling.db import crud

LIST_PATH = webhooks.ITEM_PATH + '/deliveries'
ITEM_PATH = LIST_PATH + '/{delivery_id}'
SORTABLE = ('created_at', 'id')
#: Query key -> converter; the values have the form ``[operator:]value``.
FILTERS: Mapping[str, Callable[[str], typing.Any]] = {
    'replay_of': types.Several(types.normalise_uuid),
    'execution_id': types.Several(types.normalise_uuid),
    **{name: types.Several(str) for name in (
        'status', 'signature', 'status_code', 'method', 'source_address',
        'size', 'created_at', 'updated_at')}}
BYTES = 'application/octet-stream'


class Delivery(types.Resource):
    """Request to a webhook, and what became of the request.

    ``headers`` has pairs of name and value; ``status_code`` is the answer.
    """

    webhook_id = wsme.wsattr(types.Text, readonly=True)
    status = wsme.wsattr(types.Text, readonly=True)
    signature = wsme.wsattr(types.Text, readonly=True)
    reason = wsme.wsattr(types.Text, readonly=True)
    status_code = wsme.wsattr(int, readonly=True)
    execution_id = wsme.wsattr(types.Text, readonly=True)
    execution_status = wsme.wsattr(types.Text, readonly=True)
    attempts = wsme.wsattr(int, readonly=True)
    replay_of = wsme.wsattr(types.Text, readonly=True)
    source_address = wsme.wsattr(types.Text, readonly=True)
    method = wsme.wsattr(types.Text, readonly=True)
    path = wsme.wsattr(types.Text, readonly=True)
    query = wsme.wsattr(types.Text, readonly=True)
    headers = wsme.wsattr(types.AnyJson(), readonly=True)
    size = wsme.wsattr(int, readonly=True)
    has_body = wsme.wsattr(bool, readonly=True)


class Deliveries(listing.Collection):
    """List of deliveries."""

    deliveries = [Delivery]


class ReplayRequest(types.Type):
    """Function, version or alias that a replay runs."""

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text


class ReplaysRequest(ReplayRequest):
    """Selection of deliveries to replay."""

    filter = types.AnyJson()
    limit = types.Integer()
    marker = types.Uuid()
    dry_run = wsme.wsattr(bool, default=False)


class Replay(types.Type):
    """Result for one delivery; ``reason`` says why nothing ran."""

    source_id = types.Text
    delivery_id = types.Text
    execution_id = types.Text
    reason = types.Text


class Replays(types.Type):
    """Results of a replay; ``marker`` selects the next page, if any."""

    count = int
    replays = [Replay]
    marker = types.Text


class Controller:
    """Operations on deliveries."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.delivery_records

    @route('GET', LIST_PATH, policy='delivery:get_all', result=Deliveries,
           query=dict(listing.PAGE, **FILTERS))
    def get_all(self, req: pecan_patches.Request, id: str,
                **query: typing.Any) -> types.View:
        filters = listing.pop_filters(query)
        page = listing.parse_page(req, SORTABLE, **query)
        rows = self._core.list_of(req.ctx, id, filters, page)
        return listing.create_list(
            req, 'deliveries', self._view(rows), page)

    @route('GET', ITEM_PATH, policy='delivery:get', result=Delivery,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, id: str, delivery_id: str
            ) -> types.View:
        row = self._core.get_of(req.ctx, id, delivery_id)
        return self._view([row])[0]

    @route('GET', ITEM_PATH + '/body', policy='delivery:get',
           media_types=(BYTES,), conflicts=True)
    def get_body(self, req: pecan_patches.Request, id: str, delivery_id: str
                 ) -> webob.Response:
        data = self._core.read_body(req.ctx, id, delivery_id)
        response = stream.Response([data], len(data), content_type=BYTES)
        response.headers.update({
            'Content-Disposition': f'attachment; filename="{delivery_id}"',
            'Content-Security-Policy': webhook_http.SANDBOX,
            'X-Content-Type-Options': 'nosniff'})
        return response

    @route('POST', ITEM_PATH + '/replay', policy='delivery:replay',
           result=Delivery, status=202, body=ReplayRequest,
           optional_body=True)
    def replay(self, req: pecan_patches.Request, id: str, delivery_id: str,
               body: ReplayRequest) -> types.View:
        row = self._core.replay(
            req.ctx, id, delivery_id, delivery_records.ReplayTarget(
                **types.get_fields(body)))
        return self._view([row])[0]

    @route('POST', LIST_PATH + '/replay', policy='delivery:replay',
           result=Replays, status=202, body=ReplaysRequest,
           optional_body=True)
    def replay_many(self, req: pecan_patches.Request, id: str,
                    body: ReplaysRequest) -> types.View:
        values = types.get_fields(body)
        filters = _parse_filter(values.pop('filter', {}))
        page = crud.Page(
            values.pop('limit', delivery_records.MAX_REPLAYS),
            values.pop('marker', None))
        dry_run = values.pop('dry_run', False)
        replays, marker = self._core.replay_many(
            req.ctx, id, filters, page,
            delivery_records.ReplayTarget(**values), dry_run)
        return types.View(count=len(replays), replays=replays, marker=marker)

    def _view(self, rows: Sequence[typing.Any]) -> list[types.View]:
        """Return deliveries with the state of their executions."""
        executions = self._core.read_executions(rows)
        views = []
        for row in rows:
            execution = executions.get(row.execution_id)
            views.append(types.View(
                row, execution_status=execution and execution.status,
                attempts=execution and execution.attempt))
        return views


def _parse_filter(selection: typing.Any) -> listing.Filters:
    """Return the filters of a body.

    :raises Invalid: a filter is unknown, or has no text.
    """
    return [(name, text) for name, values in operations.parse_filter(
        selection, FILTERS).items() for text in values]
