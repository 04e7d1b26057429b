# SPDX-License-Identifier: Apache-2.0
"""Add the origins of webhooks."""

import sqlalchemy as sa

from qinling.db import online_ddl

revision = '023'
down_revision = '022'


def upgrade() -> None:
    online_ddl.add_missing_columns('webhooks', sa.Column('origins', sa.JSON()))
