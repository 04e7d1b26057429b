# SPDX-License-Identifier: Apache-2.0
"""Add the methods of webhooks."""

import sqlalchemy as sa

from qinling.db import online_ddl

revision = '022'
down_revision = '021'


def upgrade() -> None:
    online_ddl.add_missing_columns('webhooks', sa.Column('methods', sa.JSON()))
