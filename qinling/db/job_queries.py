# SPDX-License-Identifier: Apache-2.0
"""Statements about the executions that jobs watch."""

from collections.abc import Sequence
import typing

import sqlalchemy as sa

from qinling.db import models
from qinling import states

_E, _RUN = models.Execution, models.JobRun
_JOIN = sa.outerjoin(_RUN, _E, _E.id == _RUN.execution_id)
_HAS_ENDED = _E.status.is_(None) | (
    _E.status != states.ExecutionStatus.RUNNING.value)
_ENDED = sa.select(_RUN.job_id).select_from(_JOIN).where(
    _HAS_ENDED).distinct()


def list_jobs_with_ended_runs(tx: sa.Connection, limit: int
                              ) -> Sequence[str]:
    """Return the ids of jobs whose watched executions have ended."""
    return tx.execute(_ENDED.limit(limit)).scalars().all()


def list_runs(tx: sa.Connection, job_id: str) -> Sequence[typing.Any]:
    """Return the watched executions of a job in the order of their ends.

    The status of a deleted execution is ``None``.
    """
    return tx.execute(sa.select(_RUN.execution_id, _E.status).select_from(
        _JOIN).where(_RUN.job_id == job_id).order_by(
            _E.updated_at, _RUN.execution_id)).all()
