# SPDX-License-Identifier: Apache-2.0
"""Add the schemas of inputs and outputs, and the tools of aliases."""

import sqlalchemy as sa

from qinling.db import columns
from qinling.db import online_ddl

revision = '024'
down_revision = '023'


def upgrade() -> None:
    for table in ('functions', 'function_versions'):
        online_ddl.add_missing_columns(
            table, sa.Column('input_schema', columns.Long),
            sa.Column('output_schema', columns.Long),
            sa.Column('schema_digest', sa.String(64)))
    online_ddl.add_missing_columns(
        'function_aliases', sa.Column('tool', columns.Tool))
    online_ddl.create_missing_index(
        'uq_function_aliases_tool', 'function_aliases',
        ['project_id', 'tool'], unique=True)
