# SPDX-License-Identifier: Apache-2.0
"""Add the streams of webhooks."""

import sqlalchemy as sa

from qinling.db import online_ddl

revision = '029'
down_revision = '028'


def upgrade() -> None:
    online_ddl.add_missing_columns('webhooks', sa.Column(
        'stream', sa.String(length=32), nullable=False, server_default='off'))
