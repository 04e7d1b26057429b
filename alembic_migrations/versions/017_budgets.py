# SPDX-License-Identifier: Apache-2.0
"""Add budgets of projects."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '017'
down_revision = '016'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade() -> None:
    op.create_table(
        'budgets',
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('amount', sa.Double(), nullable=False),
        sa.Column('warn_at', sa.Double(), nullable=False),
        sa.Column('warning_url', sa.Text(), nullable=True),
        sa.Column('on_exceeded', sa.String(length=32), nullable=False),
        sa.Column('month', sa.String(length=7), nullable=False),
        sa.Column('spent', sa.Double(), nullable=False),
        sa.Column('level', sa.Integer(), nullable=False),
        sa.Column('reported_level', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('project_id'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
