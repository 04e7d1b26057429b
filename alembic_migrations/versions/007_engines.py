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

"""Engines that have workers of their own"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '007'
down_revision = '006'

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}


def upgrade():
    op.create_table(
        'engines',
        sa.Column('id', sa.String(length=128), nullable=False),
        sa.Column('seen_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **TABLE
    )
