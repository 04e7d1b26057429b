# SPDX-License-Identifier: Apache-2.0
"""Creation of executions, shared by every trigger.

The API, jobs, webhooks, reruns and on-failure calls all build an
:class:`~qinling.core.execution.records.ExecutionRequest`.  A trigger
with admission calls :meth:`Triggers.fire`; a trigger within a transaction
calls :func:`write`, and hands the result to an engine after the commit.  A
new event source is a module in this package.
"""

from collections.abc import Callable
import datetime

from oslo_config import cfg

from qinling import context
from qinling.core import engine_client
from qinling.core.execution import contracts
from qinling.core.execution import dispatch
from qinling.core.execution import executions
from qinling.core.execution import flow_keys
from qinling.core.execution import inputs
from qinling.core.execution import lifecycle
from qinling.core.execution import output_stream
from qinling.core.execution import records
from qinling.core import idempotency
from qinling.core import quotas
from qinling.core import targets
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import SERVING_RUNTIMES


class Triggers:
    """Creates executions in one process."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient,
                 dispatcher: dispatch.Dispatch,
                 existing: executions.Executions) -> None:
        self._options = conf.engine
        self._max_timeout = conf.resource_limits.max_timeout
        self._db = db
        self._engine = engine
        self._dispatch = dispatcher
        self._executions = existing

    def fire(self, ctx: context.RequestContext,
             request: records.ExecutionRequest,
             idempotent: idempotency.IdempotentRequest | None = None,
             companion: records.Companion | None = None
             ) -> records.ExecutionRow:
        """Create an execution and hand it to an engine.

        :param idempotent: key of a request that must not run twice.
        :param companion: row to write in the same transaction.
        :returns: the row, ended if the execution is synchronous.
        :raises InputRefused: the input does not fit the schema.
        :raises RuntimeNotAvailable: the runtime of the function cannot serve.
        :raises TooManyExecutions, QuotaExceeded: a limit is reached.
        :raises Unavailable: no engine can be reached; nothing has run.
        """
        return idempotency.run(
            self._db, idempotent,
            lambda: self._fire(ctx, request, idempotent, companion),
            lambda id: self._executions.wait(ctx, id))

    def open_stream(self, ctx: context.RequestContext,
                    request: records.ExecutionRequest,
                    idempotent: idempotency.IdempotentRequest | None = None,
                    cancels: bool = False,
                    companion: records.Companion | None = None
                    ) -> output_stream.OutputStream:
        """Create a synchronous execution, and return its growing output.

        See :meth:`fire`.  The caller closes the stream.

        :param cancels: closing the stream cancels a running execution.
        """
        def open_stream(row: records.ExecutionRow, timeout: float,
                        start: Callable[[], str | None]
                        ) -> output_stream.OutputStream:
            slot = self._dispatch.admission.thread(row)
            slot.__enter__()
            try:
                owner = start()
            except BaseException:
                slot.__exit__()
                raise
            reader = output_stream.Reader(
                ctx, self._dispatch, self._executions, timeout, cancels)
            return output_stream.OutputStream(
                self._engine, row, owner, reader, slot)

        def create() -> output_stream.OutputStream:
            new = self.prepare(ctx, request, companion)
            return open_stream(
                new.row, new.target.timeout,
                lambda: self._dispatch.accept_stream(new, idempotent))

        def repeat(id: str) -> output_stream.OutputStream:
            row = self._executions.get(ctx, id)
            return open_stream(row, self._max_timeout, lambda: row.owner)
        return idempotency.run(self._db, idempotent, create, repeat)

    def _fire(self, ctx: context.RequestContext,
              request: records.ExecutionRequest,
              idempotent: idempotency.IdempotentRequest | None,
              companion: records.Companion | None) -> records.ExecutionRow:
        return self._dispatch.accept(
            self.prepare(ctx, request, companion), idempotent)

    def prepare(self, ctx: context.RequestContext,
                request: records.ExecutionRequest,
                companion: records.Companion | None = None
                ) -> records.NewExecution:
        """Return an execution that is not written yet.

        :raises NotFound, RuntimeNotAvailable, Invalid: see :meth:`fire`.
        """
        id = models.new_id()
        target = self._db.read(resolve, ctx.visible_scope(), request, id)
        if (target.runtime_id is not None
                and target.runtime_status not in SERVING_RUNTIMES):
            raise exception.RuntimeNotAvailable(
                id=target.runtime_id, status=target.runtime_status)
        # An engine in this process starts at once: writing its claim with
        # the row saves the second write.
        owner = self._engine.owner if request.sync else None
        row = new_row(request, target, id,
                      self._options.lease if owner
                      else self._options.queue_timeout)
        if target.schema_digest is not None:
            contracts.check_input(self._db, target, row.input)
        if owner:
            row.owner, row.attempt = owner, 1
        return records.NewExecution(
            row, target, ctx.trace_context(), companion,
            flow_keys.create_flow(request, target, row))


def resolve(tx: session.Connection, ctx: context.RequestContext,
            request: records.ExecutionRequest, id: str) -> targets.Target:
    """Return the target that a request refers to at this moment."""
    alias = request.function_alias
    return targets.resolve(
        tx, ctx, request.function_id, request.function_version
        if alias is None else request.chosen_version, alias,
        request.routing_key or id)


def new_row(request: records.ExecutionRequest, target: targets.Target,
            id: str, lease_seconds: float) -> records.ExecutionRow:
    """Return a new, unclaimed execution row.

    Any engine may claim the row after the lease.
    """
    now = models.now()
    return records.ExecutionRow(
        id=id, project_id=target.project_id, function_id=target.function_id,
        function_version=target.version, function_alias=target.alias,
        created_at=now, description=request.description, sync=request.sync,
        input=inputs.normalise(request.input), job_id=request.job_id,
        scheduled_at=request.scheduled_at, rerun_of=request.rerun_of,
        failed_id=request.failed_id, trigger=request.trigger,
        group_id=request.group_id, memory_size=target.memory_size,
        version_chosen=True if request.chosen_version else None,
        digest=target.digest, secrets=target.secret_numbers,
        lease_until=now + datetime.timedelta(seconds=lease_seconds))


def write(tx: session.Connection, conf: cfg.ConfigOpts, project_id: str,
          request: records.ExecutionRequest,
          start: datetime.datetime | None = None,
          target: targets.Target | None = None) -> records.NewExecution:
    """Write an asynchronous execution of a project within a transaction.

    The caller hands the result to an engine after the commit; if the process
    dies before, the reaper of any engine finds the row.

    :param start: time at which the reaper starts the execution, if that is
        to come; the caller then hands nothing to an engine.
    :param target: target of an earlier request of the same transaction.
    :raises NotFound: the project has no such function, version or alias.
    :raises QuotaExceeded: the project has no execution left.
    :raises InputRefused: the input does not fit the schema of the function.
    """
    id = models.new_id()
    if target is None:
        target = resolve(tx, context.project_owner(project_id), request, id)
    quotas.check_execution(tx, conf, target)
    row = new_row(request, target, id, conf.engine.queue_timeout)
    new = records.NewExecution(row, target, flow=flow_keys.create_flow(
        request, target, row))
    if target.schema_digest is not None:
        contracts.check_input_within(tx, target, new.row.input)
    if start is not None and start > new.row.created_at:
        new.row.lease_until = new.row.next_attempt_at = start
    lifecycle.insert(tx, new)
    return new
