# SPDX-License-Identifier: Apache-2.0
"""Acceptance of an execution, and its hand-over to an engine."""

import collections
import contextlib
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.execution import admission
from qinling.core.execution import executions
from qinling.core.execution import flow_queue
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import idempotency
from qinling.core import quotas
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import ExecutionReason

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: Seconds between two questions to an engine whether it is alive.
PROBE_INTERVAL_SECONDS = 1
#: Unanswered questions after which an engine counts as dead.  One silence
#: may be an engine that reconnects to a bus.
MAX_SILENT_PROBES = 2
#: End of an execution whose engine is lost.
LOST = outcomes.platform_fault(
    'The engine that ran the execution does not answer.',
    ExecutionReason.ENGINE_LOST)


class Dispatch:
    """Accepts executions in one process."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient,
                 limits: quotas.Quotas) -> None:
        self._conf = conf
        self._db = db
        self._engine = engine
        self._quotas = limits
        self.admission = admission.Admission(conf, db)

    def accept(self, new: records.NewExecution,
               request: idempotency.IdempotentRequest | None = None
               ) -> records.ExecutionRow:
        """Write an execution, and run a synchronous one.

        :returns: the row, ended if the execution is synchronous.
        :raises TooManyExecutions, QuotaExceeded, Unavailable: the execution
            was not accepted, and nothing has run.
        """
        thread = (self.admission.thread(new.target) if new.row.sync
                  else contextlib.nullcontext())
        with thread:
            is_written = self._write(new, request)
            if new.row.sync and new.row.is_running:
                return self._run(new, request, is_written)
            notify(self._engine, new)
            return new.row

    def accept_stream(self, new: records.NewExecution,
                      request: idempotency.IdempotentRequest | None = None
                      ) -> str | None:
        """Write a synchronous execution, and start to stream the output.

        The caller occupies a thread of :attr:`admission`.

        :returns: name of the engine, ``None`` if unknown: an engine may have
            the execution, but does not answer.
        :raises TooManyExecutions, QuotaExceeded, Unavailable: the execution
            was not accepted, and nothing has run.
        """
        with self.admission.admit(new.target, sync=True):
            self._insert(new, request, self._quotas.guard_execution(
                new.target))
        self._stop_superseded(new)
        try:
            return self._engine.start_stream(new.message(), new.target)
        except exception.Unavailable as e:
            LOG.warning('Could not hand over execution %s: %s', new.row.id, e)
            if lifecycle.withdraw(self._db, new, request):
                raise
        return None

    def watch(self, row: records.ExecutionRow, timeout: float
              ) -> records.ExecutionRow:
        """Wait for the end of an execution, also if its engine dies.

        :param timeout: seconds allowed for the function.
        :raises ExecutionDeleted: the execution was deleted meanwhile.
        """
        watch = _Watch(self._db, self._engine, row.id)
        return executions.wait_until_ended(self._conf, watch.read, timeout)

    def _write(self, new: records.NewExecution,
               request: idempotency.IdempotentRequest | None) -> bool:
        """Write an execution, unless an engine writes it later.

        Limits and repeated requests depend on the row.

        :returns: whether the row is written.
        """
        limits = self.admission.admit(new.target, new.row.sync)
        with limits:
            guard = self._quotas.guard_execution(new.target)
            if new.row.sync and guard is None and request is None and (
                    limits is admission.NO_LIMITS and new.companion is None
                    and (new.flow is None or not new.flow.may_supersede)
                    and self._engine.writes_rows):
                return False
            self._insert(new, request, guard)
            return True

    def _insert(self, new: records.NewExecution,
                request: idempotency.IdempotentRequest | None,
                guard: quotas.QuotaCheck | None) -> None:
        def insert(tx: session.Connection) -> None:
            if guard is not None:
                guard(tx)
            lifecycle.insert(tx, new, request)
        try:
            # The client learns of a synchronous execution only after its
            # end, so the insert need not survive a power loss.  A guard
            # and a line wait for a lock, which others must not wait for.
            self._db.write(insert, durable=not new.row.sync,
                           batch=guard is None and new.flow is None)
        except crud.DuplicateEntry:
            # When the database dies between commit and answer, the insert
            # runs again and meets its own row; so does the insert after
            # that of an engine, which was silent.
            if not self._exists(new.row.id):
                raise

    def _exists(self, id: str) -> bool:
        return self._db.read(lambda tx: crud.exists(
            tx, _MODEL, _MODEL.id == id))

    def accept_batch(self, batch: list[typing.Any], group_id: str,
                     request: idempotency.IdempotentRequest | None) -> None:
        """Write asynchronous executions in one transaction, and start them.

        :param batch: new executions, and errors of other requests.  An error
            replaces each execution that a limit does not admit.
        """
        with contextlib.ExitStack() as stack:
            for place, new in enumerate(batch):
                if isinstance(new, records.NewExecution):
                    try:
                        stack.enter_context(self.admission.admit(
                            new.target, sync=False))
                    except exception.QinlingError as e:
                        batch[place] = e
            self._insert_batch(batch, group_id, request)
        for new in batch:
            if isinstance(new, records.NewExecution):
                notify(self._engine, new)

    def _insert_batch(self, batch: list[typing.Any], group_id: str,
                      request: idempotency.IdempotentRequest | None) -> None:
        places: dict[str, list[int]] = collections.defaultdict(list)
        for place, new in enumerate(batch):
            if isinstance(new, records.NewExecution):
                places[new.target.project_id].append(place)
        for project_places in places.values():
            # Creates the row that the transaction locks.
            self._quotas.guard_execution(batch[project_places[0]].target)

        def insert(tx: session.Connection) -> list[int]:
            idempotency.reserve(tx, request, group_id)
            flow_queue.lock(tx, [batch[place] for project_places
                                 in places.values()
                                 for place in project_places])
            rejected = []
            for project_places in places.values():
                allowed = quotas.count_allowed_executions(
                    tx, self._conf, batch[project_places[0]].target,
                    len(project_places))
                for place in project_places[:allowed]:
                    lifecycle.insert(tx, batch[place])
                rejected += project_places[allowed:]
            return rejected
        for place in self._db.write(insert):
            batch[place] = quotas.create_execution_error(
                self._conf, batch[place].target)

    def _run(self, new: records.NewExecution,
             request: idempotency.IdempotentRequest | None,
             is_written: bool) -> records.ExecutionRow:
        self._stop_superseded(new)
        if not is_written:
            try:
                return self._run_unwritten(new)
            except engine_client.RowNeeded:
                self._insert(new, None, None)
        try:
            ended = self._engine.run(new.message(), new.target)
            if ended is not None:
                ended.apply_to(new.row)
                return new.row
            # Another engine owns the execution, or the row was deleted.
        except (exception.Unavailable, engine_client.EngineLost) as e:
            LOG.warning('Could not hand over execution %s: %s', new.row.id, e)
            if lifecycle.withdraw(self._db, new, request):
                raise exception.Unavailable(reason=str(e))
            # An engine owns the execution: the answer may be lost, the row
            # keeps the result.
        return self.watch(new.row, new.target.timeout)

    def _stop_superseded(self, new: records.NewExecution) -> None:
        try:
            engine_client.stop_superseded(self._engine, new)
        except exception.Unavailable as e:
            LOG.warning('Could not stop the executions that execution %s '
                        'replaces: %s', new.row.id, e)

    def _run_unwritten(self, new: records.NewExecution
                       ) -> records.ExecutionRow:
        """Run an execution whose row the engine writes.

        :raises RowNeeded: nothing has started.
        """
        try:
            ended = self._engine.run(new.message(is_written=False),
                                     new.target)
        except exception.Unavailable as e:
            LOG.warning('Could not hand over execution %s: %s', new.row.id, e)
            if (lifecycle.withdraw(self._db, new, None)
                    or not self._exists(new.row.id)):
                raise
            ended = None
        except engine_client.EngineLost as e:
            LOG.warning('Lost the engine of execution %s: %s', new.row.id, e)
            # The first one to write the row decides.
            new.row.attempt = 1
            ended = lifecycle.insert_ended(self._db, new, LOST)
        if ended is None:
            return self.watch(new.row, new.target.timeout)
        ended.apply_to(new.row)
        new.row.attempt = 1
        return new.row


def notify(engine: engine_client.Starter, new: records.NewExecution) -> None:
    """Notify an engine of a stored execution, if one can be reached."""
    try:
        engine_client.hand_over(engine, new)
    except exception.Unavailable as e:
        LOG.warning('Could not notify an engine; the reaper will requeue '
                    'execution %s: %s', new.row.id, e)


class _Watch:
    """Watch over an execution and over the engine that owns the execution."""

    def __init__(self, db: session.Database,
                 engine: engine_client.EngineClient, id: str) -> None:
        self._db = db
        self._engine = engine
        self._id = id
        self._next_probe = 0.0
        self._silences = 0

    def read(self) -> records.ExecutionRow:
        """Return the row, after ending the row of a dead engine."""
        row = self._read()
        if row.is_running and row.owner and self._is_dead(row.owner):
            lifecycle.finish(
                self._db, self._id,
                LOST if row.flow_key is None else LOST.leave_line(),
                _MODEL.owner == row.owner)
            row = self._read()
        return row

    def _read(self) -> records.ExecutionRow:
        row = self._db.read(
            lambda tx: lifecycle.read(tx, context.admin(), self._id))
        if row is None:
            raise exception.ExecutionDeleted(id=self._id)
        return row

    def _is_dead(self, owner: str) -> bool:
        if time.monotonic() < self._next_probe:
            return False
        # ``None`` is no silence: the bus itself may be down.
        is_silent = self._engine.is_alive(owner) is False
        self._silences = self._silences + 1 if is_silent else 0
        self._next_probe = time.monotonic() + PROBE_INTERVAL_SECONDS
        return self._silences >= MAX_SILENT_PROBES
