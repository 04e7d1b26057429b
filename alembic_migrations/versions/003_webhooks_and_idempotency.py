# SPDX-License-Identifier: Apache-2.0
"""Add secrets, rate limits and answers of webhooks, and idempotency keys."""

import typing

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '003'
down_revision = '002'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
TABLE: dict[str, typing.Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}


def upgrade() -> None:
    for column in webhook_columns():
        op.add_column('webhooks', column)
    op.create_table(
        'idempotency_keys',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('fingerprint', sa.String(length=64), nullable=False),
        sa.Column('resource_id', sa.String(length=36), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
    op.create_index(
        'ix_idempotency_keys_created', 'idempotency_keys', ['created_at']
    )


def webhook_columns() -> tuple[sa.Column[typing.Any], ...]:
    return (
        sa.Column(
            'sync', sa.Boolean(), server_default='0', nullable=False
        ),
        sa.Column(
            'payload',
            sa.String(length=32),
            server_default='merged',
            nullable=False,
        ),
        sa.Column('signature', sa.String(length=32), nullable=True),
        sa.Column('secret', sa.Text(), nullable=True),
        sa.Column('previous_secret', sa.Text(), nullable=True),
        sa.Column('previous_until', TIME, nullable=True),
        sa.Column(
            'refused', sa.BigInteger(), server_default='0', nullable=False
        ),
    )
