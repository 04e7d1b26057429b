# SPDX-License-Identifier: Apache-2.0
"""Operations as the API sees them."""

from collections.abc import Mapping
import datetime
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import collection
from qinling.core import idempotency
from qinling.core.operation import plans
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import states
from qinling.states import OperationStatus


class Operations(collection.Collection):
    """Operations on many executions of a project."""

    model = models.Operation
    not_found = exception.OperationNotFound

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        super().__init__(db)
        self._options = conf.resource_limits

    def count(self, ctx: context.RequestContext,
              values: Mapping[str, typing.Any]) -> int:
        """Return the number of executions that an operation would meet.

        :param values: see :meth:`create`.
        :raises Invalid, PolicyForbidden: see :meth:`create`.
        """
        plan = _authorise(ctx, values)
        return self._db.read(
            lambda tx: plans.count(tx, ctx.project_id, plan))

    def create(self, ctx: context.RequestContext,
               values: Mapping[str, typing.Any],
               idempotent: idempotency.IdempotentRequest | None = None
               ) -> typing.Any:
        """Create an operation, on which the engines work.

        :param values: ``action`` and ``filter``, or ``all``; optional
            ``rate`` and ``function_version``.
        :param idempotent: key of a request that must not run twice.
        :raises Invalid: a field is not valid.
        :raises PolicyForbidden: the caller may not do the action.
        :raises OperationLimit: too many operations have not ended.
        """
        plan = _authorise(ctx, values)
        return idempotency.run(
            self._db, idempotent,
            lambda: self.insert(ctx, plan, idempotent=idempotent),
            lambda id: self.get(ctx, id))

    def insert(self, ctx: context.RequestContext,
               plan: Mapping[str, typing.Any], last: int | None = None,
               idempotent: idempotency.IdempotentRequest | None = None
               ) -> typing.Any:
        """Write the operation of a valid plan.

        :param last: meet only so many executions, the last ones.
        """
        total, columns = self._db.read(
            lambda tx: plans.measure(tx, ctx.project_id, plan, last))
        limit = self._options.max_operations
        id = models.new_id()

        def insert(tx: session.Connection) -> None:
            idempotency.reserve(tx, idempotent, id)
            live = crud.count(
                tx, self.model, self.model.project_id == ctx.project_id,
                self.model.status.in_(states.LIVE_OPERATIONS))
            if live >= limit:
                raise exception.OperationLimit(limit=limit)
            crud.insert(tx, self.model, id=id, project_id=ctx.project_id,
                        user_id=ctx.user_id, total=total, skip_reasons={},
                        status=OperationStatus.RUNNING.value, **plan,
                        **columns)
        self._db.write(insert)
        return self.get(ctx, id)

    def pause(self, ctx: context.RequestContext, id: str) -> typing.Any:
        """Stop after the batch that an engine works at."""
        return self._change(ctx, id, OperationStatus.PAUSED, 'paused')

    def resume(self, ctx: context.RequestContext, id: str) -> typing.Any:
        """Continue behind the last execution met."""
        return self._change(ctx, id, OperationStatus.RUNNING, 'resumed')

    def cancel(self, ctx: context.RequestContext, id: str) -> typing.Any:
        """End an operation; the remaining executions stay as they are."""
        return self._change(ctx, id, OperationStatus.CANCELLED, 'cancelled')

    def _change(self, ctx: context.RequestContext, id: str,
                status: OperationStatus, verb: str) -> typing.Any:
        """Write the decision of a user.

        :raises Conflict: the operation is not in a status for the decision.
        """
        def change(tx: session.Connection) -> None:
            row = self._find(tx, ctx, id, lock=True)
            if not crud.change_status(
                    tx, self.model, id, status.value, owner=None,
                    lease_until=None, ready_at=models.now(),
                    status_reason=f'A user {verb} the operation.'):
                raise exception.Conflict(
                    reason=f'operation {id} is {row.status}.')
        self._db.write(change)
        return self.get(ctx, id)


def purge(db: session.Database, before: datetime.datetime, limit: int) -> int:
    """Delete operations that ended before a time.

    :param limit: most rows of the one transaction.
    :returns: the number of rows deleted.
    """
    model = models.Operation
    old = (model.status.not_in(states.LIVE_OPERATIONS),
           model.updated_at < before)
    ids = [row.id for row in db.read(lambda tx: crud.select(
        tx, model, *old, limit=limit, only=(model.id,)))]
    if not ids:
        return 0
    return db.write(lambda tx: crud.delete_all(
        tx, model, model.id.in_(ids), *old))


def _authorise(ctx: context.RequestContext,
               values: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the plan of a caller who may do the action to one execution."""
    plan = plans.validate(values)
    rule = f'execution:{plan["action"]}'
    if not ctx.can(rule):
        raise exception.PolicyForbidden(rule=rule)
    return plan
