# SPDX-License-Identifier: Apache-2.0
"""Statements about the executions that a rollout compares."""

from collections.abc import Sequence
import datetime
import typing

import sqlalchemy as sa

from qinling.db import execution_table
from qinling.db import models
from qinling import states

_E = models.Execution
_COLUMNS = (_E.id, _E.function_version, _E.status, _E.reason, _E.duration,
            _E.updated_at)
_HAS_ENDED = _E.status != states.ExecutionStatus.RUNNING.value


def latest_executions(tx: sa.Connection, function_id: str, version: int,
                      limit: int) -> Sequence[typing.Any]:
    """Return ended executions among the latest of a version, newest first."""
    index = 'by_version' if version else 'by_function'
    condition = execution_table.LIST_INDEXES[index][1]
    latest = sa.select(*_COLUMNS).where(
        _E.function_id == function_id, _E.function_version == version,
        *([sa.text(condition)] if condition else [])).order_by(
            _E.created_at.desc(), _E.id.desc()).limit(limit)
    return [row for row in tx.execute(latest).all()
            if row.status != states.ExecutionStatus.RUNNING.value]


def ended_executions(tx: sa.Connection, rollout: typing.Any,
                     until: datetime.datetime, limit: int
                     ) -> Sequence[typing.Any]:
    """Return the next executions that ended through the alias of a rollout.

    :param until: end of the time range.
    """
    ended_at = _E.updated_at
    return tx.execute(sa.select(*_COLUMNS).where(
        _E.project_id == rollout.project_id,
        ended_at >= rollout.seen_until, ended_at < until,
        (ended_at > rollout.seen_until) | (_E.id > rollout.seen_id),
        _E.function_alias == rollout.alias_name,
        # Callers who choose a version are no sample of all callers.
        _E.version_chosen.is_(None),
        _E.function_version.in_((rollout.from_version, rollout.to_version)),
        _HAS_ENDED).order_by(ended_at, _E.id).limit(limit)).all()
