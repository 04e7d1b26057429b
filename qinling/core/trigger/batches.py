# SPDX-License-Identifier: Apache-2.0
"""Batches: many asynchronous executions of one request."""

from collections.abc import Sequence
import dataclasses
import typing

from qinling import context
from qinling.core.execution import dispatch
from qinling.core.execution import executions
from qinling.core.execution import records
from qinling.core import idempotency
from qinling.core.trigger import base
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

MAX_EXECUTIONS = 1000
#: The place of an execution in its batch, in microseconds after a whole
#: millisecond of its creation.
_PLACES = 1000

Request = records.ExecutionRequest | exception.QinlingError
Result = records.ExecutionRow | exception.QinlingError


@dataclasses.dataclass(frozen=True)
class Batch:
    """Result of a batch: a row or an error for each request, in order."""

    group_id: str
    results: Sequence[Result]


class Batches:
    """Creates batches in one process."""

    def __init__(self, db: session.Database, triggers: base.Triggers,
                 dispatcher: dispatch.Dispatch,
                 existing: executions.Executions) -> None:
        self._db = db
        self._triggers = triggers
        self._dispatch = dispatcher
        self._executions = existing

    def create(self, ctx: context.RequestContext,
               requests: Sequence[Request],
               idempotent: idempotency.IdempotentRequest | None = None
               ) -> Batch:
        """Create the executions of a batch.

        One transaction writes all executions that can run; the others have
        an error in the result.

        :param requests: requests, and errors of requests that are not valid.
        :param idempotent: key of a request that must not run twice.
        :raises Invalid: the batch is empty or too long.
        :raises Unavailable: the database does not answer.
        """
        if not 0 < len(requests) <= MAX_EXECUTIONS:
            raise exception.Invalid(
                f'A batch must have 1 to {MAX_EXECUTIONS} executions.')
        return idempotency.run(
            self._db, idempotent,
            lambda: self._create(ctx, requests, idempotent),
            lambda id: self._repeat(ctx, id, len(requests)))

    def _create(self, ctx: context.RequestContext,
                requests: Sequence[Request],
                idempotent: idempotency.IdempotentRequest | None) -> Batch:
        group_id = models.new_id()
        now = models.now()
        results: list[typing.Any] = []
        for place, request in enumerate(requests):
            created_at = now.replace(microsecond=(
                now.microsecond // _PLACES * _PLACES + place))
            results.append(self._prepare(ctx, request, group_id, created_at))
        self._dispatch.accept_batch(results, group_id, idempotent)
        return Batch(group_id, [
            result.row if isinstance(result, records.NewExecution)
            else result for result in results])

    def _prepare(self, ctx: context.RequestContext, request: Request,
                 group_id: str, created_at: typing.Any
                 ) -> records.NewExecution | exception.QinlingError:
        if isinstance(request, exception.QinlingError):
            return request
        try:
            new = self._triggers.prepare(
                ctx, dataclasses.replace(request, group_id=group_id))
        except exception.QinlingError as e:
            return e
        new.row.created_at = created_at
        return new

    def _repeat(self, ctx: context.RequestContext, group_id: str,
                count: int) -> Batch:
        """Return the executions that an earlier request created."""
        rows = self._executions.list(ctx, [('group_id', group_id)],
                                     crud.Page(limit=MAX_EXECUTIONS))
        by_place = {row.created_at.microsecond % _PLACES: row
                    for row in rows}
        return Batch(group_id, [
            by_place.get(place) or exception.NotRunByFirstRequest()
            for place in range(count)])
