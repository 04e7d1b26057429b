# SPDX-License-Identifier: Apache-2.0
"""Add overlap policies, limits, jitter and exclusions of jobs."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from qinling.db import online_ddl

revision = '025'
down_revision = '024'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'jobs', sa.Column('next_fire_time', TIME),
        sa.Column('start_at', TIME), sa.Column('end_at', TIME),
        sa.Column('jitter', sa.Integer()), sa.Column('exclusions', sa.JSON()),
        sa.Column('overlap', sa.String(length=32), nullable=False,
                  server_default='allow'),
        sa.Column('max_failures', sa.Integer()),
        sa.Column('failures', sa.Integer(), nullable=False,
                  server_default='0'))
    op.create_table(
        'job_runs',
        sa.Column('execution_id', sa.String(length=36), nullable=False),
        sa.Column('job_id', sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('execution_id'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4', if_not_exists=True)
    op.create_index('ix_job_runs_job', 'job_runs', ['job_id'],
                    if_not_exists=True)
