# SPDX-License-Identifier: Apache-2.0
"""Environment of Alembic: migrations on the engine in the configuration."""

from alembic import context

from qinling.db import models
from qinling.db import online_ddl


def run() -> None:
    """Run the migrations.

    Only some databases can roll a change of the schema back.  PostgreSQL runs
    one transaction per step, and SQLite a single transaction, so that another
    upgrade waits.
    """
    engine = context.config.attributes['engine']
    is_sqlite = engine.dialect.name == 'sqlite'
    with engine.connect() as connection:
        with online_ddl.short_lock_timeout(connection):
            context.configure(
                connection=connection, target_metadata=models.Base.metadata,
                transactional_ddl=True if is_sqlite else None,
                transaction_per_migration=not is_sqlite,
                render_as_batch=is_sqlite)
            with context.begin_transaction():
                context.run_migrations()


run()
