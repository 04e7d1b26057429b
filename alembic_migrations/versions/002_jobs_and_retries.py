# SPDX-License-Identifier: Apache-2.0
"""Add time zones and misfires of jobs, retries and origins of executions."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '002'
down_revision = '001'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
ID = sa.String(length=36)


def upgrade() -> None:
    for table in ('functions', 'function_versions'):
        op.add_column(table, sa.Column('async_policy', sa.JSON()))
    op.add_column('executions', sa.Column(
        'retry', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('executions', sa.Column('next_attempt_at', TIME))
    op.add_column('executions', sa.Column('rerun_of', ID))
    op.add_column('executions', sa.Column('failed_id', ID))
    op.add_column('jobs', sa.Column('status_reason', sa.Text()))
    op.add_column('jobs', sa.Column('timezone', sa.String(length=64)))
    op.add_column('jobs', sa.Column(
        'misfire', sa.String(length=32), nullable=False,
        server_default='once'))
