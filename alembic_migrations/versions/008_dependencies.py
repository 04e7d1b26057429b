# SPDX-License-Identifier: Apache-2.0
"""Add environment, secrets and dependencies of functions."""

import typing

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '008'
down_revision = '007'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
TABLE: dict[str, typing.Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}


def upgrade() -> None:
    op.create_table(
        'function_settings',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('environment', sa.JSON(), nullable=False),
        sa.Column('secrets', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    for table in ('functions', 'function_versions'):
        op.add_column(table, sa.Column('settings_id', sa.String(length=36)))
        op.create_index(f'ix_{table}_settings_id', table, ['settings_id'])
    op.create_table(
        'builds',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('kind', sa.String(length=32), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('status_reason', sa.Text(), nullable=True),
        sa.Column('log', LONG, nullable=True),
        sa.Column('package', sa.String(length=128), nullable=True),
        sa.Column('size', sa.BigInteger(), nullable=True),
        sa.Column('owner', sa.String(length=128), nullable=True),
        sa.Column('lease_until', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('ended_at', TIME, nullable=True),
        sa.Column('used_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index('ix_builds_digest', 'builds', ['digest', 'created_at'])
    op.create_index('ix_builds_package', 'builds', ['package'])
