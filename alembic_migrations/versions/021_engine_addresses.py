# SPDX-License-Identifier: Apache-2.0
"""Add the addresses of engines for direct connections."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '021'
down_revision = '020'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade() -> None:
    op.create_table(
        'engine_addresses',
        sa.Column('id', sa.String(length=128), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('port', sa.Integer(), nullable=False),
        sa.Column('secret', sa.String(length=64), nullable=False),
        sa.Column('tls', sa.Boolean(), nullable=False),
        sa.Column('seen_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
