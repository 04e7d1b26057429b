# SPDX-License-Identifier: Apache-2.0
"""Event sources: ``/v1/event_sources``."""

import datetime
import typing

import wsme

from qinling.api import etag
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module
from qinling.event_states import EventSourceStatus

LIST_PATH = '/v1/event_sources'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'name', 'kind', 'status',
            'state')


class EventSource(types.Resource):
    """Queue, stream or other place whose events run a function.

    No answer contains the ``credentials``.
    """

    name = types.Text
    kind = types.Text
    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    settings = types.AnyJson()
    credentials = types.AnyJson()
    filter = types.AnyJson()
    batch_size = types.Integer()
    batch_window = types.Integer()
    has_credentials = wsme.wsattr(bool, readonly=True)
    status = wsme.wsattr(types.Text, readonly=True)
    state = wsme.wsattr(types.Text, readonly=True)
    state_reason = wsme.wsattr(types.Text, readonly=True)
    lag = wsme.wsattr(int, readonly=True)
    lag_seconds = wsme.wsattr(float, readonly=True)
    measured_at = wsme.wsattr(datetime.datetime, readonly=True)
    accepted = wsme.wsattr(int, readonly=True)
    filtered = wsme.wsattr(int, readonly=True)
    dead = wsme.wsattr(int, readonly=True)
    last_event_at = wsme.wsattr(datetime.datetime, readonly=True)


class EventSources(listing.Collection):
    """List of event sources."""

    event_sources = [EventSource]


def create_view(row: typing.Any) -> types.View:
    """Return the attributes of an event source, without credentials."""
    return types.View(row, credentials=wsme.Unset,
                      has_credentials=row.credentials is not None)


class Controller:
    """Operations on event sources."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.event_sources

    @route('POST', LIST_PATH, policy='event_source:create',
           result=EventSource, status=201, body=EventSource, idempotent=True)
    def create(self, req: pecan_patches.Request, body: EventSource
               ) -> types.View:
        return create_view(self._core.create(
            req.ctx, types.get_fields(body), req.idempotent))

    @route('GET', LIST_PATH, policy='event_source:get_all',
           result=EventSources, query={
               **listing.OWNED, **listing.STATUS,
               'kind': types.Several(str), 'state': types.Several(str)})
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'event_source', SORTABLE, query)
        views = [create_view(row)
                 for row in self._core.list(ctx, filters, page)]
        return listing.create_list(req, 'event_sources', views, page)

    @route('GET', ITEM_PATH, policy='event_source:get', result=EventSource,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, id: str) -> types.View:
        return create_view(self._core.get(req.ctx, id))

    @route('PUT', ITEM_PATH, policy='event_source:update',
           result=EventSource, body=EventSource, if_match=True)
    def update(self, req: pecan_patches.Request, id: str, body: EventSource
               ) -> types.View:
        return create_view(self._core.update(
            req.ctx, id, types.get_fields(body), etag.parse_if_match(req)))

    @route('POST', ITEM_PATH + '/pause', policy='event_source:pause',
           result=EventSource, if_match=True)
    def pause(self, req: pecan_patches.Request, id: str) -> types.View:
        return create_view(self._core.set_status(
            req.ctx, id, EventSourceStatus.PAUSED, etag.parse_if_match(req)))

    @route('POST', ITEM_PATH + '/resume', policy='event_source:resume',
           result=EventSource, if_match=True)
    def resume(self, req: pecan_patches.Request, id: str) -> types.View:
        return create_view(self._core.set_status(
            req.ctx, id, EventSourceStatus.RUNNING, etag.parse_if_match(req)))

    @route('DELETE', ITEM_PATH, policy='event_source:delete', status=204,
           if_match=True)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id, etag.parse_if_match(req))
