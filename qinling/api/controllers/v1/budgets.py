# SPDX-License-Identifier: Apache-2.0
"""Budgets of projects: ``/v1/budgets``."""

import typing
import urllib.parse

import wsme

from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module
from qinling.states import BudgetLevel

LIST_PATH = '/v1/budgets'
ITEM_PATH = LIST_PATH + '/{project_id}'


class Budget(types.Type):
    """Budget of a project for each month."""

    project_id = wsme.wsattr(types.Text, readonly=True)
    amount = float
    currency = wsme.wsattr(types.Text, readonly=True)
    warn_at = float
    warning_url = types.Text
    on_exceeded = types.Text
    month = wsme.wsattr(types.Text, readonly=True)
    spent = wsme.wsattr(float, readonly=True)
    level = wsme.wsattr(types.Text, readonly=True)


class Controller:
    """Operations on budgets."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.budgets
        self._options = services.conf.cost

    @route('GET', LIST_PATH, policy='budget:get', result=Budget)
    def get_own(self, req: pecan_patches.Request) -> types.View:
        return self._view(self._core.get(req.ctx, req.ctx.project_id))

    @route('GET', ITEM_PATH, policy='budget:get', result=Budget)
    def get(self, req: pecan_patches.Request, project_id: str
            ) -> types.View:
        return self._view(self._core.get(req.ctx, project_id))

    @route('PUT', ITEM_PATH, policy='budget:update', result=Budget,
           body=Budget)
    def update(self, req: pecan_patches.Request, project_id: str,
               body: Budget) -> types.View:
        return self._view(self._core.set(
            req.ctx, project_id, types.get_fields(body)))

    @route('DELETE', ITEM_PATH, policy='budget:delete', status=204)
    def delete(self, _req: pecan_patches.Request, project_id: str) -> None:
        self._core.delete(project_id)

    def _view(self, row: typing.Any) -> types.View:
        return types.View(
            project_id=row.project_id, amount=row.amount,
            currency=self._options.currency, warn_at=row.warn_at,
            warning_url=_mask_url(row.warning_url),
            on_exceeded=row.on_exceeded, month=row.month,
            spent=round(row.spent, 6),
            level=BudgetLevel(row.level).name.lower())


def _mask_url(text: str | None) -> str | None:
    """Return a URL without the parts that may contain secrets."""
    if text is None:
        return None
    url = urllib.parse.urlsplit(text)
    return f'{url.scheme}://{url.hostname}/***'
