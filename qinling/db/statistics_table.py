# SPDX-License-Identifier: Apache-2.0
"""Tables of the statistics of executions."""

import enum

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column
#: Version in rows that add up all versions and aliases of a function, and
#: function in rows that add up all functions.
ALL_VERSIONS, ALL_FUNCTIONS = -1, ''


class Level(enum.IntEnum):
    """Executions that a row adds up."""

    PROJECT = 0
    FUNCTION = 1
    #: A version that was called without an alias.
    VERSION = 2
    #: A version that was called by an alias.
    ALIAS = 3


class _Figures:
    """Figures of executions.

    A row is about one version and alias (empty without an alias); further
    rows add up a function, and the whole project.
    """

    project_id = _column(sa.String(80), primary_key=True)
    function_id = _column(columns.Id, primary_key=True)
    function_version = _column(sa.Integer, primary_key=True,
                               autoincrement=False)
    function_alias = _column(columns.Exact, primary_key=True)
    count = _column(sa.BigInteger, nullable=False)
    cold_starts = _column(sa.BigInteger, nullable=False)
    gb_seconds = _column(columns.Number, nullable=False)
    #: Seconds of the longest run; ``None`` without a run.
    max_duration = _column(columns.Number)
    #: Reason -> number of failures.
    failures = _column(sa.JSON, nullable=False)
    #: See :mod:`qinling.core.execution.sketch`.
    duration_sketch = _column(sa.LargeBinary)


class ExecutionStatistics(_Figures, columns.Base):
    """Figures of the executions that ended within an hour."""

    __tablename__ = 'execution_statistics'
    __table_args__ = (
        sa.PrimaryKeyConstraint('project_id', 'function_id',
                                'function_version', 'hour',
                                'function_alias'),
        sa.Index('ix_execution_statistics_totals', 'project_id',
                 'function_version', 'hour'),
        sa.Index('ix_execution_statistics_function', 'project_id',
                 'function_id', 'hour'),
        sa.Index('ix_execution_statistics_alias', 'project_id',
                 'function_alias', 'hour'),
        sa.Index('ix_execution_statistics_hour', 'project_id', 'hour',
                 'function_alias'),
        columns.Base.__table_args__)

    hour = _column(columns.Time, primary_key=True)


class DailyStatistics(_Figures, columns.Base):
    """Figures of the executions that ended within a day.

    A row adds up the hours of the day, which has passed.  The primary key
    begins with the rows that a list of functions or aliases reads.
    """

    __tablename__ = 'daily_statistics'
    __table_args__ = (
        sa.PrimaryKeyConstraint('project_id', 'level', 'day', 'function_id',
                                'function_version', 'function_alias'),
        sa.Index('ix_daily_statistics_function', 'project_id', 'function_id',
                 'day'),
        sa.Index('ix_daily_statistics_alias', 'project_id', 'function_alias',
                 'day'),
        columns.Base.__table_args__)

    day = _column(columns.Time, primary_key=True)
    #: A :class:`Level`.
    level = _column(sa.Integer, primary_key=True, autoincrement=False)


class StatisticsProgress(columns.Base):
    """Single row: the last execution that the statistics contain.

    All executions are counted in the order of their end and id.  A
    transaction that counts locks the row.
    """

    __tablename__ = 'statistics_progress'

    number = _column(sa.Integer, primary_key=True, autoincrement=False)
    ended_at = _column(columns.Time, nullable=False)
    id = _column(columns.Id, nullable=False)
    #: All executions that ended before are counted.
    as_of = _column(columns.Time, nullable=False)
    #: All earlier days are added up; ``None`` before the first turn.
    next_day = _column(columns.Time)
    #: Project and function whose hours of ``next_day`` were added up last.
    next_day_project = _column(sa.String(80))
    next_day_function = _column(columns.Id)
