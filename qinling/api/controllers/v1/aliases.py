# SPDX-License-Identifier: Apache-2.0
"""Aliases: ``/v1/aliases``."""

import datetime


from qinling.api.controllers.v1 import functions
from qinling.api import etag
from qinling.api import listing
from qinling.api.route import expose
from qinling.api import types

ALL = '/v1/aliases'
ONE = ALL + '/{name}'
SORTABLE = ('created_at', 'updated_at', 'id', 'name')


class Alias(types.Resource):
    """A name for a version, or for several with weights: ``routing`` is an
    object of version numbers and weights that sum to 1."""

    name = types.Text
    description = types.Text
    function_id = types.Uuid()
    function_version = types.Version()
    routing = types.AnyJson()


class Aliases(listing.Collection):
    """A list of aliases."""

    function_aliases = [Alias]


class Target(types.Type):
    """What an alias points at."""

    function_id = types.Text
    function_version = int
    routing = types.AnyJson()


class Change(Target):
    """A target that an alias has or had, since when and by whom, and the
    one before it (``previous``, ``null`` for the first)."""

    revision = int
    created_at = datetime.datetime
    user_id = types.Text
    previous = Target


class History(types.Type):
    """The targets of an alias, the present one first."""

    history = [Change]


class Rollback(types.Type):
    """Where to go back to: the ``revision`` of an entry of the history; the
    one before the present one when not given."""

    revision = types.Integer()


class Controller:
    """What can be done with aliases."""

    def __init__(self, services):
        self._core = services.aliases

    @expose('POST', ALL, policy='function_alias:create', result=Alias,
            status=201, body=Alias)
    def create(self, req, body):
        return self._core.create(req.ctx, types.given(body))

    @expose('GET', ALL, policy='function_alias:get_all', result=Aliases,
            query=listing.OWNED)
    def get_all(self, req, all_projects=False, project_id=None, **query):
        page = listing.page(req, SORTABLE, **query)
        ctx, filters = listing.scope(req, 'function_alias', all_projects,
                                     project_id)
        rows = self._core.list(ctx, filters, page)
        return listing.answer(req, 'function_aliases', rows, page)

    @expose('GET', ONE, policy='function_alias:get', result=Alias)
    def get(self, req, name):
        return self._core.get(req.ctx, name)

    @expose('PUT', ONE, policy='function_alias:update', result=Alias,
            body=Alias)
    def update(self, req, name, body):
        return self._core.update(req.ctx, name, types.given(body),
                                 etag.match(req))

    @expose('DELETE', ONE, policy='function_alias:delete', status=204)
    def delete(self, req, name):
        self._core.delete(req.ctx, name, etag.match(req))

    @expose('GET', ONE + '/history', policy='function_alias:get',
            result=History)
    def history(self, req, name):
        found = self._core.history(req.ctx, name)
        return listing.rows('history', [
            _change(now, before)
            for now, before in zip(found, [*found[1:], None])])

    @expose('POST', ONE + '/rollback', policy='function_alias:update',
            result=Alias, body=Rollback, bare=True)
    def rollback(self, req, name, body):
        return self._core.rollback(
            req.ctx, name, types.given(body).get('revision'),
            etag.match(req))

    @expose('GET', ONE + '/references', policy='function_alias:get',
            result=functions.References)
    def references(self, req, name):
        return listing.rows('references',
                            self._core.references(req.ctx, name))


def _change(now, before):
    """An entry of the history, with the one before it."""
    return types.view(now, previous=before)
