# SPDX-License-Identifier: Apache-2.0
"""Add the identity of the installation."""

from alembic import op
import sqlalchemy as sa

revision = '005'
down_revision = '004'


def upgrade() -> None:
    op.create_table(
        'installation',
        sa.Column('number', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint('number'),
        mysql_engine='InnoDB',
        mysql_charset='utf8mb4',
    )
