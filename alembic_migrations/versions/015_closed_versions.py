# SPDX-License-Identifier: Apache-2.0
"""Add digests and tags of versions, and record what executions ran."""

from alembic import op
import sqlalchemy as sa

from qinling.db import online_ddl

revision = '015'
down_revision = '014'

SETTINGS = sa.table(
    'function_settings', sa.column('id', sa.String),
    sa.column('secrets', sa.JSON),
    sa.column('secret_numbers', sa.JSON(none_as_null=True)))
BATCH_ROWS = 1000


def upgrade() -> None:
    online_ddl.add_missing_columns(
        'function_settings', sa.Column('secret_numbers', sa.JSON()))
    online_ddl.add_missing_columns(
        'function_versions',
        sa.Column('message', sa.Text()),
        sa.Column('tags', sa.JSON()),
        sa.Column('digest', sa.String(length=71)),
        sa.Column('digest_parts', sa.JSON()),
    )
    online_ddl.add_missing_columns(
        'executions',
        sa.Column('version_chosen', sa.Boolean()),
        sa.Column('digest', sa.String(length=71)),
        sa.Column('secrets', sa.JSON()),
    )
    online_ddl.add_missing_columns(
        'functions', sa.Column('keep_versions', sa.Integer(), nullable=False,
                               server_default='0'))
    online_ddl.add_missing_columns(
        'webhooks', sa.Column('previews', sa.Boolean(), nullable=False,
                              server_default='0'))
    last_id: str | None = ''
    while last_id is not None:
        last_id = number_secrets(last_id)


def number_secrets(after: str) -> str | None:
    """Copy the numbers of some secrets to their own column.

    :param after: id of the last row of the call before.
    :returns: id of the last row, ``None`` at the end.
    """
    columns = SETTINGS.c
    rows = op.get_bind().execute(sa.select(
        columns.id, columns.secrets).where(
            columns.id > after, columns.secret_numbers.is_(None)
    ).order_by(columns.id).limit(BATCH_ROWS)).all()
    for row in rows:
        numbers = {name: value.get('number', 1)
                   for name, value in row.secrets.items()}
        if numbers:
            op.get_bind().execute(sa.update(SETTINGS).where(
                columns.id == row.id).values(secret_numbers=numbers))
    return rows[-1].id if rows else None
