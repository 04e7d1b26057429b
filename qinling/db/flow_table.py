# SPDX-License-Identifier: Apache-2.0
"""Tables of the flow control of executions."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class FlowEntry(columns.Base):
    """Execution in the line of its key.

    A line is a key within a scope: a function, or an alias with a flow
    control.  The row is deleted with the end of the execution; a line with a
    rate keeps the row as ``ended`` until the period of the rate is over.
    """

    __tablename__ = 'flow_entries'
    __table_args__ = (
        sa.Index('ix_flow_entries_line', 'scope_id', 'flow_key', 'status',
                 'sort_at'),
        # One tree of pages less for SQLite to write.
        {**columns.Base.__table_args__, 'sqlite_with_rowid': False})

    execution_id = _column(columns.Id, primary_key=True)
    scope_id = _column(columns.Id, nullable=False)
    flow_key = _column(columns.Exact, nullable=False)
    #: See :class:`qinling.flow_states.FlowStatus`.
    status = _column(sa.String(16), nullable=False)
    #: Place in the line: the creation, less the head start of the priority.
    sort_at = _column(columns.Time, nullable=False)
    #: Time before which the execution does not start, if any.
    ready_at = _column(columns.Time)
    #: Creation of the first execution that a debounced one replaces.
    first_at = _column(columns.Time)
    #: Time at which the execution left the waiting line, if a rate counts
    #: the execution.
    started_at = _column(columns.Time)


class FlowLock(columns.Base):
    """Lock that many lines share; no row is ever deleted."""

    __tablename__ = 'flow_locks'

    number = _column(sa.Integer, primary_key=True, autoincrement=False)
