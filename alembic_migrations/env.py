#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What Alembic runs: migrations on the engine that it was handed."""

from alembic import context

from qinling.db import models
from qinling.db import patience


def run():
    """Run the migrations, each step in a transaction where the database can
    take a change of the schema back."""
    engine = context.config.attributes['engine']
    with engine.connect() as connection, patience.ddl(connection):
        context.configure(
            connection=connection, target_metadata=models.Base.metadata,
            transaction_per_migration=True,
            render_as_batch=engine.dialect.name == 'sqlite')
        with context.begin_transaction():
            context.run_migrations()


run()
