# SPDX-License-Identifier: Apache-2.0
"""Turns of the engines: batches of operations.

A transaction locks the row of an operation, acts on the next executions and
moves the position.  So each execution is met once, also when an engine or the
database dies.  The lease only keeps engines from working at the same
operation.
"""

import collections
from collections.abc import Sequence
import datetime
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.execution import records
from qinling.core.operation import actions
from qinling.core.operation import effects as effects_module
from qinling.core.operation import plans
from qinling.core.operation import replays
from qinling.core import targets
from qinling.db import crud
from qinling.db import execution_scans
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import OperationAction
from qinling.states import OperationStatus

LOG = log.getLogger(__name__)

_MODEL = models.Operation
#: Rows of the index that a batch reads.
MAX_BATCH_ROWS = 250
#: Operations of one turn, and its seconds.
MAX_OPERATIONS, MAX_TURN_SECONDS = 100, 1.0
#: Seconds without a batch after which another engine goes on.
LEASE_SECONDS = 15
#: Seconds until an operation that waits for room tries again.
WAIT_SECONDS = 1
#: Seconds between two looks at the executions of a replay: after a change, and
#: after many looks without a change.
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.01, 0.5
#: Seconds below which a turn waits for the next look.
SOON_SECONDS = 0.1
#: Kinds of reasons that an operation counts.
MAX_SKIP_REASONS = 10
OTHER_REASONS = 'Other reasons.'


