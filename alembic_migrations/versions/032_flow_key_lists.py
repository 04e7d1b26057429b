# SPDX-License-Identifier: Apache-2.0
"""Add an index of the keys of flow controls."""

from qinling.db import online_ddl

revision = '032'
down_revision = '031'


def upgrade() -> None:
    online_ddl.create_missing_index(
        'ix_executions_by_flow_key', 'executions',
        ['project_id', 'flow_key', 'created_at', 'id'],
        where='flow_key IS NOT NULL')
