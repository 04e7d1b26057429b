# SPDX-License-Identifier: Apache-2.0
"""Add machine-readable reasons of executions."""

from alembic import op
import sqlalchemy as sa

revision = '010'
down_revision = '009'


def upgrade() -> None:
    op.add_column('executions', sa.Column('reason', sa.String(length=32)))
