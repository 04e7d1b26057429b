# SPDX-License-Identifier: Apache-2.0
"""Add the language of a runtime and the language version."""

from alembic import op
import sqlalchemy as sa

revision = '009'
down_revision = '008'


def upgrade() -> None:
    for name in ('language', 'language_version'):
        op.add_column('runtimes', sa.Column(name, sa.String(length=64)))
