# SPDX-License-Identifier: Apache-2.0
"""Add event sources and dead letters."""

from alembic import op
import sqlalchemy as sa

from qinling.db import columns
from qinling.db import online_ddl

revision = '031'
down_revision = '030'

_TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
          'if_not_exists': True}


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'quotas', sa.Column('event_sources', sa.BigInteger()))
    op.create_table(
        'event_sources',
        sa.Column('id', columns.Id, nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', columns.Time, nullable=False),
        sa.Column('updated_at', columns.Time),
        sa.Column('revision', sa.Integer(), server_default='1',
                  nullable=False),
        sa.Column('name', sa.String(length=255)),
        sa.Column('kind', sa.String(length=32), nullable=False),
        sa.Column('function_id', columns.Id),
        sa.Column('function_alias', columns.Exact),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('settings', sa.JSON(), nullable=False),
        sa.Column('credentials', sa.Text()),
        sa.Column('filter', sa.JSON()),
        sa.Column('batch_size', sa.Integer(), server_default='1',
                  nullable=False),
        sa.Column('batch_window', sa.Integer(), server_default='0',
                  nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('state', sa.String(length=32), server_default='waiting',
                  nullable=False),
        sa.Column('state_reason', sa.Text()),
        sa.Column('lag', sa.BigInteger()),
        sa.Column('lag_seconds', columns.Number()),
        sa.Column('measured_at', columns.Time),
        *(sa.Column(name, sa.BigInteger(), server_default='0',
                    nullable=False)
          for name in ('accepted', 'filtered', 'dead')),
        sa.Column('last_event_at', columns.Time),
        sa.Column('position', columns.Long),
        sa.Column('owner', sa.String(length=128)),
        sa.Column('lease_until', columns.Time),
        sa.PrimaryKeyConstraint('id'), **_TABLE)
    _create_letters()
    for name, table, names in (
            ('ix_event_sources_project', 'event_sources',
             ['project_id', 'created_at', 'id']),
            ('ix_event_sources_function', 'event_sources',
             ['function_id', 'function_version']),
            ('ix_event_sources_alias', 'event_sources',
             ['project_id', 'function_alias']),
            ('ix_event_sources_status', 'event_sources',
             ['status', 'lease_until']),
            ('ix_dead_letters_project', 'dead_letters',
             ['project_id', 'created_at', 'id']),
            ('ix_dead_letters_created', 'dead_letters', ['created_at'])):
        op.create_index(name, table, names, if_not_exists=True)


def _create_letters() -> None:
    op.create_table(
        'dead_letters',
        sa.Column('id', columns.Id, nullable=False),
        sa.Column('project_id', sa.String(length=80), nullable=False),
        sa.Column('created_at', columns.Time, nullable=False),
        sa.Column('updated_at', columns.Time),
        sa.Column('function_id', columns.Id),
        sa.Column('function_version', sa.Integer(), nullable=False),
        sa.Column('function_alias', columns.Exact),
        sa.Column('trigger', sa.String(length=32), nullable=False),
        sa.Column('source_id', columns.Id),
        sa.Column('execution_id', columns.Id),
        sa.Column('reason', columns.Long, nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('first_at', columns.Time, nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('payload', columns.Long),
        sa.PrimaryKeyConstraint('id'), **_TABLE)
