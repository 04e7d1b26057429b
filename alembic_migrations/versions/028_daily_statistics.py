# SPDX-License-Identifier: Apache-2.0
"""Add statistics of whole days."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from qinling.db import online_ddl

revision = '028'
down_revision = '027'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
EXACT = sa.String(length=255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')


def upgrade() -> None:
    op.create_table(
        'daily_statistics',
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('level', sa.Integer(), nullable=False),
        sa.Column('day', TIME, nullable=False),
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('function_alias', EXACT, nullable=False),
        sa.Column('count', sa.BigInteger(), nullable=False),
        sa.Column('cold_starts', sa.BigInteger(), nullable=False),
        sa.Column('gb_seconds', sa.Double(), nullable=False),
        sa.Column('max_duration', sa.Double()),
        sa.Column('failures', sa.JSON(), nullable=False),
        sa.Column('duration_sketch', sa.LargeBinary()),
        sa.PrimaryKeyConstraint('project_id', 'level', 'day', 'function_id',
                                'function_version', 'function_alias'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
    for noun in ('function', 'alias'):
        column = 'function_id' if noun == 'function' else 'function_alias'
        op.create_index(
            f'ix_daily_statistics_{noun}', 'daily_statistics',
            ['project_id', column, 'day'], if_not_exists=True)
    # Engines add up the earlier days after the upgrade.
    online_ddl.add_missing_columns(
        'statistics_progress', sa.Column('next_day', TIME),
        sa.Column('next_day_project', sa.String(length=80)),
        sa.Column('next_day_function', sa.String(length=36)))
    online_ddl.create_missing_index(
        'ix_execution_statistics_hour', 'execution_statistics',
        ['project_id', 'hour', 'function_alias'])
