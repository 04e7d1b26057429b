# SPDX-License-Identifier: Apache-2.0
"""Budgets: what the executions of a project may cost in a month.

The cost is computed from the statistics, so no counter can drift.  Engines
compare it with the budget at intervals; the query of a target reads the level.
"""

from collections.abc import Mapping
import datetime
import math
import typing
import urllib.parse

from oslo_config import cfg

from qinling import context
from qinling.core.execution import pricing
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.db import statistics_queries
from qinling import exception
from qinling import states
from qinling.states import BudgetLevel

_MODEL = models.Budget
DEFAULT_WARN_AT = 0.8
#: Budgets of one turn of an engine.
MAX_BUDGETS = 1000

_Values = Mapping[str, typing.Any]


class Budgets:
    """Operations on the budgets of projects."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._conf = conf
        self._db = db

    def get(self, ctx: context.RequestContext, project_id: str
            ) -> typing.Any:
        """Return the budget of a project.

        :raises PolicyForbidden: the caller may not see the project.
        :raises BudgetNotFound: the project has no budget.
        """
        rule = 'budget:get'
        if not ctx.can(rule, {'project_id': project_id}):
            raise exception.PolicyForbidden(rule=rule)
        row = self._db.read(_find, project_id)
        if row is None:
            raise exception.BudgetNotFound(id=project_id)
        return row

    def set(self, ctx: context.RequestContext, project_id: str,
            values: _Values) -> typing.Any:
        """Create or change the budget of a project.

        The new budget applies at once.

        :param values: ``amount``, needed by a new budget; optional
            ``warn_at``, ``warning_url`` (empty for none) and
            ``on_exceeded``.
        :raises Invalid: a value is not valid, or executions have no price.
        """
        if not pricing.read_prices(self._conf):
            raise exception.Invalid(
                'Executions have no price, so a budget would never be used; '
                'set gb_second_price or million_executions_price in the group '
                'cost of the configuration.')
        _validate(project_id, values)
        if values.get('warning_url') == '':
            values = {**values, 'warning_url': None}
        try:
            self._db.write(lambda tx: self._write(tx, project_id, values))
        except crud.DuplicateEntry:
            # Another request has created the budget meanwhile.
            self._db.write(lambda tx: self._write(tx, project_id, values))
        return self.get(ctx, project_id)

    def _write(self, tx: session.Connection, project_id: str,
               values: _Values) -> None:
        row = _find(tx, project_id, lock=True)
        if row is not None:
            crud.update_all(tx, _MODEL, values,
                            _MODEL.project_id == project_id)
        elif values.get('amount') is None:
            raise exception.Invalid('A new budget needs an amount.')
        else:
            crud.insert(tx, _MODEL, project_id=project_id, **{
                'warn_at': DEFAULT_WARN_AT, 'warning_url': None,
                'on_exceeded': states.OnExceeded.WARN.value, **values})
        refresh(tx, self._conf, project_id)

    def delete(self, project_id: str) -> None:
        """Delete the budget of a project; its executions run again.

        :raises BudgetNotFound: the project has no budget.
        """
        if not self._db.write(lambda tx: crud.delete_all(
                tx, _MODEL, _MODEL.project_id == project_id)):
            raise exception.BudgetNotFound(id=project_id)


def refresh(tx: session.Connection, conf: cfg.ConfigOpts, project_id: str
            ) -> None:
    """Compare the cost of the present month with the budget of a project."""
    row = _find(tx, project_id, lock=True)
    if row is None:
        return
    start = models.now().replace(day=1, hour=0, minute=0, second=0,
                                 microsecond=0)
    spent = _read_cost(tx, conf, project_id, start)
    level = BudgetLevel.OK
    if spent >= row.amount:
        level = BudgetLevel.EXCEEDED
    elif spent >= row.warn_at * row.amount:
        level = BudgetLevel.WARNING
    month = start.strftime('%Y-%m')
    # A level that was left is reported when it is reached again.
    reported = min(row.reported_level, level) if row.month == month else 0
    crud.update_all(
        tx, _MODEL, {'month': month, 'spent': spent, 'level': level.value,
                     'reported_level': int(reported)},
        _MODEL.project_id == project_id)


def _read_cost(tx: session.Connection, conf: cfg.ConfigOpts, project_id: str,
               start: datetime.datetime) -> float:
    count, gb_seconds = statistics_queries.sum_costs(tx, project_id, start)
    return pricing.read_prices(conf).cost(count, gb_seconds)


def refresh_all(conf: cfg.ConfigOpts, db: session.Database) -> None:
    """Compare all budgets, each in a transaction of its own."""
    for row in db.read(crud.select, _MODEL, limit=MAX_BUDGETS,
                       order=(_MODEL.updated_at,)):
        db.write(lambda tx: refresh(tx, conf, row.project_id))


def unreported(db: session.Database) -> list[typing.Any]:
    """Return the budgets with a level that was not reported."""
    return list(db.read(crud.select, _MODEL,
                        _MODEL.level > _MODEL.reported_level,
                        limit=MAX_BUDGETS))


def mark_reported(db: session.Database, row: typing.Any) -> None:
    """Note that the level of a budget was reported."""
    db.write(lambda tx: crud.update_all(
        tx, _MODEL, {'reported_level': row.level},
        _MODEL.project_id == row.project_id, _MODEL.month == row.month,
        _MODEL.reported_level < row.level))


def _find(tx: session.Connection, project_id: str, lock: bool = False
          ) -> typing.Any:
    return crud.get(tx, context.admin(), _MODEL, lock=lock,
                    project_id=project_id)


def _validate(project_id: str, values: _Values) -> None:
    validation.project_id(project_id)
    amount = values.get('amount', 1)
    if not (amount > 0 and math.isfinite(amount)):
        raise exception.Invalid('amount must be greater than 0.')
    if not 0 < values.get('warn_at', DEFAULT_WARN_AT) <= 1:
        raise exception.Invalid(
            'warn_at must be greater than 0 and at most 1.')
    choices = [choice.value for choice in states.OnExceeded]
    if values.get('on_exceeded', choices[0]) not in choices:
        raise exception.Invalid(
            f'on_exceeded must be one of: {", ".join(choices)}.')
    if values.get('warning_url'):
        _validate_url(values['warning_url'])


def _validate_url(text: str) -> None:
    validation.text('warning_url', text)
    try:
        url = urllib.parse.urlsplit(text)
        is_valid = url.scheme in ('http', 'https') and bool(url.hostname)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise exception.Invalid(
            'warning_url must be an http or https URL with a host.')
