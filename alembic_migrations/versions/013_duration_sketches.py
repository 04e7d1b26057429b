# SPDX-License-Identifier: Apache-2.0
"""Store the durations of statistics in a form that is fast to merge."""

import struct

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from qinling.db import online_ddl

revision = '013'
down_revision = '012'

TABLE, OLD_NAME, RENAMED = 'execution_statistics', 'durations', 'durations_old'
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
STATISTICS = sa.table(
    TABLE, sa.column('project_id', sa.String), sa.column('hour', TIME),
    sa.column('function_id', sa.String),
    sa.column('function_alias', sa.String),
    sa.column('function_version', sa.Integer), sa.column(RENAMED, sa.JSON),
    sa.column('duration_sketch', sa.LargeBinary))
KEY = ('project_id', 'function_id', 'function_version', 'hour',
       'function_alias')
BATCH_ROWS = 1000


def upgrade() -> None:
    names = {column['name'] for column
             in sa.inspect(op.get_bind()).get_columns(TABLE)}
    online_ddl.add_missing_columns(
        TABLE, sa.Column('duration_sketch', sa.LargeBinary()))
    if OLD_NAME in names:
        # Without the column, engines of the release before cannot count, so
        # no figure is lost between the conversion and the deletion.
        op.execute(f'ALTER TABLE {TABLE} RENAME COLUMN {OLD_NAME} '
                   f'TO {RENAMED}')
    if names & {OLD_NAME, RENAMED}:
        while convert_rows():
            pass
        op.drop_column(TABLE, RENAMED)
    online_ddl.create_missing_index(
        'ix_execution_statistics_function', TABLE,
        ['project_id', 'function_id', 'hour'])


def convert_rows() -> bool:
    """Convert some rows; return whether there were any."""
    connection = op.get_bind()
    columns = STATISTICS.c
    rows = connection.execute(sa.select(
        *(columns[name] for name in KEY), columns[RENAMED]).where(
            columns.duration_sketch.is_(None)).limit(BATCH_ROWS)).all()
    if rows:
        connection.execute(
            sa.update(STATISTICS).where(*(
                columns[name] == sa.bindparam(f'is_{name}')
                for name in KEY)).values(
                    duration_sketch=sa.bindparam('sketch')),
            [{'sketch': encode(row[-1]),
              **{f'is_{name}': value for name, value in zip(KEY, row)}}
             for row in rows])
    return bool(rows)


def encode(counts: dict[str, int]) -> bytes:
    """Return a sparse sketch; see :mod:`qinling.core.execution.sketch`."""
    pairs = sorted((int(bucket), count) for bucket, count in counts.items())
    if not pairs:
        return b''
    lowest = pairs[0][0]
    return struct.pack('<h?', lowest, True) + b''.join(
        struct.pack('<HQ', bucket - lowest, count)
        for bucket, count in pairs)
