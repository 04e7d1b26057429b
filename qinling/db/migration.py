# SPDX-License-Identifier: Apache-2.0
"""Migrations of the schema, with Alembic.

The package ``alembic_migrations`` has the migrations, so every installation
of the service includes them.
"""

import os

from alembic import command
from alembic import config
from alembic import migration
from alembic import script
import alembic_migrations

from qinling.db import online_ddl
from qinling.db import session


def alembic_config(database: session.Database) -> config.Config:
    """Return the configuration of Alembic for a database."""
    options = config.Config()
    options.set_main_option(
        'script_location', os.path.dirname(alembic_migrations.__file__))
    options.attributes['engine'] = database.engine
    return options


def upgrade(database: session.Database, revision: str = 'head') -> None:
    """Bring the schema to a revision, while the service may run.

    An upgrade that was interrupted can be repeated; see
    :mod:`qinling.db.online_ddl`.

    :raises Unavailable: another upgrade is running.
    """
    with online_ddl.single_upgrade(database.engine):
        online_ddl.retry(
            lambda: command.upgrade(alembic_config(database), revision))


def stamp(database: session.Database, revision: str) -> None:
    """Record a revision without a change of the schema."""
    command.stamp(alembic_config(database), revision)


def current(database: session.Database) -> str | None:
    """Return the revision of the schema, ``None`` for an empty database."""
    with database.engine.connect() as connection:
        return migration.MigrationContext.configure(
            connection).get_current_revision()


def history(database: session.Database) -> list[tuple[str, str]]:
    """Return (revision, description) pairs, the first migration first."""
    scripts = script.ScriptDirectory.from_config(alembic_config(database))
    return [(step.revision, step.doc)
            for step in reversed(list(scripts.walk_revisions()))]


def head(database: session.Database) -> str | None:
    """Return the revision that this release needs."""
    return script.ScriptDirectory.from_config(
        alembic_config(database)).get_current_head()
