# SPDX-License-Identifier: Apache-2.0
"""Add rollouts of aliases."""

import typing

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from qinling.db import online_ddl

revision = '014'
down_revision = '013'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
EXACT = sa.String(length=255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')
TABLE: dict[str, typing.Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'if_not_exists': True}


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'alias_changes',
        sa.Column('rollout_id', sa.String(length=36)),
        sa.Column('reason', sa.Text()),
    )
    op.create_table(
        'rollouts',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('revision', sa.Integer(), server_default='1',
                  nullable=False),
        sa.Column('alias_id', sa.String(length=36), nullable=False),
        sa.Column('alias_name', EXACT, nullable=False),
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('from_version', sa.Integer(), nullable=False),
        sa.Column('to_version', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('status_reason', sa.Text(), nullable=True),
        sa.Column('steps', sa.JSON(), nullable=False),
        sa.Column('guards', sa.JSON(), nullable=False),
        sa.Column('on_breach', sa.String(length=32), nullable=False),
        sa.Column('step', sa.Integer(), nullable=False),
        sa.Column('step_started_at', TIME, nullable=False),
        sa.Column('seen_until', TIME, nullable=False),
        sa.Column('seen_id', sa.String(length=36), nullable=False),
        sa.Column('judgement', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['alias_id'], ['function_aliases.id'],
                                ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index('ix_rollouts_alias', 'rollouts',
                    ['alias_id', 'created_at'], if_not_exists=True)
    op.create_index('ix_rollouts_status', 'rollouts', ['status'],
                    if_not_exists=True)
