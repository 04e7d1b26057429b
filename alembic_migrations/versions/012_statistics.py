# SPDX-License-Identifier: Apache-2.0
"""Add statistics of executions."""

import typing

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '012'
down_revision = '011'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
EXACT = sa.String(length=255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')
TABLE: dict[str, typing.Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'if_not_exists': True}


def upgrade() -> None:
    op.create_table(
        'execution_statistics',
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('hour', TIME, nullable=False),
        sa.Column('function_alias', EXACT, nullable=False),
        sa.Column('count', sa.BigInteger(), nullable=False),
        sa.Column('cold_starts', sa.BigInteger(), nullable=False),
        sa.Column('gb_seconds', sa.Double(), nullable=False),
        sa.Column('max_duration', sa.Double(), nullable=True),
        sa.Column('failures', sa.JSON(), nullable=False),
        sa.Column('durations', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'function_id',
                                'function_version', 'hour',
                                'function_alias'),
        **TABLE
    )
    op.create_index(
        'ix_execution_statistics_totals', 'execution_statistics',
        ['project_id', 'function_version', 'hour'], if_not_exists=True)
    op.create_index(
        'ix_execution_statistics_alias', 'execution_statistics',
        ['project_id', 'function_alias', 'hour'], if_not_exists=True)
    op.create_table(
        'statistics_progress',
        sa.Column('number', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.Column('ended_at', TIME, nullable=False),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('as_of', TIME, nullable=False),
        sa.PrimaryKeyConstraint('number'),
        **TABLE
    )
