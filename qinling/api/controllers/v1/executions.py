# SPDX-License-Identifier: Apache-2.0
"""Executions: ``/v1/executions``."""

import datetime
import types as python_types

import wsme

from qinling.api import listing
from qinling.api.route import expose
from qinling.api import stream
from qinling.api import types
from qinling.core.execution import executions
from qinling.core.execution import inputs
from qinling.core import validation
from qinling import exception

SORTABLE = ('created_at', 'updated_at', 'id', 'status')
FILTERS = ('function_id', 'status', 'description', 'job_id')


class Execution(types.Resource):
    """One run of a function; ``result`` is JSON text."""

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    description = types.Text
    status = wsme.wsattr(types.Text, readonly=True)
    sync = bool
    input = types.AnyJson()
    result = wsme.wsattr(types.Text, readonly=True)
    attempt = wsme.wsattr(int, readonly=True)
    next_attempt_at = wsme.wsattr(datetime.datetime, readonly=True)
    job_id = wsme.wsattr(types.Text, readonly=True)
    scheduled_at = wsme.wsattr(datetime.datetime, readonly=True)
    rerun_of = wsme.wsattr(types.Text, readonly=True)
    failed_id = wsme.wsattr(types.Text, readonly=True)


class Order(Execution):
    """What a user sends to run something.  ``routing_key`` decides which
    version of a weighted alias runs: the same key, the same version."""

    routing_key = types.Text


class Rerun(types.Type):
    """How to run something again: which ``version``, and whether to wait
    for the end."""

    version = wsme.wsattr(types.AnyJson(), default=executions.ORIGINAL)
    sync = bool


class Executions(listing.Collection):
    """A list of executions."""

    executions = [Execution]


class Controller:
    """What can be done with executions."""

    def __init__(self, services):
        self._core = services.executions

    @expose('POST', '/v1/executions', policy='execution:create',
            result=Execution, status=201, body=Order, idempotent=True)
    def create(self, req, body):
        return _shown(self._core.create(
            req.ctx, _order(types.given(body)), req.once))

    @expose('GET', '/v1/executions', policy='execution:get_all',
            result=Executions,
            query=dict(listing.OWNED, **dict.fromkeys(FILTERS, str)))
    def get_all(self, req, all_projects=False, project_id=None, **query):
        chosen = {name: query.pop(name) for name in FILTERS if name in query}
        page = listing.page(req, SORTABLE, **query)
        ctx, filters = listing.scope(req, 'execution', all_projects,
                                     project_id)
        rows = self._core.list(ctx, dict(chosen, **filters), page)
        answer = listing.answer(req, 'executions', rows, page)
        answer.executions = [_shown(row) for row in answer.executions]
        return answer

    @expose('GET', '/v1/executions/{id}', policy='execution:get',
            result=Execution)
    def get(self, req, id):
        return _shown(self._core.get(req.ctx, id))

    @expose('GET', '/v1/executions/{id}/log', policy='execution:get_log',
            lax=True)
    def log(self, req, id):
        data = self._core.log(req.ctx, id).encode()
        return stream.Response([data], len(data), content_type='text/plain',
                               charset='utf-8')

    @expose('POST', '/v1/executions/{id}/cancel', policy='execution:cancel',
            result=Execution)
    def cancel(self, req, id):
        return _shown(self._core.cancel(req.ctx, id))

    @expose('POST', '/v1/executions/{id}/rerun', policy='execution:rerun',
            result=Execution, status=201, body=Rerun, bare=True)
    def rerun(self, req, id, body):
        return _shown(self._core.rerun(
            req.ctx, id, _version(body.version),
            types.given(body).get('sync')))

    @expose('DELETE', '/v1/executions/{id}', policy='execution:delete',
            status=204)
    def delete(self, req, id):
        self._core.delete(req.ctx, id)


def _order(values):
    """What the core wants to know, checked."""
    if not ('function_id' in values or 'function_alias' in values):
        raise exception.Invalid(
            'Either function_alias or function_id must be provided.')
    validation.text('function_alias', values.get('function_alias'))
    validation.text('description', values.get('description'))
    text = values.get('input')
    if isinstance(text, str) and '\0' in text:
        raise exception.Invalid('input must not contain a NUL character.')
    return python_types.SimpleNamespace(
        function_id=values.get('function_id'),
        function_version=values.get('function_version', 0),
        function_alias=values.get('function_alias'),
        sync=values.get('sync', True), input=values.get('input'),
        description=values.get('description'),
        routing_key=values.get('routing_key'))


def _version(value):
    """What a rerun shall run."""
    if value in (executions.ORIGINAL, executions.CURRENT):
        return value
    return types.version(value)


def _shown(row):
    """The row as users see it: with the part of the input that counts."""
    shown = inputs.shown(row.input)
    return row if shown is row.input else types.view(row, input=shown)
