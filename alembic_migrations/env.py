# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs: migrations on the engine that it was handed."""

from alembic import context

from qinling.db import models
from qinling.db import online_ddl


def run():
    """Run the migrations, each step in a transaction where the database can
    take a change of the schema back."""
    engine = context.config.attributes['engine']
    with engine.connect() as connection, online_ddl.ddl(connection):
        context.configure(
            connection=connection, target_metadata=models.Base.metadata,
            transaction_per_migration=True,
            render_as_batch=engine.dialect.name == 'sqlite')
        with context.begin_transaction():
            context.run_migrations()


run()
