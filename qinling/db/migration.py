# SPDX-License-Identifier: Apache-2.0
"""Moving the schema forward, with Alembic.

The migrations are the package ``alembic_migrations``, so that they are
there wherever the service is installed.
"""

import os

from alembic import command
from alembic import config
from alembic import migration
from alembic import script
import alembic_migrations

from qinling.db import online_ddl


def alembic_config(database):
    """Alembic's configuration for a :class:`~qinling.db.session.Database`."""
    made = config.Config()
    made.set_main_option(
        'script_location', os.path.dirname(alembic_migrations.__file__))
    made.attributes['engine'] = database.engine
    return made


def upgrade(database, revision='head'):
    """Bring the schema to ``revision``; nothing happens if it is there.

    It may run while the service does; see :mod:`qinling.db.online_ddl`.
    """
    online_ddl.again(lambda: command.upgrade(
        alembic_config(database), revision))


def stamp(database, revision):
    """Write down that the schema is at ``revision`` without changing it."""
    command.stamp(alembic_config(database), revision)


def current(database):
    """The revision of the schema; ``None`` for an empty database."""
    with database.engine.connect() as connection:
        return migration.MigrationContext.configure(
            connection).get_current_revision()


def history(database):
    """(revision, description) pairs, the first one first."""
    known = script.ScriptDirectory.from_config(alembic_config(database))
    return [(step.revision, step.doc)
            for step in reversed(list(known.walk_revisions()))]


def head(database):
    """The revision that this release needs."""
    return script.ScriptDirectory.from_config(
        alembic_config(database)).get_current_head()
