# SPDX-License-Identifier: Apache-2.0
"""Operations on many executions: ``/v1/operations``."""

from collections.abc import Callable
from collections.abc import Mapping
import typing

import webob
import wsme

from qinling.api.controllers.v1 import executions
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module
from qinling import exception
from qinling import printable
from qinling import suggestions

LIST_PATH = '/v1/operations'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'status')
#: Values of one filter, and characters of all filters.
MAX_VALUES, MAX_FILTER_LENGTH = 100, 10_000


class Operation(types.Resource):
    """Action on all executions that a filter selects.

    ``function_alias``, ``ignore``, ``network`` and ``different`` belong to
    replays.
    """

    action = types.Text
    filter = types.AnyJson()
    function_version = types.AnyJson()
    rate = float
    function_alias = wsme.wsattr(types.Text, readonly=True)
    ignore = wsme.wsattr(types.AnyJson(), readonly=True)
    network = wsme.wsattr(bool, readonly=True)
    user_id = wsme.wsattr(types.Text, readonly=True)
    status = wsme.wsattr(types.Text, readonly=True)
    status_reason = wsme.wsattr(types.Text, readonly=True)
    total = wsme.wsattr(int, readonly=True)
    done = wsme.wsattr(int, readonly=True)
    skipped = wsme.wsattr(int, readonly=True)
    different = wsme.wsattr(int, readonly=True)
    skip_reasons = wsme.wsattr(types.AnyJson(), readonly=True)


class OperationCreate(Operation):
    """Request for an operation, or with ``dry_run`` for its total."""

    all = bool
    dry_run = bool


class OperationCount(types.Type):
    """Answer to a dry run."""

    total = int


class Operations(listing.Collection):
    """List of operations."""

    operations = [Operation]


class Controller:
    """Operations on operations."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.operations

    @route('POST', LIST_PATH, policy='operation:create', result=Operation,
           status=202, body=OperationCreate, idempotent=True,
           dry_run=OperationCount)
    def create(self, req: pecan_patches.Request, body: OperationCreate
               ) -> typing.Any:
        values = _parse_request(types.get_fields(body))
        if values.get('dry_run'):
            return _answer_count(self._core.count(req.ctx, values))
        return self._core.create(req.ctx, values, req.idempotent)

    @route('GET', LIST_PATH, policy='operation:get_all', result=Operations,
           query=dict(listing.OWNED, **listing.STATUS,
                      action=types.Several(str)))
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'operation', SORTABLE, query)
        rows = self._core.list(ctx, filters, page)
        return listing.create_list(req, 'operations', rows, page)

    @route('GET', ITEM_PATH, policy='operation:get', result=Operation)
    def get(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._core.get(req.ctx, id)

    @route('POST', ITEM_PATH + '/pause', policy='operation:update',
           result=Operation)
    def pause(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._core.pause(req.ctx, id)

    @route('POST', ITEM_PATH + '/resume', policy='operation:update',
           result=Operation)
    def resume(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._core.resume(req.ctx, id)

    @route('POST', ITEM_PATH + '/cancel', policy='operation:update',
           result=Operation)
    def cancel(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._core.cancel(req.ctx, id)


def _parse_request(values: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the fields for core.

    :raises Invalid: a field is not valid.
    """
    if 'filter' in values:
        values['filter'] = parse_filter(values['filter'])
    if 'function_version' in values:
        values['function_version'] = executions.parse_rerun_version(
            values['function_version'])
    return values


def parse_filter(selection: typing.Any,
                 allowed: Mapping[str, Callable[[str], typing.Any]]
                 = executions.FILTERS) -> dict[str, list[str]]:
    """Return a list of texts for each filter of a list.

    :param allowed: filters of the list, by default of executions.

    :raises Invalid: a filter is unknown, or has no text.
    """
    if not isinstance(selection, dict):
        raise exception.Invalid(
            'filter must be an object, such as {"status": "failed"}.')
    result = {}
    for name, value in selection.items():
        if name not in allowed:
            hint = suggestions.suggest(allowed, name[:64])
            raise exception.Invalid(
                f'Unknown filter: "{printable.shorten(name, 64)}".{hint} '
                f'Allowed: {", ".join(sorted(allowed))}.')
        texts = value if isinstance(value, list) else [value]
        result[name] = [allowed[name](_parse_text(name, text))
                        for text in texts]
    texts = [text for texts in result.values() for text in texts]
    if len(texts) > MAX_VALUES or (
            sum(map(len, texts)) > MAX_FILTER_LENGTH):
        raise exception.Invalid(
            f'The filter is too long; it may have {MAX_VALUES} conditions '
            f'and {MAX_FILTER_LENGTH} characters.')
    return {name: texts for name, texts in result.items() if texts}


def _parse_text(name: str, value: typing.Any) -> str:
    """Return the text of one condition, as in the query of a list."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str) or '\0' in value:
        raise exception.Invalid(
            f'The filter {name} must be text, such as "failed" or '
            '"gte:2026-01-31T12:00:00", or a list of such texts.')
    return value


def _answer_count(total: int) -> webob.Response:
    return webob.Response(
        pecan_patches.encode(OperationCount, types.View(total=total)),
        content_type='application/json')
