# SPDX-License-Identifier: Apache-2.0
"""Add the network of replays."""

import sqlalchemy as sa

from qinling.db import online_ddl

revision = '019'
down_revision = '018'


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'operations', sa.Column('network', sa.Boolean()))
