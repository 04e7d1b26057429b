# SPDX-License-Identifier: Apache-2.0
"""Column types and defaults that all tables share."""

import datetime
import typing
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy import orm

Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
Long = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
Id = sa.String(36)
#: Text with an exact, case-sensitive comparison.
Exact = sa.String(255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')


def now() -> datetime.datetime:
    """Return the present time as the database stores times."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def new_id() -> str:
    """Return a new id: lower-case dashed UUID4 text."""
    return str(uuid.uuid4())


class Base(orm.DeclarativeBase):
    """Base of all models."""

    __table_args__: typing.Any = {'mysql_engine': 'InnoDB',
                                  'mysql_charset': 'utf8mb4'}
