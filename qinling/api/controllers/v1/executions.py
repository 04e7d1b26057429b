# SPDX-License-Identifier: Apache-2.0
"""Executions: ``/v1/executions``."""

from collections.abc import Mapping
import datetime
import typing

import wsme

from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import stream
from qinling.api import types
from qinling.core.execution import inputs
from qinling.core.execution import records
from qinling.core import services as services_module
from qinling.core.trigger import reruns
from qinling.core import validation
from qinling import exception

LIST_PATH = '/v1/executions'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'status')
FILTERS = ('function_id', 'status', 'reason', 'description', 'job_id')


class Execution(types.Resource):
    """Run of a function; ``result`` is JSON text."""

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    description = types.Text
    status = wsme.wsattr(types.Text, readonly=True)
    reason = wsme.wsattr(types.Text, readonly=True)
    sync = bool
    input = types.AnyJson()
    result = wsme.wsattr(types.Text, readonly=True)
    attempt = wsme.wsattr(int, readonly=True)
    next_attempt_at = wsme.wsattr(datetime.datetime, readonly=True)
    job_id = wsme.wsattr(types.Text, readonly=True)
    scheduled_at = wsme.wsattr(datetime.datetime, readonly=True)
    rerun_of = wsme.wsattr(types.Text, readonly=True)
    failed_id = wsme.wsattr(types.Text, readonly=True)


class ExecutionCreate(Execution):
    """Request to run a function.

    A weighted alias runs the same version for equal ``routing_key``.
    """

    routing_key = types.Text


class Rerun(types.Type):
    """Request to repeat an execution.

    ``version`` selects the code, and ``sync`` waits for the end.
    """

    version = wsme.wsattr(types.AnyJson(), default=reruns.ORIGINAL)
    sync = bool


class Executions(listing.Collection):
    """List of executions."""

    executions = [Execution]


class Controller:
    """Operations on executions."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.executions
        self._triggers = services.triggers
        self._reruns = services.reruns

    @route('POST', LIST_PATH, policy='execution:create', result=Execution,
           status=201, body=ExecutionCreate, idempotent=True)
    def create(self, req: pecan_patches.Request, body: ExecutionCreate
               ) -> typing.Any:
        return _view(self._triggers.fire(
            req.ctx, _create_request(types.get_fields(body)),
            req.idempotent))

    @route('GET', LIST_PATH, policy='execution:get_all', result=Executions,
           query=dict(listing.OWNED, **dict.fromkeys(FILTERS, str)))
    def get_all(self, req: pecan_patches.Request, all_projects: bool = False,
                project_id: str | None = None, **query: typing.Any
                ) -> types.View:
        filters = {name: query.pop(name) for name in FILTERS
                   if name in query}
        page = listing.parse_page(req, SORTABLE, **query)
        ctx, project_filters = listing.resolve_scope(
            req, 'execution', all_projects, project_id)
        rows = self._core.list(ctx, dict(filters, **project_filters), page)
        return listing.create_list(
            req, 'executions', [_view(row) for row in rows], page)

    @route('GET', ITEM_PATH, policy='execution:get', result=Execution)
    def get(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return _view(self._core.get(req.ctx, id))

    @route('GET', ITEM_PATH + '/log', policy='execution:get_log',
           any_id=True)
    def log(self, req: pecan_patches.Request, id: str) -> stream.Response:
        data = self._core.log(req.ctx, id).encode()
        return stream.Response([data], len(data), content_type='text/plain',
                               charset='utf-8')

    @route('POST', ITEM_PATH + '/cancel', policy='execution:cancel',
           result=Execution)
    def cancel(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return _view(self._core.cancel(req.ctx, id))

    @route('POST', ITEM_PATH + '/rerun', policy='execution:rerun',
           result=Execution, status=201, body=Rerun, optional_body=True)
    def rerun(self, req: pecan_patches.Request, id: str, body: typing.Any
              ) -> typing.Any:
        return _view(self._reruns.fire(
            req.ctx, id, _parse_rerun_version(body.version),
            types.get_fields(body).get('sync')))

    @route('DELETE', ITEM_PATH, policy='execution:delete', status=204)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id)


def _create_request(values: Mapping[str, typing.Any]
                    ) -> records.ExecutionRequest:
    """Return the request for core.

    :raises Invalid: a field is not valid.
    """
    if not ('function_id' in values or 'function_alias' in values):
        raise exception.Invalid(
            'Either function_alias or function_id must be provided.')
    validation.text('function_alias', values.get('function_alias'))
    validation.text('description', values.get('description'))
    value = values.get('input')
    if isinstance(value, str) and '\0' in value:
        raise exception.Invalid('input must not contain a NUL character.')
    return records.ExecutionRequest(
        function_id=values.get('function_id'),
        function_version=values.get('function_version', 0),
        function_alias=values.get('function_alias'),
        sync=values.get('sync', True), input=values.get('input'),
        description=values.get('description'),
        routing_key=values.get('routing_key'))


def _parse_rerun_version(value: typing.Any) -> str | int:
    """Return the version of a rerun: a number, or a word of core."""
    if value in (reruns.ORIGINAL, reruns.CURRENT):
        word: str = value
        return word
    return types.parse_version(value)


def _view(row: typing.Any) -> typing.Any:
    """Return an execution with the positional part of the input only."""
    text = inputs.to_show(row.input)
    return row if text is row.input else types.View(row, input=text)
