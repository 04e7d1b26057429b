# SPDX-License-Identifier: Apache-2.0
"""Prepared queries that engines repeat every few seconds.

An idle engine does hardly anything else.
"""

from collections.abc import Sequence
import datetime
import typing

import sqlalchemy as sa

from qinling.db import models
from qinling.db import prepared
from qinling.states import ExecutionStatus
from qinling.states import JobStatus

_Rows = Sequence[typing.Any]
_JOB: typing.Any = models.Job.__table__.c
_EXECUTION: typing.Any = models.Execution.__table__.c
_RUNTIME: typing.Any = models.Runtime.__table__.c
_ADDRESS: typing.Any = models.EngineAddress.__table__.c
_FUNCTION: typing.Any = models.Function.__table__.c
_PROGRESS: typing.Any = models.StatisticsProgress.__table__
#: Columns of an ended execution that statistics need.
_COUNTED_COLUMNS = ('id', 'project_id', 'function_id', 'function_version',
                    'function_alias', 'status', 'reason', 'updated_at',
                    'duration', 'import_ms', 'memory_size', 'fingerprint')
_MAX_ROWS = sa.bindparam('max_rows', type_=sa.Integer)


def _due_jobs(order: typing.Any) -> prepared.Prepared:
    return prepared.Prepared(sa.select(*_JOB).where(
        _JOB.status == JobStatus.RUNNING.value,
        _JOB.next_execution_time <= sa.bindparam('horizon')
    ).order_by(order, _JOB.id).limit(_MAX_ROWS))


_EARLIEST_JOBS = _due_jobs(_JOB.next_execution_time.asc())
_LATEST_JOBS = _due_jobs(_JOB.next_execution_time.desc())
_IS_UNCOUNTED = (
    _EXECUTION.status != ExecutionStatus.RUNNING.value,
    _EXECUTION.updated_at >= sa.bindparam('ended_at'),
    (_EXECUTION.updated_at > sa.bindparam('ended_at'))
    | (_EXECUTION.id > sa.bindparam('last_id')))
_COUNTED = sa.select(*(_EXECUTION[name] for name in _COUNTED_COLUMNS)).where(
    *_IS_UNCOUNTED).order_by(_EXECUTION.updated_at, _EXECUTION.id)
_UNCOUNTED = prepared.Prepared(_COUNTED.where(
    _EXECUTION.updated_at < sa.bindparam('until')).limit(_MAX_ROWS))
_LOCK_PROGRESS = prepared.Prepared(
    sa.select(*_PROGRESS.c).with_for_update())
_MOVE_PROGRESS = prepared.Prepared(sa.update(_PROGRESS).values(
    ended_at=sa.bindparam('last_end'), id=sa.bindparam('last_id'),
    as_of=sa.bindparam('counted_until')))
_OVERDUE = prepared.Prepared(sa.select(_EXECUTION.id).where(
    _EXECUTION.lease_until < sa.bindparam('until')).limit(1))
_RUNTIMES = prepared.Prepared(sa.select(
    _RUNTIME.id, _RUNTIME.status, _RUNTIME.updated_at))
_ADDRESSES = prepared.Prepared(sa.select(*_ADDRESS).order_by(_ADDRESS.id))
_HEARTBEATS: list[typing.Any] = [
    models.Engine.__table__, models.EngineAddress.__table__]
_STALLED = [
    prepared.Prepared(sa.delete(table).where(
        table.c.seen_at <= sa.bindparam('until'))) for table in _HEARTBEATS]
_PRESENT = sa.select(_FUNCTION.id).where(
    _FUNCTION.id.in_(sa.bindparam('ids', expanding=True)))


def list_due_jobs(tx: sa.Connection, horizon: datetime.datetime,
                  max_rows: int, latest: bool = False) -> _Rows:
    """Return the first jobs with a fire time until the horizon.

    :param latest: return the last ones instead.
    """
    statement = _LATEST_JOBS if latest else _EARLIEST_JOBS
    return statement.all(tx, {'horizon': horizon, 'max_rows': max_rows})


def lock_progress(tx: sa.Connection) -> typing.Any:
    """Return the progress of the statistics, locked; ``None`` at first."""
    return next(iter(_LOCK_PROGRESS.all(tx, {})), None)


def move_progress(tx: sa.Connection, last_end: datetime.datetime,
                  last_id: str, as_of: datetime.datetime) -> None:
    """Record the last execution in the statistics."""
    _MOVE_PROGRESS.change(tx, {
        'last_end': last_end, 'last_id': last_id, 'counted_until': as_of})


def has_overdue(tx: sa.Connection, until: datetime.datetime) -> bool:
    """Return whether the lease of any execution ended before a time."""
    return _OVERDUE.first_raw(tx, {'until': until}) is not None


def list_uncounted(tx: sa.Connection, progress: typing.Any,
                   until: datetime.datetime, max_rows: int) -> _Rows:
    """Return the next ended executions that statistics do not contain.

    :param progress: end and id of the last execution in the statistics.
    """
    return _UNCOUNTED.all(tx, {
        'ended_at': progress.ended_at, 'last_id': progress.id,
        'until': until, 'max_rows': max_rows})


def list_uncounted_among(tx: sa.Connection, progress: typing.Any,
                         ids: Sequence[str]) -> _Rows:
    """Return ended executions that statistics do not contain."""
    return tx.execute(_COUNTED.where(_EXECUTION.id.in_(ids)), {
        'ended_at': progress.ended_at, 'last_id': progress.id}).all()


def list_runtimes(tx: sa.Connection) -> _Rows:
    """Return id, status and ``updated_at`` of all runtimes."""
    return _RUNTIMES.all(tx, {})


def list_addresses(tx: sa.Connection) -> _Rows:
    """Return the addresses of all engines."""
    return _ADDRESSES.all(tx, {})


def delete_stalled(tx: sa.Connection, until: datetime.datetime) -> None:
    """Delete the engines whose last heartbeat is not after a time."""
    for statement in _STALLED:
        statement.change(tx, {'until': until})


def list_present(tx: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Return the ids that are ids of functions."""
    return set(tx.execute(_PRESENT, {'ids': ids}).scalars())
