# SPDX-License-Identifier: Apache-2.0
"""Executions: ``/v1/executions``."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import datetime
import typing

import wsme

from qinling.api import execution_requests
from qinling.api import listing
from qinling.api import log_answers
from qinling.api import output_answers
from qinling.api import pecan_patches
from qinling.api import preferences
from qinling.api.route import parse_values
from qinling.api.route import route
from qinling.api import stream
from qinling.api import types
from qinling.api import version_choice
from qinling import context
from qinling.core.execution import inputs
from qinling.core import services as services_module
from qinling.core.trigger import batches
from qinling.core.trigger import reruns
from qinling import exception

LIST_PATH = '/v1/executions'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'status', 'started_at',
            'ended_at', 'duration')
#: Query key -> converter; the values have the form ``[operator:]value``.
FILTERS: Mapping[str, Callable[[str], typing.Any]] = {
    **{name: types.Several(types.normalise_uuid)
       for name in ('function_id', 'job_id', 'group_id')},
    **{name: types.Several(str) for name in (
        'status', 'reason', 'fingerprint', 'description', 'trigger', 'sync',
        'function_version', 'function_alias', 'flow_key', 'created_at',
        'updated_at', 'started_at', 'ended_at', 'duration')}}


class FlowWait(types.Type):
    """Limit that an execution waits for; ``until`` is the start, if known."""

    reason = types.Text
    key = types.Text
    place = int
    until = datetime.datetime


class Execution(types.Resource):
    """Run of a function; ``result`` is JSON text."""

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    description = types.Text
    status = wsme.wsattr(types.Text, readonly=True)
    reason = wsme.wsattr(types.Text, readonly=True)
    detail = wsme.wsattr(types.Text, readonly=True)
    fingerprint = wsme.wsattr(types.Text, readonly=True)
    sync = bool
    input = types.AnyJson()
    result = wsme.wsattr(types.Text, readonly=True)
    attempt = wsme.wsattr(int, readonly=True)
    next_attempt_at = wsme.wsattr(datetime.datetime, readonly=True)
    job_id = wsme.wsattr(types.Text, readonly=True)
    scheduled_at = wsme.wsattr(datetime.datetime, readonly=True)
    rerun_of = wsme.wsattr(types.Text, readonly=True)
    failed_id = wsme.wsattr(types.Text, readonly=True)
    trigger = wsme.wsattr(types.Text, readonly=True)
    group_id = wsme.wsattr(types.Text, readonly=True)
    started_at = wsme.wsattr(datetime.datetime, readonly=True)
    ended_at = wsme.wsattr(datetime.datetime, readonly=True)
    queue_ms = wsme.wsattr(float, readonly=True)
    import_ms = wsme.wsattr(float, readonly=True)
    duration = wsme.wsattr(float, readonly=True)
    cold = wsme.wsattr(bool, readonly=True)
    memory_peak = wsme.wsattr(int, readonly=True)
    version_chosen = wsme.wsattr(bool, readonly=True)
    digest = wsme.wsattr(types.Text, readonly=True)
    secrets = wsme.wsattr(types.AnyJson(), readonly=True)
    flow_key = wsme.wsattr(types.Text, readonly=True)
    waiting_for = wsme.wsattr(FlowWait, readonly=True)


class ExecutionCreate(Execution):
    """Request to run a function.

    A weighted alias runs the same version for equal ``routing_key``; with an
    alias, ``function_version`` replaces the choice of the alias.
    ``cancel_on_disconnect`` is for streamed outputs.
    """

    routing_key = types.Text
    cancel_on_disconnect = bool


class Rerun(types.Type):
    """Request to repeat an execution.

    ``version`` selects the code, and ``sync`` waits for the end.
    """

    version = wsme.wsattr(types.AnyJson(), default=reruns.ORIGINAL)
    sync = bool


class BatchCreate(types.Type):
    """Request to run many executions without waiting for their end.

    Either ``executions`` has requests to run a function, or each of the
    ``inputs`` is for the same function.
    """

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    description = types.Text
    inputs = types.AnyJson()
    executions = types.AnyJson()


class BatchError(types.Type):
    """Reason why an execution of a batch was not accepted."""

    code = int
    faultstring = types.Text


class BatchItem(types.Type):
    """Accepted execution of a batch, or ``error``."""

    id = types.Text
    status = types.Text
    error = BatchError


class Batch(types.Type):
    """Answer to a batch; ``executions`` has the order of the request."""

    group_id = types.Text
    executions = [BatchItem]


class Executions(listing.Collection):
    """List of executions."""

    executions = [Execution]


class Controller:
    """Operations on executions."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.executions
        self._waits = services.waits
        self._triggers = services.triggers
        self._reruns = services.reruns
        self._batches = services.batches

    @route('POST', LIST_PATH, policy='execution:create', result=Execution,
           status=201, body=ExecutionCreate, idempotent=True, waits=True,
           media_types=output_answers.MEDIA_TYPES)
    def create(self, req: pecan_patches.Request, body: ExecutionCreate
               ) -> typing.Any:
        values = types.get_fields(body)
        if (text := req.environ.get(version_choice.HEADER)) is not None:
            values = version_choice.add_version(values, text)
        cancels = (output_answers.parse_wish(req, values)
                   if output_answers.CANCEL in values or 'text/' in
                   req.environ.get('HTTP_ACCEPT', '') else None)
        request = execution_requests.create(req.ctx, values)
        if cancels is not None:
            return output_answers.create_response(
                req, self._triggers.open_stream(
                    req.ctx, request, req.idempotent, cancels))
        row = self._triggers.fire(req.ctx, request, req.idempotent)
        return create_view(row if row.sync else self._wait(req, row))

    @route('POST', LIST_PATH + '/batch', policy='execution:create_batch',
           result=Batch, status=201, body=BatchCreate, idempotent=True)
    def create_batch(self, req: pecan_patches.Request, body: BatchCreate
                     ) -> types.View:
        batch = self._batches.create(
            req.ctx, _parse_batch(req.ctx, types.get_fields(body)),
            req.idempotent)
        return types.View(group_id=batch.group_id, executions=[
            _batch_item(result) for result in batch.results])

    @route('GET', LIST_PATH, policy='execution:get_all', result=Executions,
           query=dict(listing.OWNED, **FILTERS))
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'execution', SORTABLE, query)
        rows = self._core.list(ctx, filters, page)
        return listing.create_list(
            req, 'executions', [create_view(row) for row in rows], page)

    @route('GET', ITEM_PATH, policy='execution:get', result=Execution,
           query=types.FIELDS, waits=True)
    def get(self, req: pecan_patches.Request, id: str) -> typing.Any:
        row = self._wait(req, self._core.get(req.ctx, id))
        return create_view(self._core.describe_wait(row))

    def _wait(self, req: pecan_patches.Request, row: typing.Any
              ) -> typing.Any:
        """Return an execution after the wait that the client prefers."""
        seconds = preferences.parse_wait(req.environ)
        if not seconds or not row.is_running:
            return row
        row, waited = self._waits.wait(req.ctx, row, seconds)
        if waited:
            req.preference = f'wait={waited}'
        return row

    @route('GET', ITEM_PATH + '/log', policy='execution:get_log',
           any_id=True, query=log_answers.QUERY,
           media_types=(log_answers.TEXT, log_answers.EVENTS))
    def log(self, req: pecan_patches.Request, id: str, offset: int = 0,
            follow: bool = False) -> stream.Response:
        offset = log_answers.check_offset(offset)
        if follow:
            return log_answers.create_stream(self._waits, req, id, offset)
        return log_answers.create_text(self._core.log(req.ctx, id, offset))

    @route('POST', ITEM_PATH + '/cancel', policy='execution:cancel',
           result=Execution)
    def cancel(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return create_view(self._core.cancel(req.ctx, id))

    @route('POST', ITEM_PATH + '/rerun', policy='execution:rerun',
           result=Execution, status=201, body=Rerun, optional_body=True)
    def rerun(self, req: pecan_patches.Request, id: str, body: typing.Any
              ) -> typing.Any:
        return create_view(self._reruns.fire(
            req.ctx, id, parse_rerun_version(body.version),
            types.get_fields(body).get('sync')))

    @route('DELETE', ITEM_PATH, policy='execution:delete', status=204)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id)


