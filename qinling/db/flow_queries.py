# SPDX-License-Identifier: Apache-2.0
"""Queries on the lines of the flow control.

A transaction that changes a line holds its lock; see :func:`lock`.  Statements
that each controlled execution needs are prepared.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import typing

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy import orm

from qinling.db import crud
from qinling.db import models
from qinling.db import prepared
from qinling import flow_states
from qinling import states

_ENTRY, _LOCK, _E = models.FlowEntry, models.FlowLock, models.Execution
_FUNCTION, _ALIAS = models.Function, models.FunctionAlias
_RUNNING = states.ExecutionStatus.RUNNING.value
_WAITING = flow_states.FlowStatus.WAITING.value
_ORDER = (_ENTRY.sort_at, _ENTRY.execution_id)
_LINE = (_ENTRY.scope_id == sa.bindparam('scope_id'),
         _ENTRY.flow_key == sa.bindparam('flow_key'))
_NOW: typing.Any = sa.bindparam('now')


def _may_start(entry: typing.Any) -> typing.Any:
    return (entry.status == _WAITING) & (
        entry.ready_at.is_(None) | (entry.ready_at <= _NOW))


_RUNNING_COUNT = sa.select(sa.func.count()).select_from(_ENTRY).where(
    *_LINE, _ENTRY.status == flow_states.FlowStatus.RUNNING.value
).scalar_subquery()
_HAS_READY = sa.exists().where(*_LINE, _may_start(_ENTRY))
_STATE = prepared.Prepared(sa.select(_RUNNING_COUNT, _HAS_READY))
_COLUMNS = _ENTRY.__table__.c
_STARTED = {name: sa.bindparam(name, type_=_COLUMNS[name].type) for name in (
    'execution_id', 'scope_id', 'flow_key', 'status', 'sort_at')}
_INSERT_STARTED = prepared.Prepared(sa.insert(_ENTRY).from_select(
    list(_STARTED), sa.select(*_STARTED.values()).where(
        _RUNNING_COUNT < sa.bindparam('limit', type_=sa.Integer),
        ~_HAS_READY)))
_LOCK_ROW = prepared.Prepared(sa.select(_LOCK.number).where(
    _LOCK.number == sa.bindparam('number')).with_for_update())
_NEXT = orm.aliased(_ENTRY)
_IS_FOLLOWED = sa.exists().where(
    _NEXT.scope_id == _ENTRY.scope_id, _NEXT.flow_key == _ENTRY.flow_key,
    _NEXT.execution_id != _ENTRY.execution_id, _may_start(_NEXT)
).correlate(_ENTRY)
_PRESENT = prepared.Prepared(sa.select(
    _ENTRY.execution_id, _ENTRY.scope_id, _ENTRY.flow_key, _ENTRY.status,
    _ENTRY.ready_at, _ENTRY.started_at,
    sa.func.coalesce(_FUNCTION.flow_control, _ALIAS.flow_control),
    _IS_FOLLOWED
).outerjoin(_FUNCTION, _FUNCTION.id == _ENTRY.scope_id
            ).outerjoin(_ALIAS, _ALIAS.id == _ENTRY.scope_id).where(
    _ENTRY.execution_id == sa.bindparam('execution_id'),
    _ENTRY.status != flow_states.FlowStatus.ENDED.value))
_DELETE_LAST = prepared.Prepared(sa.delete(_ENTRY).where(
    _ENTRY.execution_id == sa.bindparam('execution_id'),
    _ENTRY.started_at.is_(None), ~_IS_FOLLOWED))
_DELETE = prepared.Prepared(sa.delete(_ENTRY).where(
    _ENTRY.execution_id == sa.bindparam('execution_id')))
#: Executions that one answer counts before an execution in its line.
MAX_PLACE = 10_000


@dataclasses.dataclass(frozen=True)
class Entry:
    """Entry that has not ended.

    :ivar flow_control: of the function or alias, ``None`` without.
    :ivar is_followed: whether another execution of the line may start.
    """

    execution_id: str
    scope_id: str
    flow_key: str
    status: str
    ready_at: datetime.datetime | None
    started_at: datetime.datetime | None
    flow_control: dict[str, typing.Any] | None
    is_followed: bool

    @property
    def settings(self) -> dict[str, typing.Any]:
        """Return the flow control, empty without."""
        return self.flow_control or {}


class Line(typing.Protocol):
    """Line with the number of a lock."""

    @property
    def lock_number(self) -> int:
        """Return the number, which other lines may share."""


def needs_locks(tx: sa.Connection) -> bool:
    """Return whether other transactions may write at the same time."""
    return tx.dialect.name != 'sqlite'


def lock(tx: sa.Connection, lines: Iterable[Line]) -> bool:
    """Lock lines until the end of the transaction, all in one order.

    SQLite has one writer, and needs no lock.

    :returns: whether the lines may have changed since earlier reads of the
        transaction.
    """
    if not needs_locks(tx):
        return False
    for number in sorted({line.lock_number for line in lines}):
        while _LOCK_ROW.first_raw(tx, {'number': number}) is None:
            _create_lock(tx, number)
    return True


def _create_lock(tx: sa.Connection, number: int) -> None:
    """Write the row of a lock, unless another transaction is faster."""
    if tx.dialect.name == 'postgresql':
        tx.execute(postgresql.insert(_LOCK).values(
            number=number).on_conflict_do_nothing())
    else:
        tx.execute(mysql.insert(_LOCK).values(
            number=number).prefix_with('IGNORE'))


def is_in(scope_id: str, key: str, *statuses: flow_states.FlowStatus
          ) -> list[typing.Any]:
    """Return the conditions of the entries of a line."""
    return [_ENTRY.scope_id == scope_id, _ENTRY.flow_key == key,
            _ENTRY.status.in_([status.value for status in statuses])]


def list_present(tx: sa.Connection, ids: Sequence[str]) -> list[Entry]:
    """Return the entries of executions without an end."""
    if len(ids) > 1:
        ids = [row.execution_id for row in crud.select(
            tx, _ENTRY, _ENTRY.execution_id.in_(ids),
            _ENTRY.status != flow_states.FlowStatus.ENDED.value)]
    now = models.now()
    return [entry for id in ids if (entry := _read_present(tx, id, now))]


def _read_present(tx: sa.Connection, id: str, now: datetime.datetime
                  ) -> Entry | None:
    row = _PRESENT.first_raw(tx, {'execution_id': id, 'now': now})
    return None if row is None else Entry(*_PRESENT.convert(tx, row))


def read_state(tx: sa.Connection, scope_id: str, key: str,
               now: datetime.datetime) -> tuple[int, bool]:
    """Return the state of a line.

    :returns: the number of executions that run, and whether an execution
        waits that may start.
    """
    running, is_ready = _STATE.first_raw(tx, {
        'scope_id': scope_id, 'flow_key': key, 'now': now}) or (0, 0)
    return int(running), bool(is_ready)


def insert_started(tx: sa.Connection, limit: int, now: datetime.datetime,
                   values: dict[str, typing.Any]) -> bool:
    """Write the entry of an execution that may start.

    :param limit: executions of the line that may run.
    :param values: of the columns without the status and the other times.
    :returns: ``False`` if the execution has to wait.
    """
    return _INSERT_STARTED.change(tx, {
        **values, 'status': flow_states.FlowStatus.RUNNING.value,
        'limit': limit, 'now': now}) == 1


def delete_last(tx: sa.Connection, id: str) -> bool:
    """Delete the entry of an execution whose end starts no other one.

    :returns: ``False`` if another execution of the line may start, or a rate
        counts the entry.
    """
    return _DELETE_LAST.change(
        tx, {'execution_id': id, 'now': models.now()}) == 1


def delete(tx: sa.Connection, id: str) -> None:
    """Delete the entry of an execution."""
    _DELETE.change(tx, {'execution_id': id})


def list_starts(tx: sa.Connection, scope_id: str, key: str,
                since: datetime.datetime, limit: int
                ) -> Sequence[datetime.datetime]:
    """Return the latest starts in a line since a time, the latest first."""
    return tx.execute(sa.select(_ENTRY.started_at).where(
        *is_in(scope_id, key, flow_states.FlowStatus.RUNNING,
               flow_states.FlowStatus.ENDED), _ENTRY.started_at > since
    ).order_by(_ENTRY.started_at.desc()).limit(limit)).scalars().all()


def list_waiting(tx: sa.Connection, scope_id: str, key: str,
                 now: datetime.datetime, limit: int) -> Sequence[typing.Any]:
    """Return the first executions of a line that may start.

    :returns: ``execution_id``, and ``status``, ``owner`` and
        ``lease_until`` of the execution, ``None`` if it was deleted.
    """
    return tx.execute(sa.select(
        _ENTRY.execution_id, _E.status, _E.owner, _E.lease_until
    ).outerjoin(_E, _E.id == _ENTRY.execution_id).where(
        *is_in(scope_id, key, flow_states.FlowStatus.WAITING),
        _ENTRY.ready_at.is_(None) | (_ENTRY.ready_at <= now)
    ).order_by(*_ORDER).limit(limit)).all()


def count_waiting(tx: sa.Connection) -> int:
    """Return the number of executions that wait in all lines."""
    return crud.count(tx, _ENTRY, _ENTRY.status == _WAITING)


def count_before(tx: sa.Connection, entry: typing.Any) -> int:
    """Return the executions that wait before another, at most MAX_PLACE."""
    rows = sa.select(_ENTRY.execution_id).where(
        *is_in(entry.scope_id, entry.flow_key, flow_states.FlowStatus.WAITING),
        (_ENTRY.sort_at < entry.sort_at)
        | (_ENTRY.sort_at == entry.sort_at)
        & (_ENTRY.execution_id < entry.execution_id)
    ).limit(MAX_PLACE).subquery()
    return tx.execute(sa.select(
        sa.func.count()).select_from(rows)).scalar_one()


def delete_stale(tx: sa.Connection, scope_id: str, key: str) -> None:
    """Delete the running entries of a line whose executions have ended.

    None exist, unless an operator has changed or deleted executions by hand.
    """
    ended = tx.execute(sa.select(_ENTRY.execution_id).outerjoin(
        _E, _E.id == _ENTRY.execution_id).where(
            *is_in(scope_id, key, flow_states.FlowStatus.RUNNING),
            _E.id.is_(None) | (_E.status != _RUNNING))).scalars().all()
    if ended:
        crud.delete_all(tx, _ENTRY, _ENTRY.execution_id.in_(ended))


def read_settings(tx: sa.Connection, scope_id: str) -> dict[str, typing.Any]:
    """Return the flow control of a function or alias, empty without."""
    for model in (_FUNCTION, _ALIAS):
        row = tx.execute(sa.select(model.flow_control).where(
            model.id == scope_id)).first()
        if row is not None:
            return row[0] or {}
    return {}


def wake(tx: sa.Connection, scope_id: str) -> None:
    """Take a turn soon for all lines of a function or alias.

    Its flow control has changed, or was deleted.
    """
    waiting = sa.select(_ENTRY.execution_id).where(
        _ENTRY.scope_id == scope_id, _ENTRY.status == _WAITING)
    now = models.now()
    crud.update_all(
        tx, _E, {'lease_until': now, 'next_attempt_at': now,
                 'updated_at': _E.updated_at},
        _E.id.in_(waiting), _E.lease_until.is_not(None),
        _E.owner.is_(None), _E.status == _RUNNING)


def purge(tx: sa.Connection, before: datetime.datetime, limit: int) -> int:
    """Delete starts that no rate counts any more; return their number."""
    ids = tx.execute(sa.select(_ENTRY.execution_id).where(
        _ENTRY.status == flow_states.FlowStatus.ENDED.value,
        _ENTRY.started_at < before).limit(limit)).scalars().all()
    return crud.delete_all(
        tx, _ENTRY, _ENTRY.execution_id.in_(ids)) if ids else 0
