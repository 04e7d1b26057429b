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

"""Workers that are kept warm for a function or a version."""

from alembic import op
import sqlalchemy as sa

revision = '004'
down_revision = '003'


def upgrade():
    for table in ('functions', 'function_versions'):
        op.add_column(table, sa.Column(
            'min_workers', sa.Integer(), nullable=False, server_default='0'))
