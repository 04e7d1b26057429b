# SPDX-License-Identifier: Apache-2.0
"""Table of the operations on many executions."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class Operation(columns.Common, columns.Revised, columns.Base):
    """Action on all executions that a filter selects.

    One transaction acts on a batch of executions and moves the position, so
    each execution is met once.  ``owner`` is the engine that works at the
    operation; after ``lease_until`` any engine may.
    """

    __tablename__ = 'operations'
    __table_args__ = (
        sa.Index('ix_operations_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_operations_status', 'status', 'ready_at'),
        columns.Base.__table_args__)

    user_id = _column(sa.String(80))
    #: An :class:`qinling.states.OperationAction`.
    action = _column(sa.String(32), nullable=False)
    #: Name -> list of texts, as in lists of executions.
    filter = _column(sa.JSON, nullable=False)
    #: Version of reruns: a number, or a word of the API.
    function_version = _column(sa.String(32))
    #: Executions per second, ``None`` without a limit.
    rate = _column(columns.Number)
    status = _column(sa.String(32), nullable=False)
    #: Why the operation is in this status, or what the next batch waits for.
    status_reason = _column(sa.Text)
    #: Executions that the filter selected at the start.
    total = _column(sa.BigInteger, nullable=False)
    done = _column(sa.BigInteger, nullable=False, default=0)
    skipped = _column(sa.BigInteger, nullable=False, default=0)
    #: Sentence -> number of executions.
    skip_reasons = _column(sa.JSON, nullable=False)
    #: Creation and id of the last execution met.
    position_at = _column(columns.Time)
    position_id = _column(columns.Id, nullable=False, default='')
    #: Earliest time of the next batch.
    ready_at = _column(columns.Time, nullable=False, default=columns.now)
    owner = _column(sa.String(128))
    lease_until = _column(columns.Time)
