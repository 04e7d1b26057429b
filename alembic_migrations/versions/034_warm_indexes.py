# SPDX-License-Identifier: Apache-2.0
"""Add indexes of the functions and versions that engines keep warm."""

from qinling.db import online_ddl

revision = '034'
down_revision = '033'


def upgrade() -> None:
    for table in ('functions', 'function_versions'):
        online_ddl.create_missing_index(
            f'ix_{table}_warm', table, ['min_workers'],
            where='min_workers > 0')