def _parse_batch(ctx: context.RequestContext, fields: dict[str, typing.Any]
                 ) -> list[batches.Request]:
    """Return the requests of a batch, or the errors of invalid requests.

    :raises Invalid: the batch has no list of executions.
    """
    items, values = fields.pop('executions', None), fields.pop('inputs', None)
    if (items is None) == (values is None) or items is not None and fields:
        raise exception.Invalid(
            'A batch needs either executions, or a function and inputs.')
    if not isinstance(values if items is None else items, list):
        raise exception.Invalid('executions and inputs must be lists.')
    if items is None:
        items = [{**fields, 'input': value} for value in values]
    # One more than allowed is rejected without parsing the rest.
    return [_parse_batch_item(ctx, item)
            for item in items[:batches.MAX_EXECUTIONS + 1]]


def _parse_batch_item(ctx: context.RequestContext, item: typing.Any
                      ) -> batches.Request:
    try:
        if not isinstance(item, dict):
            raise exception.Invalid('An execution must be an object.')
        values = types.get_fields(parse_values(item, ExecutionCreate))
        if values.get('sync'):
            raise exception.Invalid(
                'An execution of a batch cannot be synchronous; omit sync.')
        return execution_requests.create(ctx, {**values, 'sync': False})
    except exception.QinlingError as e:
        return e
    except wsme.exc.ClientSideError as e:
        return exception.Invalid(e.faultstring)


def _batch_item(result: batches.Result) -> types.View:
    if isinstance(result, exception.QinlingError):
        return types.View(id=wsme.Unset, status=wsme.Unset, error=types.View(
            code=result.http_code, faultstring=str(result)))
    return types.View(id=result.id, status=result.status, error=wsme.Unset)


def parse_rerun_version(value: typing.Any) -> str | int:
    """Return the version of a rerun: a number, or a word of core."""
    if value in (reruns.ORIGINAL, reruns.CURRENT):
        return str(value)
    return types.parse_version(value)


def create_view(row: typing.Any) -> typing.Any:
    """Return an execution with only the positional part of the input."""
    text = inputs.to_show(row.input)
    return row if text is row.input else dataclasses.replace(row, input=text)
