# SPDX-License-Identifier: Apache-2.0
"""Add the sentence on the cause of a failed execution."""

import sqlalchemy as sa

from qinling.db import online_ddl

revision = '035'
down_revision = '034'


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'executions', sa.Column('detail', sa.String(length=255)))
