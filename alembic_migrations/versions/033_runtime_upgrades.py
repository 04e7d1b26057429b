# SPDX-License-Identifier: Apache-2.0
"""Add what the rollback of a runtime's image needs."""

import sqlalchemy as sa

from qinling.db import columns
from qinling.db import online_ddl

revision = '033'
down_revision = '032'


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'runtimes', sa.Column('previous_image', sa.String(length=255)),
        sa.Column('versions_runtime_id', columns.Id))
