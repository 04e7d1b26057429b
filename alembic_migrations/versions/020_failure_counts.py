# SPDX-License-Identifier: Apache-2.0
"""Add an index of the counts of failures."""

from qinling.db import online_ddl

revision = '020'
down_revision = '019'


def upgrade() -> None:
    online_ddl.create_missing_index(
        'ix_failures_count', 'failures',
        ['project_id', 'count', 'created_at', 'id'])
