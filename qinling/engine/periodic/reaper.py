# SPDX-License-Identifier: Apache-2.0
"""Recovery of executions with an expired lease.

No engine ever claimed such an execution, since the message was lost or met a
full queue, or the claiming engine died.  An asynchronous execution starts
again; a synchronous execution ends, since no client waits.
"""

from collections.abc import Iterable
import datetime
import functools
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core.execution import flow_queue
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.execution import releases
from qinling.core.operation import replays
from qinling.core import targets
from qinling.db import crud
from qinling.db import execution_scans
from qinling.db import models
from qinling.db import periodic_queries
from qinling.db import session
from qinling.engine.run import completion as completion_module
from qinling import exception
from qinling.states import ExecutionReason
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: Rows of one sweep, so that engines share a large backlog.
MAX_BATCH_ROWS = 100
#: Part of the memory for queued executions that the inputs of a batch fill.
BATCH_RATIO = 4
#: Executions of this engine above which the backlog stays for others.
MAX_LOCAL_EXECUTIONS = 300
DIED = 'The engine that ran the execution died or was stopped.'
NO_ENGINE = 'No engine took the execution in time.'


class LocalExecutions(typing.Protocol):
    """Executions that an engine has queued or claimed."""

    def local_ids(self) -> Iterable[str]:
        """Return the ids of the executions."""

    def count_free_bytes(self) -> int:
        """Return the free memory for queued executions."""


