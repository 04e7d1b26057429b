# SPDX-License-Identifier: Apache-2.0
"""Add quotas of projects, and sizes of packages."""

import typing

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '006'
down_revision = '005'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
TABLE: dict[str, typing.Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}
RESOURCES = ('functions', 'versions', 'storage_bytes', 'jobs', 'webhooks',
             'concurrent_executions')


def upgrade() -> None:
    op.create_table(
        'quotas',
        sa.Column('project_id', sa.String(length=80), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True)
          for name in RESOURCES),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('project_id'),
        **TABLE
    )
    op.create_table(
        'packages',
        sa.Column('key', sa.String(length=128), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('key'),
        **TABLE
    )
    op.create_index('ix_packages_project', 'packages', ['project_id'])
