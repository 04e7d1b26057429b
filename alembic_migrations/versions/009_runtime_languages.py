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

"""The language of a runtime, and its version"""

from alembic import op
import sqlalchemy as sa

revision = '009'
down_revision = '008'


def upgrade():
    for name in ('language', 'language_version'):
        op.add_column('runtimes', sa.Column(name, sa.String(length=64)))
