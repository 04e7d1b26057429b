# SPDX-License-Identifier: Apache-2.0
"""Add figures and origins of executions, and indexes of their lists."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from qinling.db import online_ddl

revision = '011'
down_revision = '010'

TABLE = 'executions'
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
#: Name, columns before creation and id, condition of a partial index.
INDEXES: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ('by_status', ('project_id', 'status'), "status <> 'success'"),
    ('by_function', ('function_id',), None),
    ('by_version', ('function_id', 'function_version'),
     'function_version <> 0'),
    ('by_failure', ('function_id', 'status'),
     "status <> 'success' AND status <> 'running'"),
    ('by_end', ('project_id', 'updated_at'), 'updated_at IS NOT NULL'),
    ('by_duration', ('project_id', 'duration'), 'duration IS NOT NULL'),
    ('by_alias', ('project_id', 'function_alias'),
     'function_alias IS NOT NULL'),
    ('by_reason', ('project_id', 'reason'), 'reason IS NOT NULL'),
    ('by_description', ('project_id', 'description'),
     'description IS NOT NULL'),
    ('by_job', ('job_id',), 'job_id IS NOT NULL'),
    ('by_group', ('group_id',), 'group_id IS NOT NULL'))


def upgrade() -> None:
    online_ddl.add_missing_columns(
        TABLE,
        sa.Column('trigger', sa.String(length=32)),
        sa.Column('group_id', sa.String(length=36)),
        sa.Column('memory_size', sa.BigInteger()),
        sa.Column('started_at', TIME),
        sa.Column('duration', sa.Double()),
        sa.Column('import_ms', sa.Double()),
        sa.Column('memory_peak', sa.BigInteger()),
    )
    online_ddl.create_missing_index(
        'ix_executions_ended', TABLE, ['updated_at', 'id'],
        'updated_at IS NOT NULL')
    for name, columns, where in INDEXES:
        online_ddl.create_missing_index(
            f'ix_executions_{name}', TABLE, [*columns, 'created_at', 'id'],
            where)
    # Each has a successor with more columns.
    online_ddl.drop_present_index('ix_executions_function', TABLE)
    online_ddl.drop_present_index('ix_executions_alias', TABLE)
