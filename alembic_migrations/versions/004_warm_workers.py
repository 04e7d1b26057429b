# SPDX-License-Identifier: Apache-2.0
"""Add the number of warm workers of a function or a version."""

from alembic import op
import sqlalchemy as sa

revision = '004'
down_revision = '003'


def upgrade() -> None:
    for table in ('functions', 'function_versions'):
        op.add_column(table, sa.Column(
            'min_workers', sa.Integer(), nullable=False, server_default='0'))
