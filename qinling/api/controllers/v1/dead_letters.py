# SPDX-License-Identifier: Apache-2.0
"""Dead letters: ``/v1/dead_letters``."""

import datetime
import typing

import wsme

from qinling.api.controllers.v1 import executions
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module

LIST_PATH = '/v1/dead_letters'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'first_at', 'trigger',
            'attempts', 'size')
_FILTERS = {name: types.Several(str) for name in (
    'created_at', 'function_id', 'function_version', 'function_alias',
    'trigger', 'source_id', 'execution_id', 'first_at', 'attempts')}


class DeadLetter(types.Resource):
    """Payload that no execution has handled; lists leave ``payload`` out."""

    function_id = wsme.wsattr(types.Text, readonly=True)
    function_version = wsme.wsattr(int, readonly=True)
    function_alias = wsme.wsattr(types.Text, readonly=True)
    trigger = wsme.wsattr(types.Text, readonly=True)
    source_id = wsme.wsattr(types.Text, readonly=True)
    execution_id = wsme.wsattr(types.Text, readonly=True)
    reason = wsme.wsattr(types.Text, readonly=True)
    attempts = wsme.wsattr(int, readonly=True)
    first_at = wsme.wsattr(datetime.datetime, readonly=True)
    size = wsme.wsattr(int, readonly=True)
    payload = wsme.wsattr(types.Text, readonly=True)


class DeadLetters(listing.Collection):
    """List of dead letters."""

    dead_letters = [DeadLetter]


class Target(types.Type):
    """What runs the payload; by default the target of the letter."""

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text


class Redrive(Target):
    """Redrive of the letters that the query selects."""

    dry_run = wsme.wsattr(bool, default=False)


class Redriven(types.Type):
    """Number of letters that the query selects, and of those redriven."""

    count = int
    redriven = int
    reason = types.Text


class Controller:
    """Operations on dead letters."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.dead_letters

    @route('GET', LIST_PATH, policy='dead_letter:get_all',
           result=DeadLetters, query={**listing.OWNED, **_FILTERS})
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'dead_letter', SORTABLE, query)
        rows = self._core.list(ctx, filters, page)
        return listing.create_list(req, 'dead_letters', rows, page)

    @route('POST', LIST_PATH + '/redrive', policy='dead_letter:redrive_all',
           result=Redriven, body=Redrive, query=_FILTERS)
    def redrive_all(self, req: pecan_patches.Request, body: Redrive,
                    **query: typing.Any) -> types.View:
        values = types.get_fields(body)
        dry_run = values.pop('dry_run', False)
        count, number, reason = self._core.redrive_all(
            req.ctx, listing.pop_filters(query), values, dry_run)
        return types.View(count=count, redriven=number, reason=reason)

    @route('GET', ITEM_PATH, policy='dead_letter:get', result=DeadLetter,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._core.get(req.ctx, id)

    @route('POST', ITEM_PATH + '/redrive', policy='dead_letter:redrive',
           result=executions.Execution, status=201, body=Target,
           optional_body=True)
    def redrive(self, req: pecan_patches.Request, id: str, body: Target
                ) -> typing.Any:
        return executions.create_view(self._core.redrive(
            req.ctx, id, types.get_fields(body)))

    @route('DELETE', ITEM_PATH, policy='dead_letter:delete', status=204)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id)
