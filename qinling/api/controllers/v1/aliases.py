# SPDX-License-Identifier: Apache-2.0
"""Aliases: ``/v1/aliases``."""

import datetime
import typing

from qinling.api.controllers.v1 import functions
from qinling.api import etag
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module

LIST_PATH = '/v1/aliases'
ITEM_PATH = LIST_PATH + '/{name}'
SORTABLE = ('created_at', 'updated_at', 'id', 'name')


class Alias(types.Resource):
    """Name for a version, or for several versions with weights.

    ``routing`` is an object of version numbers and weights that sum to 1;
    ``tool`` is the name of the function as a tool for assistants;
    ``flow_control`` replaces that of the function.
    """

    name = types.Text
    description = types.Text
    function_id = types.Uuid()
    function_version = types.Version()
    routing = types.AnyJson()
    tool = types.Text
    flow_control = types.AnyJson()


class Aliases(listing.Collection):
    """List of aliases."""

    function_aliases = [Alias]


class Target(types.Type):
    """Target of an alias."""

    function_id = types.Text
    function_version = int
    routing = types.AnyJson()


class Change(Target):
    """Entry of the history: a target, with time and author.

    ``previous`` is the target before the change, ``null`` for the first;
    ``reason`` has the figures that decided a step of a rollout.
    """

    revision = int
    created_at = datetime.datetime
    user_id = types.Text
    rollout_id = types.Text
    reason = types.Text
    previous = Target


class History(types.Type):
    """Targets of an alias, the present target first."""

    history = [Change]


class Rollback(types.Type):
    """Request to restore an earlier target.

    ``revision`` is the revision of an entry of the history, by default of the
    target before the present target.
    """

    revision = types.Integer()


class Controller:
    """Operations on aliases."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.aliases

    @route('POST', LIST_PATH, policy='function_alias:create', result=Alias,
           status=201, body=Alias)
    def create(self, req: pecan_patches.Request, body: Alias) -> typing.Any:
        return self._core.create(req.ctx, types.get_fields(body))

    @route('GET', LIST_PATH, policy='function_alias:get_all', result=Aliases,
           query={**listing.OWNED, 'tool': types.Several(str)})
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'function_alias', SORTABLE, query)
        rows = self._core.list(ctx, filters, page)
        return listing.create_list(req, 'function_aliases', rows, page)

    @route('GET', ITEM_PATH, policy='function_alias:get', result=Alias,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, name: str) -> typing.Any:
        return self._core.get(req.ctx, name)

    @route('PUT', ITEM_PATH, policy='function_alias:update', result=Alias,
           body=Alias, if_match=True)
    def update(self, req: pecan_patches.Request, name: str, body: Alias
               ) -> typing.Any:
        return self._core.update(req.ctx, name, types.get_fields(body),
                                 etag.parse_if_match(req))

    @route('DELETE', ITEM_PATH, policy='function_alias:delete', status=204,
           if_match=True)
    def delete(self, req: pecan_patches.Request, name: str) -> None:
        self._core.delete(req.ctx, name, etag.parse_if_match(req))

    @route('GET', ITEM_PATH + '/history', policy='function_alias:get',
           result=History)
    def history(self, req: pecan_patches.Request, name: str) -> types.View:
        changes = self._core.history(req.ctx, name)
        return types.View(history=[
            types.View(change, previous=previous)
            for change, previous in zip(changes, [*changes[1:], None])])

    @route('POST', ITEM_PATH + '/rollback', policy='function_alias:update',
           result=Alias, body=Rollback, optional_body=True, if_match=True)
    def rollback(self, req: pecan_patches.Request, name: str, body: Rollback
                 ) -> typing.Any:
        return self._core.rollback(
            req.ctx, name, types.get_fields(body).get('revision'),
            etag.parse_if_match(req))

    @route('GET', ITEM_PATH + '/references', policy='function_alias:get',
           result=functions.References)
    def references(self, req: pecan_patches.Request, name: str
                   ) -> types.View:
        return types.View(references=self._core.references(req.ctx, name))
