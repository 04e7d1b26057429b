# SPDX-License-Identifier: Apache-2.0
"""Revision of the schema, read without Alembic, which is slow to import."""

import os

import alembic_migrations
import sqlalchemy as sa

from qinling.db import session

_TABLE = sa.table('alembic_version', sa.column('version_num'))


def check(database: session.Database) -> None:
    """Compare the schema with this release.

    A schema of a newer release fits, since migrations only add.

    :raises ValueError: the schema is missing or older.
    """
    present = database.read(_read)
    *older, head = _list_revisions()
    if present in (None, *older):
        raise ValueError(
            f'The database has {_describe(present)}, this release needs '
            f'{head}: run qinling-db-manage upgrade.')


def _read(tx: session.Connection) -> str | None:
    if not sa.inspect(tx).has_table(_TABLE.name):
        return None
    revision: str | None = tx.execute(sa.select(_TABLE)).scalar()
    return revision


def _describe(revision: str | None) -> str:
    return f'the schema {revision}' if revision else 'no schema of Qinling'


def _list_revisions() -> list[str]:
    """Return all revisions in order; names of files begin with them."""
    directory = os.path.join(
        os.path.dirname(alembic_migrations.__file__), 'versions')
    return sorted(name.split('_')[0] for name in os.listdir(directory)
                  if name[0].isdigit())
