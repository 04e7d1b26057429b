# SPDX-License-Identifier: Apache-2.0
"""Keep replaced trusts while executions may use them."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '026'
down_revision = '025'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade() -> None:
    op.create_table(
        'replaced_trusts',
        sa.Column('id', sa.String(length=255), nullable=False),
        sa.Column('function_id', sa.String(length=36), nullable=False),
        sa.Column('replaced_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
    op.create_index('ix_replaced_trusts_function', 'replaced_trusts',
                    ['function_id'], if_not_exists=True)
