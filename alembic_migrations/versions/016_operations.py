# SPDX-License-Identifier: Apache-2.0
"""Add fingerprints and groups of failures, operations and replays."""

import typing

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from qinling.db import online_ddl

revision = '016'
down_revision = '015'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
EXACT = sa.String(length=255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')
TABLE: dict[str, typing.Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'if_not_exists': True}


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'executions', sa.Column('fingerprint', sa.String(length=36)))
    create_failures()
    create_operations()
    create_replay_results()
    online_ddl.create_missing_index(
        'ix_executions_by_fingerprint', 'executions',
        ['project_id', 'fingerprint', 'created_at', 'id'],
        'fingerprint IS NOT NULL')


def create_failures() -> None:
    op.create_table(
        'failures',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('version_list', sa.Text(), nullable=False),
        sa.Column('reason', sa.String(length=32), nullable=False),
        sa.Column('exception_type', sa.String(length=255), nullable=True),
        sa.Column('message', sa.Text(), nullable=False),
        sa.Column('frames', sa.JSON(), nullable=False),
        sa.Column('count', sa.BigInteger(), nullable=False),
        sa.Column('last_seen_at', TIME, nullable=False),
        sa.Column('last_execution_id', sa.String(length=36),
                  nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    for name, columns in (
            ('project', ['project_id', 'created_at', 'id']),
            ('seen', ['project_id', 'last_seen_at', 'created_at', 'id']),
            ('function', ['function_id', 'created_at', 'id'])):
        op.create_index(f'ix_failures_{name}', 'failures', columns,
                        if_not_exists=True)


def create_operations() -> None:
    op.create_table(
        'operations',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('revision', sa.Integer(), server_default='1',
                  nullable=False),
        sa.Column('user_id', sa.String(length=80), nullable=True),
        sa.Column('action', sa.String(length=32), nullable=False),
        sa.Column('filter', sa.JSON(), nullable=False),
        sa.Column('function_version', sa.String(length=32), nullable=True),
        sa.Column('rate', sa.Double(), nullable=True),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('status_reason', sa.Text(), nullable=True),
        sa.Column('total', sa.BigInteger(), nullable=False),
        sa.Column('done', sa.BigInteger(), nullable=False),
        sa.Column('skipped', sa.BigInteger(), nullable=False),
        sa.Column('skip_reasons', sa.JSON(), nullable=False),
        sa.Column('position_at', TIME, nullable=True),
        sa.Column('position_id', sa.String(length=36), nullable=False),
        sa.Column('function_alias', EXACT, nullable=True),
        sa.Column('ignore', sa.JSON(), nullable=True),
        sa.Column('different', sa.BigInteger(), nullable=True),
        sa.Column('ready_at', TIME, nullable=False),
        sa.Column('owner', sa.String(length=128), nullable=True),
        sa.Column('lease_until', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index('ix_operations_project', 'operations',
                    ['project_id', 'created_at', 'id'], if_not_exists=True)
    op.create_index('ix_operations_status', 'operations',
                    ['status', 'ready_at'], if_not_exists=True)


def create_replay_results() -> None:
    op.create_table(
        'replay_results',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('operation_id', sa.String(length=36), nullable=False),
        sa.Column('source_id', sa.String(length=36), nullable=False),
        sa.Column('execution_id', sa.String(length=36), nullable=False),
        sa.Column('different', sa.Boolean(), nullable=True),
        sa.Column('differences', sa.JSON(), nullable=False),
        sa.Column('duration_ratio', sa.Double(), nullable=True),
        sa.Column('old_log_size', sa.Integer(), nullable=True),
        sa.Column('new_log_size', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['operation_id'], ['operations.id'],
                                ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('operation_id', 'source_id',
                            name='uq_replay_results_source'),
        **TABLE
    )
    op.create_index(
        'ix_replay_results_operation', 'replay_results',
        ['operation_id', 'different', 'created_at', 'id'],
        if_not_exists=True)
