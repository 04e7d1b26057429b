# SPDX-License-Identifier: Apache-2.0
"""Create the tables of the first release."""

import typing

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '001'
down_revision = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
EXACT = sa.String(255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb'
)
TABLE: dict[str, typing.Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}


def upgrade() -> None:
    executions()
    jobs()
    runtimes()
    webhooks()
    functions()
    function_aliases()
    function_versions()
    alias_changes()
    alias_routes()


def executions() -> None:
    op.create_table(
        'executions',
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('function_alias', EXACT, nullable=True),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('sync', sa.Boolean(), nullable=False),
        sa.Column('input', LONG, nullable=True),
        sa.Column('result', LONG, nullable=True),
        sa.Column('logs', LONG, nullable=True),
        sa.Column('owner', sa.String(length=128), nullable=True),
        sa.Column('lease_until', TIME, nullable=True),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('job_id', sa.String(length=36), nullable=True),
        sa.Column('scheduled_at', TIME, nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint(
            'job_id', 'scheduled_at', name='uq_executions_tick'
        ),
        **TABLE
    )
    op.create_index(
        'ix_executions_alias', 'executions', ['project_id', 'function_alias']
    )
    op.create_index('ix_executions_created', 'executions', ['created_at'])
    op.create_index(
        'ix_executions_function',
        'executions',
        ['function_id', 'function_version', 'status'],
    )
    op.create_index('ix_executions_lease', 'executions', ['lease_until'])
    op.create_index(
        'ix_executions_project',
        'executions',
        ['project_id', 'created_at', 'id'],
    )


def jobs() -> None:
    op.create_table(
        'jobs',
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('function_id', sa.String(length=36), nullable=True),
        sa.Column('function_alias', EXACT, nullable=True),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('function_input', LONG, nullable=True),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('pattern', sa.String(length=255), nullable=True),
        sa.Column('count', sa.Integer(), nullable=True),
        sa.Column('first_execution_time', TIME, nullable=True),
        sa.Column('next_execution_time', TIME, nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column(
            'revision', sa.Integer(), server_default='1', nullable=False
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index('ix_jobs_alias', 'jobs', ['project_id', 'function_alias'])
    op.create_index('ix_jobs_due', 'jobs', ['status', 'next_execution_time'])
    op.create_index(
        'ix_jobs_function', 'jobs', ['function_id', 'function_version']
    )
    op.create_index(
        'ix_jobs_project', 'jobs', ['project_id', 'created_at', 'id']
    )


def runtimes() -> None:
    op.create_table(
        'runtimes',
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('image', sa.String(length=255), nullable=False),
        sa.Column('is_public', sa.Boolean(), nullable=False),
        sa.Column('trusted', sa.Boolean(), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('status_reason', sa.Text(), nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column(
            'revision', sa.Integer(), server_default='1', nullable=False
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index('ix_runtimes_project', 'runtimes', ['project_id'])


def webhooks() -> None:
    op.create_table(
        'webhooks',
        sa.Column('function_id', sa.String(length=36), nullable=True),
        sa.Column('function_alias', EXACT, nullable=True),
        sa.Column('function_version', sa.Integer(), nullable=True),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column(
            'revision', sa.Integer(), server_default='1', nullable=False
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index(
        'ix_webhooks_alias', 'webhooks', ['project_id', 'function_alias']
    )
    op.create_index(
        'ix_webhooks_function', 'webhooks', ['function_id', 'function_version']
    )
    op.create_index(
        'ix_webhooks_project', 'webhooks', ['project_id', 'created_at', 'id']
    )


def functions() -> None:
    op.create_table(
        'functions',
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('count', sa.BigInteger(), nullable=False),
        sa.Column('latest_version', sa.Integer(), nullable=False),
        sa.Column('version_counter', sa.Integer(), nullable=False),
        sa.Column('trust_id', sa.String(length=80), nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('code', sa.JSON(), nullable=False),
        sa.Column('package', sa.String(length=128), nullable=True),
        sa.Column('entry', sa.String(length=80), nullable=True),
        sa.Column('cpu', sa.Integer(), nullable=False),
        sa.Column('memory_size', sa.BigInteger(), nullable=False),
        sa.Column('timeout', sa.Integer(), nullable=False),
        sa.Column('runtime_id', sa.String(length=36), nullable=True),
        sa.Column(
            'revision', sa.Integer(), server_default='1', nullable=False
        ),
        sa.ForeignKeyConstraint(
            ['runtime_id'],
            ['runtimes.id'],
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index(op.f('ix_functions_package'), 'functions', ['package'])
    op.create_index(
        'ix_functions_project', 'functions', ['project_id', 'created_at', 'id']
    )
    op.create_index(
        op.f('ix_functions_runtime_id'), 'functions', ['runtime_id']
    )


def function_aliases() -> None:
    op.create_table(
        'function_aliases',
        sa.Column('name', EXACT, nullable=False),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('routing', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column(
            'revision', sa.Integer(), server_default='1', nullable=False
        ),
        sa.ForeignKeyConstraint(
            ['function_id'],
            ['functions.id'],
        ),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint(
            'project_id', 'name', name='uq_function_aliases_name'
        ),
        **TABLE
    )
    op.create_index(
        'ix_function_aliases_target',
        'function_aliases',
        ['function_id', 'function_version'],
    )


def function_versions() -> None:
    op.create_table(
        'function_versions',
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('version_number', sa.Integer(), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('count', sa.BigInteger(), nullable=False),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('code', sa.JSON(), nullable=False),
        sa.Column('package', sa.String(length=128), nullable=True),
        sa.Column('entry', sa.String(length=80), nullable=True),
        sa.Column('cpu', sa.Integer(), nullable=False),
        sa.Column('memory_size', sa.BigInteger(), nullable=False),
        sa.Column('timeout', sa.Integer(), nullable=False),
        sa.Column('runtime_id', sa.String(length=36), nullable=True),
        sa.Column(
            'revision', sa.Integer(), server_default='1', nullable=False
        ),
        sa.ForeignKeyConstraint(
            ['function_id'], ['functions.id'], ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['runtime_id'],
            ['runtimes.id'],
        ),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint(
            'function_id', 'version_number', name='uq_function_versions_number'
        ),
        **TABLE
    )
    op.create_index(
        op.f('ix_function_versions_package'), 'function_versions', ['package']
    )
    op.create_index(
        'ix_function_versions_project', 'function_versions', ['project_id']
    )
    op.create_index(
        op.f('ix_function_versions_runtime_id'),
        'function_versions',
        ['runtime_id'],
    )


def alias_changes() -> None:
    op.create_table(
        'alias_changes',
        sa.Column('alias_id', sa.String(length=36), nullable=False),
        sa.Column(
            'revision', sa.Integer(), autoincrement=False, nullable=False
        ),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('user_id', sa.String(length=80), nullable=True),
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('routing', sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ['alias_id'], ['function_aliases.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('alias_id', 'revision'),
        **TABLE
    )


def alias_routes() -> None:
    op.create_table(
        'alias_routes',
        sa.Column('alias_id', sa.String(length=36), nullable=False),
        sa.Column(
            'function_version',
            sa.Integer(),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column('weight', sa.Float(), nullable=False),
        sa.Column('low', sa.BigInteger(), nullable=False),
        sa.Column('high', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ['alias_id'], ['function_aliases.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('alias_id', 'function_version'),
        **TABLE
    )
