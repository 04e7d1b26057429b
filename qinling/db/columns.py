# SPDX-License-Identifier: Apache-2.0
"""Column types and defaults that all tables share."""

import datetime
import json
import os
import typing

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy import orm

Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
Long = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
Id = sa.String(36)
#: Text with an exact, case-sensitive comparison.
Exact = sa.String(255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')
#: Name of a tool, likewise.
Tool = sa.String(64).with_variant(
    mysql.VARCHAR(64, collation='utf8mb4_bin'), 'mysql', 'mariadb')


class Number(sa.Double):  # type: ignore[type-arg]
    """Number in double precision that every driver takes unchanged."""

    def bind_processor(self, dialect: sa.Dialect) -> None:
        """Return no processor, which would cost a call for each value."""

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> None:
        """Return no processor."""


class ExactJson(sa.TypeDecorator[typing.Any]):
    """JSON with the order of its names, which a type of a database loses."""

    impl = Long
    cache_ok = True

    def process_bind_param(self, value: typing.Any, dialect: sa.Dialect
                           ) -> str | None:
        """Return the text to store."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: typing.Any, dialect: sa.Dialect
                             ) -> typing.Any:
        """Return the value of a stored text."""
        return None if value is None else json.loads(value)


def now() -> datetime.datetime:
    """Return the present time as the database stores times."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def new_id() -> str:
    """Return a new id: lower-case dashed UUID4 text.

    The module ``uuid`` takes eight calls more.
    """
    digits = os.urandom(16).hex()
    variant = '89ab'[int(digits[16], 16) % 4]
    return (f'{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-'
            f'{variant}{digits[17:20]}-{digits[20:]}')


class Base(orm.DeclarativeBase):
    """Base of all models."""

    __table_args__: typing.Any = {'mysql_engine': 'InnoDB',
                                  'mysql_charset': 'utf8mb4'}


class Common:
    """Columns of every resource of a project."""

    id = orm.mapped_column(Id, primary_key=True, default=new_id)
    project_id = orm.mapped_column(sa.String(80), nullable=False)
    created_at = orm.mapped_column(Time, nullable=False, default=now)
    updated_at = orm.mapped_column(Time, onupdate=now)


class Revised:
    """Row with a counter of its changes."""

    revision = orm.mapped_column(sa.Integer, nullable=False, default=1,
                                 server_default='1')
