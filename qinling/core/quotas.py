# SPDX-License-Identifier: Apache-2.0
"""Quotas: limits on the resources of a project.

The usage is counted in the tables, so no counter can drift.  A request for a
limited resource locks the row of the project in ``quotas`` until the end of
the transaction, so two requests never take the last place.
"""

from collections.abc import Callable
from collections.abc import Mapping
import functools
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import targets
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception
from qinling import states

_MODEL = models.Quota
#: Names of the limited resources.
RESOURCES = models.QUOTAS
EXECUTIONS = 'concurrent_executions'
#: What frees a resource, if not a deletion.
_ADVICE = {EXECUTIONS: 'Try again when an execution has ended'}
UNLIMITED = -1

QuotaCheck = Callable[[session.Connection], None]


class Quotas:
    """Limits and usage of projects."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._defaults = conf.quota
        self._db = db

    def guard(self, project_id: str, **amounts: int) -> QuotaCheck:
        """Prepare the check that a project may have more resources.

        :param amounts: resource -> number of additional resources.
        :returns: a function of a transaction, which raises
            :class:`~qinling.exception.QuotaExceeded`.
        """
        row = self._db.read(_find_row, project_id)
        limits = _limits(self._defaults, row)
        if all(limits[name] == UNLIMITED for name in amounts):
            return _no_limit
        if row is None:
            self._create_row(project_id)
        return functools.partial(
            _check, self._defaults, project_id, amounts)

    def guard_execution(self, target: targets.Target) -> QuotaCheck | None:
        """Prepare the check for another execution of a project.

        :returns: see :meth:`guard`; ``None`` without a limit, at no cost.
        """
        if _execution_limit(self._defaults, target) == UNLIMITED:
            return None
        return self.guard(target.project_id, **{EXECUTIONS: 1})

    def _create_row(self, project_id: str) -> None:
        try:
            self._db.write(lambda tx: crud.insert(
                tx, _MODEL, project_id=project_id))
        except crud.DuplicateEntry:
            # Another request was faster.
            return

    def get(self, ctx: context.RequestContext, project_id: str
            ) -> tuple[dict[str, int], dict[str, int]]:
        """Return limits and usage of a project, resource -> number.

        :raises PolicyForbidden: the caller may not see the project.
        """
        rule = 'quota:get'
        if not ctx.can(rule, {'project_id': project_id}):
            raise exception.PolicyForbidden(rule=rule)
        return self._db.read(lambda tx: (
            _limits(self._defaults, _find_row(tx, project_id)),
            {name: _count_used(tx, project_id, name) for name in RESOURCES}))

    def update(self, project_id: str, limits: Mapping[str, int]) -> None:
        """Set limits of a project; -1 for no limit.

        A limit below the usage deletes nothing, but blocks new resources.

        :raises Invalid: the project id or a limit is not valid.
        """
        validation.project_id(project_id)
        for name, limit in limits.items():
            if limit < UNLIMITED:
                raise exception.Invalid(
                    f'{name} must be at least 0, or -1 for no limit.')
        if not limits:
            raise exception.Invalid(
                'No limit was given; name at least one of: '
                f'{", ".join(RESOURCES)}.')
        self._create_row(project_id)
        self._set(project_id, limits)

    def delete(self, project_id: str) -> None:
        """Restore the default limits of a project.

        The row stays, since another transaction may hold its lock.
        """
        self._set(project_id, dict.fromkeys(RESOURCES))

    def _set(self, project_id: str, limits: Mapping[str, int | None]
             ) -> None:
        self._db.write(lambda tx: crud.update_all(
            tx, _MODEL, limits, _MODEL.project_id == project_id))


def check_execution(tx: session.Connection, conf: cfg.ConfigOpts,
                    target: targets.Target) -> None:
    """Check whether a project may run another execution.

    For triggers in a transaction with earlier statements.

    :raises QuotaExceeded: the limit is reached.
    """
    if _execution_limit(conf.quota, target) != UNLIMITED:
        _check(conf.quota, target.project_id, {EXECUTIONS: 1}, tx)


def create_execution_error(conf: cfg.ConfigOpts, target: targets.Target
                           ) -> exception.QuotaExceeded:
    """Return the error of an execution beyond the limit of its project."""
    limit = _execution_limit(conf.quota, target)
    return exception.QuotaExceeded(
        resource=EXECUTIONS, more=1, used=limit, limit=limit,
        advice=_ADVICE[EXECUTIONS])


def count_allowed_executions(tx: session.Connection, conf: cfg.ConfigOpts,
                             target: targets.Target, number: int) -> int:
    """Return how many of some more executions a project may run.

    The row of the project stays locked until the end of the transaction.
    """
    if _execution_limit(conf.quota, target) == UNLIMITED:
        return number
    row = _find_row(tx, target.project_id, lock=True)
    limit = _limits(conf.quota, row)[EXECUTIONS]
    if limit == UNLIMITED:
        return number
    used = _count_used(tx, target.project_id, EXECUTIONS)
    return max(0, min(number, limit - used))


def _execution_limit(defaults: typing.Any, target: targets.Target) -> int:
    """Return the limit of the executions of a project.

    :raises BudgetExceeded: the budget refuses executions.
    """
    if target.execution_quota == queries.BUDGET_IS_USED_UP:
        raise exception.BudgetExceeded()
    limit: int = (defaults[EXECUTIONS] if target.execution_quota is None
                  else target.execution_quota)
    return limit


def _check(defaults: typing.Any, project_id: str, amounts: dict[str, int],
           tx: session.Connection) -> None:
    limits = _limits(defaults, _find_row(tx, project_id, lock=True))
    for name, amount in amounts.items():
        limit = limits[name]
        if limit == UNLIMITED or amount <= 0:
            continue
        used = _count_used(tx, project_id, name)
        if used + amount <= limit:
            continue
        error = (exception.StorageQuotaExceeded if name == 'storage_bytes'
                 else exception.QuotaExceeded)
        raise error(resource=name, more=amount, used=used, limit=limit,
                    advice=_ADVICE.get(name, 'Delete some'))


def _limits(defaults: typing.Any, row: typing.Any) -> dict[str, int]:
    limits = {name: getattr(row, name, None) for name in RESOURCES}
    return {name: defaults[name] if limit is None else limit
            for name, limit in limits.items()}


def _no_limit(_tx: session.Connection) -> None:
    """Check nothing: the project has no limit."""


def _find_row(tx: session.Connection, project_id: str, lock: bool = False
              ) -> typing.Any:
    return crud.get(tx, context.admin(), _MODEL, lock=lock,
                    project_id=project_id)


def _count_used(tx: session.Connection, project_id: str, name: str) -> int:
    if name == 'storage_bytes':
        return queries.stored_bytes(tx, project_id)
    model, *conditions = _COUNTED[name]
    return crud.count(tx, model, model.project_id == project_id,
                      *conditions)


_RUNNING = states.ExecutionStatus.RUNNING.value
#: resource -> (model, conditions of the counted rows)
_COUNTED: dict[str, tuple[typing.Any, ...]] = {
    'functions': (models.Function,),
    'versions': (models.FunctionVersion,),
    'jobs': (models.Job, models.Job.status.in_(states.LIVE_JOBS)),
    'webhooks': (models.Webhook,),
    'event_sources': (models.EventSource,),
    EXECUTIONS: (models.Execution, models.Execution.status == _RUNNING),
}
