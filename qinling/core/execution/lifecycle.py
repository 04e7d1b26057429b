# SPDX-License-Identifier: Apache-2.0
"""Every write of an execution row, from the insert to the purge.

The row is the truth, and the message bus only a wake-up.  Each write after
the insert is a compare-and-swap, so two engines never own an execution, and
no result is overwritten.  :mod:`.flow_queue` also writes the executions of a
line, :mod:`.log_writes` later logs.  Functions of ``tx`` are part of a
transaction of the caller; functions of ``db`` commit.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import typing

from qinling import context
from qinling.core.execution import counters
from qinling.core.execution import failures
from qinling.core.execution import flow_queue
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.execution import rollup
from qinling.core import idempotency
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus

_MODEL = models.Execution
_RUNNING = _MODEL.status == ExecutionStatus.RUNNING.value
#: Condition: the engine in the parameter ``me`` owns the row.
OWNED_BY_ME = crud.equals_parameter(_MODEL.owner, 'me')
#: Conditions: no engine has claimed the row, and any may.  A late message must
#: not start an execution that waits for its next attempt, or in a line.
UNCLAIMED = (_MODEL.owner.is_(None), _RUNNING,
             _MODEL.next_attempt_at.is_(None),
             _MODEL.lease_until.is_not(None))
#: Columns of a claim beside the owner and the lease.
CLAIMED = {'attempt': _MODEL.attempt + 1, 'updated_at': _MODEL.updated_at}


def read(tx: session.Connection, ctx: context.RequestContext, id: str
         ) -> records.ExecutionRow | None:
    """Return a execution visible to the caller, or ``None``."""
    row = crud.get(tx, ctx, _MODEL, id=id)
    return row and records.from_database(row)


def insert(tx: session.Connection, new: records.NewExecution,
           request: idempotency.IdempotentRequest | None = None) -> None:
    """Write the row and count the execution.

    :raises KeyTaken: another request with the same key was first.
    :raises FunctionNotFound, FunctionVersionNotFound: the target was deleted
        after its resolution.
    :raises TooManyExecutions, Invalid: see :func:`.flow_queue.enter`.
    """
    idempotency.reserve(tx, request, new.row.id)
    flow_queue.enter(tx, new)
    _insert(tx, vars(new.row))
    new.write_companion(tx)
    counters.count(tx, new.target, 1)


def _insert(tx: session.Connection, columns: Mapping[str, typing.Any]) -> None:
    # Leaving out the columns that are NULL saves time.
    crud.insert_whole(tx, _MODEL, {
        name: value for name, value in columns.items() if value is not None})


def insert_ended(db: session.Database, new: records.NewExecution,
                 outcome: outcomes.Outcome) -> outcomes.Ended | None:
    """Commit an execution together with its end.

    :returns: ``None`` if the row exists already.
    """
    def insert_counted(tx: session.Connection) -> outcomes.Ended:
        ended = insert_row(tx)
        counters.count(tx, new.target, 1)
        return ended

    def insert_row(tx: session.Connection) -> outcomes.Ended:
        ended = outcome.end(models.now(), failures.create_fingerprint(
            new.row.function_id, outcome))
        _insert(tx, {**vars(new.row), **ended.columns(),
                     'logs': outcome.logs})
        return ended
    try:
        return db.write(insert_counted, batch=True)
    except exception.NotFound:
        # The target was deleted during the run; its result remains.
        return db.write(insert_row, batch=True)
    except crud.DuplicateEntry:
        # When the database dies between commit and answer, the insert runs
        # again and meets its own row.
        return None


def withdraw(db: session.Database, new: records.NewExecution,
             request: idempotency.IdempotentRequest | None) -> bool:
    """Delete an execution unless an engine has claimed it; return success.
    """
    def delete_unclaimed(tx: session.Connection) -> bool:
        entries = flow_queue.lock_entries(tx, [new.row.id]) if new.flow else ()
        if not crud.delete_all(tx, _MODEL, _MODEL.id == new.row.id,
                               *UNCLAIMED):
            return False
        flow_queue.leave(tx, entries)
        idempotency.release(tx, request)
        new.withdraw_companion(tx)
        counters.count(tx, new.target, -1)
        return True
    return db.write(delete_unclaimed)


def delete(tx: session.Connection, ids: Sequence[str]) -> None:
    """Delete executions; the results of running ones are lost."""
    entries = flow_queue.lock_entries(tx, ids)
    rollup.count_before_deletion(tx, ids)
    crud.delete_all(tx, _MODEL, _MODEL.id.in_(ids))
    flow_queue.leave(tx, entries)


def claim(db: session.Database, id: str, owner: str,
          lease_until: datetime.datetime) -> bool:
    """Claim an execution for an engine.

    :returns: whether the engine owns the execution now.
    """
    values = dict(CLAIMED, owner=owner, lease_until=lease_until,
                  started_at=models.now())
    # When the database dies between commit and answer, the statement runs
    # again and changes nothing: the row is already ours.
    return bool(db.write(lambda tx: crud.update(
        tx, _MODEL, id, values, *UNCLAIMED, params={}),
        batch=True)) or is_owner(db, id, owner)


def is_owner(db: session.Database, id: str, owner: str) -> bool:
    """Return whether an engine owns a running execution."""
    return db.read(lambda tx: crud.exists(
        tx, _MODEL, _MODEL.id == id, _MODEL.owner == owner, _RUNNING))


def is_unclaimed(db: session.Database, id: str) -> bool:
    """Return whether an execution waits for an engine."""
    return db.read(lambda tx: crud.exists(
        tx, _MODEL, _MODEL.id == id, *UNCLAIMED))


def renew_leases(db: session.Database, owner: str, ids: Sequence[str],
                 lease_until: datetime.datetime) -> set[str]:
    """Extend the leases of executions of an engine or has queued.

    :returns: ids of the executions lost to a cancellation, a deletion or
        another engine.
    """
    values = {'lease_until': lease_until, 'updated_at': _MODEL.updated_at}
    # The lease of an execution that waits for its next attempt is the time
    # of that attempt.
    conditions = ((_MODEL.owner == owner) | _MODEL.owner.is_(None),
                  _MODEL.id.in_(ids), _MODEL.lease_until.is_not(None),
                  _MODEL.next_attempt_at.is_(None))
    if db.write(lambda tx: crud.update_all(
            tx, _MODEL, values, *conditions)) == len(ids):
        return set()
    rows = db.read(lambda tx: crud.select(
        tx, _MODEL, *conditions, only=(_MODEL.id,)))
    return set(ids) - {row.id for row in rows}


def unchanged(row: records.ExecutionRow) -> tuple[typing.Any, ...]:
    """Return the conditions that owner and lease are as in ``row``."""
    return (_MODEL.lease_until == row.lease_until,
            _MODEL.owner.is_(None) if row.owner is None
            else _MODEL.owner == row.owner)


def record_target(db: session.Database, id: str, target: targets.Target
                  ) -> None:
    """Record that an execution runs newer code than at the acceptance."""
    db.write(lambda tx: crud.update(
        tx, _MODEL, id, dict(target.recorded(),
                             updated_at=_MODEL.updated_at), _RUNNING))


def requeue(db: session.Database, rows: Sequence[records.ExecutionRow],
            lease_until: datetime.datetime,
            resolved: Mapping[str, targets.Target]
            ) -> list[records.ExecutionRow]:
    """Take overdue executions from their owners in one transaction.

    :param resolved: id of an execution -> target of the next attempt.
    :returns: the rows whose owner and lease were still as read.
    """
    values = {'owner': None, 'lease_until': lease_until,
              'next_attempt_at': None, 'updated_at': _MODEL.updated_at}
    return db.write(lambda tx: [
        row for row in rows if crud.update(
            tx, _MODEL, row.id, {**values, **resolved[row.id].recorded()},
            *unchanged(row))])


def schedule_retry(tx: session.Connection, row: records.ExecutionRow,
                   at: datetime.datetime, logs: str | None,
                   *conditions: typing.Any,
                   params: dict[str, typing.Any] | None = None) -> bool:
    """Release a failed execution until its next attempt.

    :param at: start of the next attempt.
    :returns: whether the conditions held.
    """
    return bool(crud.update(
        tx, _MODEL, row.id,
        {'owner': None, 'lease_until': at, 'next_attempt_at': at,
         'retry': row.retry + 1, 'logs': logs,
         'updated_at': _MODEL.updated_at},
        _RUNNING, *conditions, params=params))


def end(tx: session.Connection, id: str, outcome: outcomes.Outcome,
        *conditions: typing.Any, params: dict[str, typing.Any] | None = None
        ) -> outcomes.Ended | None:
    """Write the end of an execution: the only writer of results.

    :param conditions: what must hold for the row, for instance
        :data:`OWNED_BY_ME` with the owner in ``params``.
    :returns: ``None`` when the execution had ended already, was deleted, or
        a condition did not hold.
    """
    ending = flow_queue.Ending(tx, id) if outcome.is_controlled else None
    ended = outcome.end(models.now(), failures.read_fingerprint(
        tx, id, outcome))
    values = ended.columns()
    moved = crud.change_status(
        tx, _MODEL, id, values.pop('status'), *conditions, params=params,
        logs=outcome.logs, **values)
    if not moved:
        return None
    starts = ending.leave() if ending else ()
    return dataclasses.replace(ended, starts=starts) if starts else ended


def finish(db: session.Database, id: str, outcome: outcomes.Outcome,
           *conditions: typing.Any,
           params: dict[str, typing.Any] | None = None
           ) -> outcomes.Ended | None:
    """Commit the end of an execution; see :func:`end`."""
    return db.write(
        lambda tx: end(tx, id, outcome, *conditions, params=params),
        batch=not outcome.is_controlled)


def cancel(tx: session.Connection, id: str) -> bool:
    """End an execution on behalf of a user.

    :returns: ``False`` if the execution has ended in another way.
    """
    return end(tx, id, outcomes.Outcome(
        ExecutionStatus.CANCELLED,
        '{"output": "The execution was cancelled."}',
        reason=ExecutionReason.CANCELLED, is_controlled=True)) is not None


def purge(db: session.Database, before: datetime.datetime, limit: int) -> int:
    """Delete executions that ended before a time, and are counted.

    :param limit: most rows of the one transaction.
    :returns: the number of rows deleted.
    """
    before = min(before, rollup.read_as_of(db))
    old = (_MODEL.updated_at < before, ~_RUNNING)
    ids = [row.id for row in db.read(lambda tx: crud.select(
        tx, _MODEL, *old, limit=limit, order=(_MODEL.updated_at,),
        only=(_MODEL.id,)))]
    if not ids:
        return 0
    return db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _MODEL.id.in_(ids), *old))
