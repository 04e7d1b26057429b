# SPDX-License-Identifier: Apache-2.0
"""Add the deliveries to webhooks."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from qinling.db import online_ddl

revision = '027'
down_revision = '026'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), 'mysql', 'mariadb')


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'webhooks', sa.Column('keep_deliveries', sa.Boolean(),
                              nullable=False, server_default='1'))
    op.create_table(
        'deliveries',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('webhook_id', sa.String(length=36), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('signature', sa.String(length=32), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('status_code', sa.Integer(), nullable=True),
        sa.Column('execution_id', sa.String(length=36), nullable=True),
        sa.Column('replay_of', sa.String(length=36), nullable=True),
        sa.Column('source_address', sa.String(length=64), nullable=True),
        sa.Column('method', sa.String(length=16), nullable=False),
        sa.Column('path', LONG, nullable=False),
        sa.Column('query', LONG, nullable=False),
        sa.Column('headers', LONG, nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=True),
        sa.Column('has_body', sa.Boolean(), nullable=False),
        sa.Column('body', BYTES, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
    op.create_index('ix_deliveries_webhook', 'deliveries',
                    ['webhook_id', 'created_at', 'id'], if_not_exists=True)
    op.create_index('ix_deliveries_created', 'deliveries', ['created_at'],
                    if_not_exists=True)
