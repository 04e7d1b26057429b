# SPDX-License-Identifier: Apache-2.0
"""Add the ledger of the fire times of jobs."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '018'
down_revision = '017'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade() -> None:
    op.create_table(
        'job_fires',
        sa.Column('job_id', sa.String(length=36), nullable=False),
        sa.Column('scheduled_at', TIME, nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('until', TIME, nullable=True),
        sa.Column('pattern', sa.String(length=255), nullable=True),
        sa.Column('timezone', sa.String(length=64), nullable=True),
        sa.Column('decided_at', TIME, nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('execution_id', sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('job_id', 'scheduled_at', 'status'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
    op.create_index('ix_job_fires_decided', 'job_fires', ['decided_at'],
                    if_not_exists=True)
