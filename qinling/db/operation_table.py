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
    #: Alias whose executions a replay repeats.
    function_alias = _column(columns.Exact)
    #: JSON pointers of a replay to leave out of the comparison.
    ignore = _column(sa.JSON(none_as_null=True))
    #: Whether the executions of a replay have a network.
    network = _column(sa.Boolean)
    #: Executions of a replay with another status or output.
    different = _column(sa.BigInteger)
    #: Earliest time of the next batch.
    ready_at = _column(columns.Time, nullable=False, default=columns.now)
    owner = _column(sa.String(128))
    lease_until = _column(columns.Time)


class ReplayResult(columns.Common, columns.Base):
    """Comparison of one execution of a replay with the recorded one."""

    __tablename__ = 'replay_results'
    __table_args__ = (
        sa.UniqueConstraint('operation_id', 'source_id',
                            name='uq_replay_results_source'),
        sa.Index('ix_replay_results_operation', 'operation_id', 'different',
                 'created_at', 'id'),
        columns.Base.__table_args__)

    operation_id = _column(
        columns.Id, sa.ForeignKey('operations.id', ondelete='CASCADE'),
        nullable=False)
    #: The recorded execution, and its repetition.
    source_id = _column(columns.Id, nullable=False)
    execution_id = _column(columns.Id, nullable=False)
    #: ``None`` until the repetition has ended.
    different = _column(sa.Boolean)
    #: List of ``path``, ``old`` and ``new``.
    differences = _column(sa.JSON, nullable=False)
    #: Duration of the repetition divided by the recorded one.
    duration_ratio = _column(columns.Number)
    #: Characters of both logs.
    old_log_size = _column(sa.Integer)
    new_log_size = _column(sa.Integer)
