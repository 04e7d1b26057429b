# SPDX-License-Identifier: Apache-2.0
"""Add the flow control of functions and aliases."""

from alembic import op
import sqlalchemy as sa

from qinling.db import columns
from qinling.db import online_ddl

revision = '030'
down_revision = '029'


def upgrade() -> None:
    for table in ('functions', 'function_aliases'):
        online_ddl.add_missing_columns(
            table, sa.Column('flow_control', sa.JSON()))
    online_ddl.add_missing_columns(
        'executions', sa.Column('flow_key', columns.Exact))
    op.create_table(
        'flow_entries',
        sa.Column('execution_id', columns.Id, nullable=False),
        sa.Column('scope_id', columns.Id, nullable=False),
        sa.Column('flow_key', columns.Exact, nullable=False),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('sort_at', columns.Time, nullable=False),
        sa.Column('ready_at', columns.Time),
        sa.Column('first_at', columns.Time),
        sa.Column('started_at', columns.Time),
        sa.PrimaryKeyConstraint('execution_id'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        sqlite_with_rowid=False, if_not_exists=True)
    op.create_index(
        'ix_flow_entries_line', 'flow_entries',
        ['scope_id', 'flow_key', 'status', 'sort_at'], if_not_exists=True)
    op.create_table(
        'flow_locks',
        sa.Column('number', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.PrimaryKeyConstraint('number'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