class Engine(typing.Protocol):
    """What a turn needs of its engine."""

    @property
    def owner(self) -> str:
        """Return the name of the engine in the column ``owner``."""

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Queue an execution."""

    def cancel(self, id: str) -> None:
        """Stop an execution whose row has ended."""


class Turns:
    """Turns of one engine."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: Engine) -> None:
        self._conf = conf
        self._db = db
        self._engine = engine
        #: Replay -> seconds between the last two looks.
        self._polls: dict[str, float] = {}

    def run(self) -> bool:
        """Work at all operations, one batch of each after the other.

        :returns: whether the next turn should follow shortly.
        """
        end = time.monotonic() + MAX_TURN_SECONDS
        is_polling = is_next_soon = False
        while True:
            rows = self._read_ready()
            for row in rows:
                is_polling |= self._run_batch(row)
                if time.monotonic() >= end:
                    return True
            if rows:
                is_next_soon = any(self._polls.get(row.id, MAX_POLL_SECONDS)
                                   < SOON_SECONDS for row in rows)
            elif is_next_soon and time.monotonic() < end:
                time.sleep(MIN_POLL_SECONDS)
            else:
                return is_polling

    def _read_ready(self) -> Sequence[typing.Any]:
        now = models.now()
        return self._db.read(lambda tx: crud.select(
            tx, _MODEL, _MODEL.status == OperationStatus.RUNNING.value,
            _MODEL.ready_at <= now, self._is_free(now),
            limit=MAX_OPERATIONS, order=(_MODEL.ready_at,)))

    def _is_free(self, now: datetime.datetime) -> typing.Any:
        """Return the condition that this engine may take an operation."""
        return (_MODEL.owner.is_(None) | (_MODEL.lease_until < now)
                | (_MODEL.owner == self._engine.owner))

    def _run_batch(self, row: typing.Any) -> bool:
        """Run a batch; return whether executions of a replay run."""
        try:
            effects = self._db.write(lambda tx: self._act(tx, row.id))
        except exception.Unavailable:
            raise
        except Exception as e:
            self._pause(row, e)
            return False
        if effects is None or not effects.is_polling:
            self._polls.pop(row.id, None)
        if effects is None:
            return False
        self._notify(effects)
        return effects.is_polling

    def _act(self, tx: session.Connection, id: str
             ) -> effects_module.Effects | None:
        """Act on the next executions within a transaction.

        :returns: ``None`` if another engine or a user was faster.
        """
        row = crud.get(tx, context.admin(), _MODEL, lock=True, id=id)
        now = models.now()
        if (row is None or row.status != OperationStatus.RUNNING
                or row.ready_at > now or not self._may_take(row, now)):
            return None
        if row.action == OperationAction.REPLAY:
            return self._replay(tx, row)
        effects, position, is_end = self._meet_next(
            tx, row, MAX_BATCH_ROWS, _count_allowed(row))
        self._write(tx, row, effects, position, is_end)
        return effects

    def _replay(self, tx: session.Connection, row: typing.Any
                ) -> effects_module.Effects:
        """Compare what has ended, and start the next executions."""
        compared = replays.compare_ended(tx, row)
        room = min(_count_allowed(row), replays.count_room(tx, row))
        effects, position, is_end = self._meet_next(tx, row, room, room)
        effects.add_comparison(compared)
        self._write(tx, row, effects, position,
                    is_end and not effects.is_polling)
        return effects

    def _meet_next(self, tx: session.Connection, row: typing.Any,
                   limit: int, allowed: int
                   ) -> tuple[effects_module.Effects,
                              execution_scans.Position | None, bool]:
        """Act on the next executions.

        :param limit: rows of the index to read.
        :param allowed: executions to meet.
        :returns: effects, new position, and whether none is left.
        """
        position = _read_position(row)
        if not allowed:
            return effects_module.Effects(0), position, False
        step = plans.create_scan(row).read_step(
            tx, position, limit, actions.columns(row.action))
        rows = step.rows[:allowed]
        effects = actions.act(tx, self._conf, row, rows)
        if effects.count == len(step.rows):
            return effects, step.position, step.is_last
        if effects.count:
            last = rows[effects.count - 1]
            position = execution_scans.Position(last.created_at, last.id)
        return effects, position, False

    def _may_take(self, row: typing.Any, now: datetime.datetime) -> bool:
        return (row.owner in (None, self._engine.owner)
                or row.lease_until < now)

    def _write(self, tx: session.Connection, row: typing.Any,
               effects: effects_module.Effects,
               position: execution_scans.Position | None, is_end: bool
               ) -> None:
        now = models.now()
        values = {
            'done': row.done + effects.done,
            'skipped': row.skipped + effects.skipped.total(),
            'skip_reasons': _add_reasons(row.skip_reasons, effects.skipped),
            'status_reason': effects.wait}
        if effects.different:
            values['different'] = row.different + effects.different
        if position is not None:
            values.update(position_at=position.created_at,
                          position_id=position.id)
        if is_end:
            # Executions may have changed since they were counted.
            crud.change_status(
                tx, _MODEL, row.id, OperationStatus.DONE.value,
                owner=None, lease_until=None,
                total=values['done'] + values['skipped'], **values)
            return
        pause = effects.count / row.rate if row.rate else 0
        if effects.is_polling:
            pause = max(pause, self._choose_poll(row.id, effects))
        if effects.wait:
            pause = max(pause, WAIT_SECONDS)
        crud.update(tx, _MODEL, row.id, {
            **values, 'owner': self._engine.owner,
            'ready_at': now + datetime.timedelta(seconds=pause),
            'lease_until': now + datetime.timedelta(
                seconds=pause + LEASE_SECONDS)})

    def _choose_poll(self, id: str, effects: effects_module.Effects) -> float:
        """Return the seconds until the next look at a replay.

        Short executions are noticed at once, and long ones cost few looks.
        """
        seconds = MIN_POLL_SECONDS
        if not (effects.done or effects.skipped or effects.reruns):
            seconds = min(MAX_POLL_SECONDS,
                          2 * self._polls.get(id, MIN_POLL_SECONDS))
        self._polls[id] = seconds
        return seconds

    def _notify(self, effects: effects_module.Effects) -> None:
        """Start the reruns, and stop the cancelled executions.

        The reaper starts a rerun whose message is lost.  Other engines
        notice a cancellation when they renew the lease.
        """
        for new in effects.reruns:
            try:
                engine_client.hand_over(self._engine, new)
            except exception.Unavailable as e:
                LOG.warning('Could not queue execution %s; the reaper will '
                            'requeue the execution: %s', new.row.id, e)
        for id in effects.cancelled_ids:
            self._engine.cancel(id)

    def _pause(self, row: typing.Any, error: Exception) -> None:
        """Pause a faulty operation, so that users see the fault."""
        if isinstance(error, exception.QinlingError):
            reason = str(error)
        else:
            LOG.error('Could not work at operation %s.', row.id,
                      exc_info=error)
            reason = exception.INTERNAL_FAULT
        LOG.warning('Pausing operation %s: %s', row.id, reason)
        self._db.write(lambda tx: crud.change_status(
            tx, _MODEL, row.id, OperationStatus.PAUSED.value, owner=None,
            lease_until=None, status_reason=reason))


def _read_position(row: typing.Any) -> execution_scans.Position | None:
    if row.position_at is None:
        return None
    return execution_scans.Position(row.position_at, row.position_id)


def _count_allowed(row: typing.Any) -> int:
    """Return the executions of a batch, about a second's worth of a rate."""
    if row.rate is None:
        return MAX_BATCH_ROWS
    return max(1, min(MAX_BATCH_ROWS, int(row.rate)))


def _add_reasons(counts: dict[str, int],
                 new_counts: collections.Counter[str]) -> dict[str, int]:
    """Return the counts of two batches, with a bounded number of reasons."""
    total = dict(counts)
    for reason, count in new_counts.items():
        if reason not in total and len(total) >= MAX_SKIP_REASONS:
            reason = OTHER_REASONS
        total[reason] = total.get(reason, 0) + count
    return total
