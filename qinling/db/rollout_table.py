# SPDX-License-Identifier: Apache-2.0
"""Table of the rollouts."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class Rollout(columns.Common, columns.Revised, columns.Base):
    """Move of an alias to a version, in steps and under guards.

    Engines look at running rollouts; ``revision`` lets one look count.
    """

    __tablename__ = 'rollouts'
    __table_args__ = (sa.Index('ix_rollouts_alias', 'alias_id', 'created_at'),
                      sa.Index('ix_rollouts_status', 'status'),
                      columns.Base.__table_args__)

    alias_id = _column(
        columns.Id, sa.ForeignKey('function_aliases.id', ondelete='CASCADE'),
        nullable=False)
    alias_name = _column(columns.Exact, nullable=False)
    function_id = _column(columns.Id, nullable=False)
    from_version = _column(sa.Integer, nullable=False)
    to_version = _column(sa.Integer, nullable=False)
    status = _column(sa.String(32), nullable=False)
    #: Why the rollout is in this status.
    status_reason = _column(sa.Text)
    #: List of ``weight``, ``min_executions`` and ``min_time`` in seconds.
    steps = _column(sa.JSON, nullable=False)
    #: Guard -> limits; see :mod:`qinling.core.rollout.plans`.
    guards = _column(sa.JSON, nullable=False)
    on_breach = _column(sa.String(32), nullable=False)
    #: Index of the present step, and its start.
    step = _column(sa.Integer, nullable=False, default=0)
    step_started_at = _column(columns.Time, nullable=False)
    #: End and id of the last execution in ``judgement``.
    seen_until = _column(columns.Time, nullable=False)
    seen_id = _column(columns.Id, nullable=False)
    #: See :mod:`qinling.core.rollout.judge`.
    judgement = _column(sa.JSON, nullable=False)
