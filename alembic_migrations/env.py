# SPDX-License-Identifier: Apache-2.0
"""Environment of Alembic: migrations on the engine in the configuration."""

from alembic import context

from qinling.db import models
from qinling.db import online_ddl


def run() -> None:
    """Run the migrations, one transaction per step.

    Only some databases can roll a change of the schema back.
    """
    engine = context.config.attributes['engine']
    with engine.connect() as connection:
        with online_ddl.short_lock_timeout(connection):
            context.configure(
                connection=connection, target_metadata=models.Base.metadata,
                transaction_per_migration=True,
                render_as_batch=engine.dialect.name == 'sqlite')
            with context.begin_transaction():
                context.run_migrations()


run()
