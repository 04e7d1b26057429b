# SPDX-License-Identifier: Apache-2.0
"""Quotas: ``/v1/quotas``."""

import typing

from wsme import types as wtypes

from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module
from qinling import exception

LIST_PATH = '/v1/quotas'
ITEM_PATH = LIST_PATH + '/{project_id}'
#: Amounts have to fit a signed column of 64 bits.
MAX_AMOUNT = 2 ** 63


class Amount(wtypes.UserType):  # type: ignore[misc]
    """Integer of 64 bits, for bytes of a storage."""

    basetype = object
    name = 'integer'
    schema: types.Schema = {'type': 'integer', 'minimum': 1 - MAX_AMOUNT,
                            'maximum': MAX_AMOUNT - 1}

    @staticmethod
    def validate(value: typing.Any) -> int:
        """Return the integer.

        :raises Invalid: the value is no integer, or does not fit 64 bits.
        """
        if (isinstance(value, bool) or not isinstance(value, int)
                or abs(value) >= MAX_AMOUNT):
            raise exception.Invalid(f'{value!r} is not a whole number.')
        return value

    frombasetype = validate


class Amounts(types.Type):
    """Limits or usage by resource."""

    functions = Amount()
    versions = Amount()
    storage_bytes = Amount()
    jobs = Amount()
    webhooks = Amount()
    event_sources = Amount()
    concurrent_executions = Amount()


class Quota(types.Type):
    """Limits of a project, -1 for no limit, and usage."""

    project_id = types.Text
    limits = Amounts
    usage = Amounts


class Controller:
    """Operations on quotas."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.quotas

    @route('GET', LIST_PATH, policy='quota:get', result=Quota)
    def get_own(self, req: pecan_patches.Request) -> Quota:
        return self._quota(req, req.ctx.project_id)

    @route('GET', ITEM_PATH, policy='quota:get', result=Quota)
    def get(self, req: pecan_patches.Request, project_id: str) -> Quota:
        return self._quota(req, project_id)

    @route('PUT', ITEM_PATH, policy='quota:update', result=Quota,
           body=Amounts)
    def update(self, req: pecan_patches.Request, project_id: str,
               body: Amounts) -> Quota:
        self._core.update(project_id, types.get_fields(body))
        return self._quota(req, project_id)

    def _quota(self, req: pecan_patches.Request, project_id: str) -> Quota:
        limits, usage = self._core.get(req.ctx, project_id)
        return Quota(project_id=project_id, limits=Amounts(**limits),
                     usage=Amounts(**usage))

    @route('DELETE', ITEM_PATH, policy='quota:delete', status=204)
    def delete(self, _req: pecan_patches.Request, project_id: str) -> None:
        self._core.delete(project_id)