class Reaper:
    """Sweeps for one engine."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 owner: str, completion: completion_module.Completion,
                 local: LocalExecutions) -> None:
        self._conf = conf
        self._db = db
        self._owner = owner
        self._completion = completion
        self._local = local
        self._batch_bytes = (conf.engine.queue_size << 20) // BATCH_RATIO
        #: Time of the next sweep, of ``time.monotonic()``.
        self._next_sweep = 0.0
        #: Whether the last sweep left overdue executions.
        self._is_behind = False

    def pause(self) -> None:
        """Sweep nothing until living engines have renewed their leases.

        The database was away, perhaps for longer than a lease.
        """
        self._next_sweep = time.monotonic() + self._conf.engine.lease / 3 + 1

    def release(self, ids: list[str]) -> None:
        """Let other engines claim executions that were queued here.

        Without the database, they wait for the end of their leases.
        """
        try:
            for start in range(0, len(ids), MAX_BATCH_ROWS):
                releases.release_queued(
                    self._db, ids[start:start + MAX_BATCH_ROWS])
        except exception.Unavailable as e:
            LOG.warning('Could not release queued executions before their '
                        'leases end: %s', e)

    def _lease_until(self) -> datetime.datetime:
        return models.now() + datetime.timedelta(
            seconds=self._conf.engine.lease)

    def run(self) -> bool:
        """Sweep; return whether a backlog is left that this engine can take.
        """
        if self._is_behind and not self._count_room():
            return True
        self.sweep()
        return self._is_behind

    def sweep(self) -> int:
        """Recover overdue executions, a bounded number.

        :returns: the number of rows recovered.
        """
        if time.monotonic() < self._next_sweep:
            return 0
        now = models.now()
        rows, self._is_behind = (
            self._read_batch(_MODEL.lease_until < now)
            if self._db.read(periodic_queries.has_overdue, now)
            else ([], False))
        return self._recover_rows(rows) if rows else 0

    def take_over(self, owner: str, died_at: datetime.datetime) -> bool:
        """Recover executions that a dead engine ran or had queued.

        Nothing tells which engine has queued an unclaimed execution; to queue
        one twice is harmless.

        :param died_at: older unclaimed executions may be of that engine.
        :returns: whether more may remain.
        """
        rows, is_cut = self._read_batch(execution_scans.HAS_LEASE,
                                        _MODEL.owner == owner)
        if self._count_room():
            # A new lease keeps an execution from being read again.
            lease = datetime.timedelta(seconds=self._conf.engine.lease)
            queued, is_queue_cut = self._read_batch(
                _MODEL.lease_until < died_at + lease,
                _MODEL.owner.is_(None), _MODEL.sync.is_(False),
                _MODEL.next_attempt_at.is_(None))
            rows, is_cut = rows + queued, is_cut or is_queue_cut
        self._recover_rows(rows)
        return is_cut

    def recover(self) -> None:
        """Recover all executions of other owners, overdue or not.

        Only for an engine with a database of its own.
        """
        left_behind = (execution_scans.HAS_LEASE
                       & (_MODEL.owner.is_(None)
                          | (_MODEL.owner != self._owner)))
        ids = self._db.read(lambda tx: [row.id for row in crud.select(
            tx, _MODEL, left_behind, order=(_MODEL.lease_until,),
            only=(_MODEL.id,))])
        for start in range(0, len(ids), MAX_BATCH_ROWS):
            chunk = set(ids[start:start + MAX_BATCH_ROWS])
            while chunk:
                rows, _more = self._read_batch(
                    left_behind, _MODEL.id.in_(chunk))
                self._recover_or_schedule(rows)
                chunk = chunk - {row.id for row in rows} if rows else set()

    def _recover_or_schedule(self, rows: list[records.ExecutionRow]) -> None:
        """Recover executions; those that wait for an attempt wait on."""
        overdue = []
        for row in rows:
            at = row.next_attempt_at
            if at is not None and at > models.now():
                self._completion.schedule_retry(at, row.id)
            else:
                overdue.append(row)
        self._recover_rows(overdue)

    def resume(self, id: str, at: datetime.datetime) -> None:
        """Start the attempt that waited until ``at``.

        Another engine may have started the attempt already.
        """
        self._recover_rows(self._db.read(
            _read_rows, _MODEL.id == id, _MODEL.next_attempt_at == at))

    def _count_room(self) -> int:
        """Return how many executions this engine can queue."""
        if self._local.count_free_bytes() < self._batch_bytes:
            return 0
        return max(0, MAX_LOCAL_EXECUTIONS - len(
            list(self._local.local_ids())))

    def _read_batch(self, *conditions: typing.Any
                    ) -> tuple[list[records.ExecutionRow], bool]:
        """Return the first rows by lease, and whether more may remain.

        The number and the inputs of the rows are bounded.
        """
        return self._db.read(_read_batch, self._batch_bytes, *conditions)

    def _recover_rows(self, rows: list[records.ExecutionRow]) -> int:
        """End or requeue executions; return the number still as read."""
        rows = self._take_turns(rows)
        local_ids = set(self._local.local_ids())
        resolve = functools.cache(self._resolve)
        ended = 0
        overdue: dict[str, targets.Target] = {}
        for row in rows:
            if row.id in local_ids:
                continue
            if row.sync:
                ended += self._end(row, DIED if row.owner else NO_ENGINE)
                continue
            target = resolve(row.function_id, row.function_version)
            if isinstance(target, exception.NotFound):
                ended += self._end(
                    row, outcomes.GONE, ExecutionReason.NO_WORKER)
            elif row.attempt - row.retry >= self._conf.engine.max_attempts:
                ended += self._give_up(row, target)
            else:
                overdue[row.id] = replays.restrict_target(
                    self._db, row, target) if row.is_replay else target
        requeued = lifecycle.requeue(
            self._db, [row for row in rows if row.id in overdue],
            self._lease_until(), overdue) if overdue else []
        for row in requeued:
            metrics.reaped_requeued.inc()
            if row.next_attempt_at is not None:
                LOG.debug('Starting execution %s after its wait.', row.id)
            else:
                LOG.warning('Requeueing execution %s%s.', row.id,
                            f' of engine {row.owner}' if row.owner
                            else ', which no engine had claimed')
            self._completion.submit(
                records.ExecutionMessage(
                    row.id, row.input, False, is_replay=row.is_replay,
                    is_controlled=row.flow_key is not None),
                overdue[row.id])
        return ended + len(requeued)

    def _take_turns(self, rows: list[records.ExecutionRow]
                    ) -> list[records.ExecutionRow]:
        """Take turns for lines whose tickets are due.

        :returns: the rows that are no tickets.
        """
        rest = []
        for row in rows:
            # An execution that was claimed has left the waiting line.
            if (row.flow_key is None or row.next_attempt_at is None
                    or row.attempt
                    or not flow_queue.is_waiting(self._db, row.id)):
                rest.append(row)
                continue
            for at, id in self._db.write(functools.partial(
                    flow_queue.use_ticket, id=row.id)):
                self._completion.schedule_retry(at, id)
        return rest

    def _resolve(self, function_id: str, version: int
                 ) -> targets.Target | exception.NotFound:
        try:
            return self._db.read(lambda tx: targets.resolve(
                tx, context.admin(), function_id, version))
        except exception.NotFound as e:
            return e

    def _give_up(self, row: records.ExecutionRow, target: targets.Target
                 ) -> bool:
        """End an execution whose engines died too often."""
        return self._completion.conclude(
            row.id, outcomes.platform_fault(
                'The engines that ran the execution died, '
                f'{row.attempt - row.retry} in all.',
                ExecutionReason.ENGINE_LOST, row.flow_key is not None),
            target,
            *lifecycle.unchanged(row), final=True) is not None

    def _end(self, row: records.ExecutionRow, sentence: str,
             reason: ExecutionReason = ExecutionReason.ENGINE_LOST) -> bool:
        LOG.warning('Ending execution %s: %s', row.id, sentence)
        metrics.reaped_ended.inc()
        return lifecycle.finish(
            self._db, row.id,
            outcomes.platform_fault(sentence, reason,
                                    row.flow_key is not None),
            *lifecycle.unchanged(row)) is not None


def _read_rows(tx: session.Connection, *conditions: typing.Any
               ) -> list[records.ExecutionRow]:
    return [records.from_database(row)
            for row in crud.select(tx, _MODEL, *conditions)]


def _read_batch(tx: session.Connection, max_bytes: int,
                *conditions: typing.Any
                ) -> tuple[list[records.ExecutionRow], bool]:
    rows, is_cut = execution_scans.select_batch(
        tx, MAX_BATCH_ROWS, max_bytes, conditions)
    return [records.from_database(row) for row in rows], is_cut
