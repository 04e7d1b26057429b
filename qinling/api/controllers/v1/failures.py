# SPDX-License-Identifier: Apache-2.0
"""Groups of failed executions: ``/v1/failures``."""

from collections.abc import Callable
from collections.abc import Mapping
import datetime
import typing

import wsme

from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core.execution import failures
from qinling.core import services as services_module

LIST_PATH = '/v1/failures'
ITEM_PATH = LIST_PATH + '/{fingerprint}'
SORTABLE = ('created_at', 'updated_at', 'id', 'last_seen_at', 'count')
#: Query key -> converter; the values have the form ``[operator:]value``.
FILTERS: Mapping[str, Callable[[str], typing.Any]] = {
    'function_id': types.Several(types.normalise_uuid),
    **{name: types.Several(str) for name in (
        'reason', 'exception_type', 'created_at', 'last_seen_at', 'count')}}


class Frame(types.Type):
    """Place in the code of a function."""

    file = types.Text
    line = int
    function = types.Text


class Failure(types.Resource):
    """Failed executions of a function with the same cause.

    ``id`` is the fingerprint; message and frames are those of one execution.
    """

    function_id = wsme.wsattr(types.Text, readonly=True)
    function_versions = wsme.wsattr([int], readonly=True)
    reason = wsme.wsattr(types.Text, readonly=True)
    exception_type = wsme.wsattr(types.Text, readonly=True)
    message = wsme.wsattr(types.Text, readonly=True)
    frames = wsme.wsattr([Frame], readonly=True)
    count = wsme.wsattr(int, readonly=True)
    last_seen_at = wsme.wsattr(datetime.datetime, readonly=True)
    last_execution_id = wsme.wsattr(types.Text, readonly=True)


class Failures(listing.Collection):
    """List of groups."""

    failures = [Failure]


class Controller:
    """Operations on groups of failed executions."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.failures

    @route('GET', LIST_PATH, policy='failure:get_all', result=Failures,
           query=dict(listing.OWNED, marker=str,
                      function_version=types.parse_version, **FILTERS))
    def get_all(self, req: pecan_patches.Request,
                function_version: int | None = None, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'failure', SORTABLE, query)
        rows = self._core.list(ctx, filters, function_version, page)
        return listing.create_list(
            req, 'failures', [_view(row) for row in rows], page)

    @route('GET', ITEM_PATH, policy='failure:get', result=Failure)
    def get(self, req: pecan_patches.Request, fingerprint: str
            ) -> types.View:
        return _view(self._core.get(req.ctx, fingerprint))


def _view(row: typing.Any) -> types.View:
    return types.View(
        row, function_versions=failures.read_versions(row),
        frames=[types.View(**frame) for frame in row.frames])
