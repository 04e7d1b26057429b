# SPDX-License-Identifier: Apache-2.0
"""Statements that are compiled once and run on the driver.

An execution by SQLAlchemy costs about 150 calls of functions, even with its
cache of compiled statements; here an execution costs about ten.  SQLAlchemy
still writes the SQL, converts the types and translates the errors.
"""

import collections
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import functools
import threading
import typing

import sqlalchemy as sa
import sqlalchemy.orm
from sqlalchemy import types as sa_types

_Processor = Callable[[typing.Any], typing.Any]
_Params = Mapping[str, typing.Any]
_compiling = threading.Lock()
_EXPRESSIONS = (sa.ClauseElement, sa.orm.QueryableAttribute)


class _Form:
    """SQL of a statement in one dialect.

    ``binds`` has the name and the processor of each parameter in the order of
    the SQL.
    """

    def __init__(self, statement: typing.Any, dialect: sa.Dialect) -> None:
        compiled: typing.Any = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self.is_positional: bool = compiled.positional
        names = compiled.positiontup or list(compiled.params)
        self.defaults = {name: compiled.params.get(name) for name in names}
        self.binds = [
            (name, compiled.binds[name].type.dialect_impl(dialect)
             .bind_processor(dialect)) for name in names]
        self._columns = getattr(statement, 'selected_columns', ())
        self._dialect = dialect
        #: Conversions of the columns, known with the first row.
        self.processors: list[_Processor | None] | None = None
        #: The SQL depends on the length of a list, or SQLAlchemy computes
        #: defaults.
        self.is_variable = bool(
            compiled.post_compile_params or compiled.insert_prefetch
            or compiled.update_prefetch)

    def find_processors(self, description: typing.Any) -> None:
        """Set the conversions, which depend on the types of the driver.

        :param description: of a cursor.
        """
        self.processors = [
            _processor(column.type, self._dialect, described[1])
            for column, described in zip(self._columns, description)]

    @functools.cached_property
    def row_class(self) -> typing.Any:
        """Return the class of rows, whose attributes are the columns."""
        names = [column.key for column in self._columns]
        return collections.namedtuple('Row', names)

    def convert(self, row: Sequence[typing.Any]) -> list[typing.Any]:
        """Return the values of a row of the driver."""
        return [value if process is None else process(value)
                for process, value in zip(self.processors or (), row)]

    def values(self, params: _Params) -> typing.Any:
        """Return the parameters as the driver expects them."""
        all_params = {**self.defaults, **params}
        values = [all_params[name] if process is None
                  else process(all_params[name])
                  for name, process in self.binds]
        if self.is_positional:
            return values
        return {bind[0]: value for bind, value in zip(self.binds, values)}


def _processor(column_type: sa_types.TypeEngine[typing.Any],
               dialect: sa.Dialect, driver_type: typing.Any
               ) -> _Processor | None:
    implementation: typing.Any = column_type.dialect_impl(dialect)
    process: _Processor | None = implementation.result_processor(
        dialect, driver_type)
    return process


class Prepared:
    """A statement with parameters, for any number of executions.

    :param statement: all values are ``bindparam`` or constants.
    """

    def __init__(self, statement: typing.Any) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    def _form(self, tx: sa.Connection) -> _Form:
        try:
            return self._forms[tx.dialect.name]
        except KeyError:
            # The threads of a new process want the same statements at once.
            with _compiling:
                if tx.dialect.name not in self._forms:
                    self._forms[tx.dialect.name] = _Form(
                        self._statement, tx.dialect)
            return self._forms[tx.dialect.name]

    def change(self, tx: sa.Connection, params: _Params) -> int:
        """Return the number of rows that the statement changed."""
        form = self._form(tx)
        if form.is_variable:
            return int(tx.execute(self._statement, params).rowcount)
        cursor = _execute(tx, form, params)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def first_raw(self, tx: sa.Connection, params: _Params
                  ) -> tuple[typing.Any, ...] | None:
        """Return the values of the first row as the driver has them.

        Equal rows are equal keys of a cache; see :meth:`convert`.
        """
        form = self._form(tx)
        cursor = _execute(tx, form, params)
        row = cursor.fetchone()
        if form.processors is None:
            form.find_processors(cursor.description)
        cursor.close()
        return None if row is None else tuple(row)

    def all(self, tx: sa.Connection, params: _Params) -> list[typing.Any]:
        """Return all rows; their attributes are the columns."""
        form = self._form(tx)
        cursor = _execute(tx, form, params)
        rows = cursor.fetchall()
        if form.processors is None:
            form.find_processors(cursor.description)
        cursor.close()
        return [form.row_class(*form.convert(row)) for row in rows]

    def convert(self, tx: sa.Connection, row: Sequence[typing.Any]
                ) -> list[typing.Any]:
        """Return the values of a raw row of :meth:`first_raw`."""
        return self._form(tx).convert(row)


def _execute(tx: sa.Connection, form: _Form, params: _Params) -> typing.Any:
    """Return a driver's cursor after the execution of a statement.

    The private method raises the error of the driver as SQLAlchemy and the
    filters of oslo.db would.
    """
    connection: typing.Any = tx
    values = form.values(params)
    cursor = None
    try:
        cursor = connection.connection.dbapi_connection.cursor()
        cursor.execute(form.sql, values)
    except BaseException as e:
        connection._handle_dbapi_exception(e, form.sql, values, cursor, None)
    return cursor


class UpdateShape:
    """Update of one row: everything but the values.

    :param kinds: types of the values, which tell expressions from constants.
    :param counted: further columns with their expressions.
    """

    def __init__(self, table: typing.Any, names: tuple[str, ...],
                 kinds: tuple[type, ...],
                 conditions: tuple[typing.Any, ...],
                 counted: dict[str, typing.Any]) -> None:
        self._table = table
        self._conditions = conditions
        self._counted = counted
        self._expressions = [name for name, kind in zip(names, kinds)
                             if issubclass(kind, _EXPRESSIONS)]
        self._constants = [name for name in names
                           if name not in self._expressions]
        self._prepared: dict[tuple[typing.Any, ...], Prepared] = {}

    def prepare(self, values: _Params) -> Prepared:
        """Return the statement with the expressions among the values."""
        expressions = tuple([values[name] for name in self._expressions])
        try:
            return self._prepared[expressions]
        except KeyError:
            return self._prepared.setdefault(expressions, Prepared(
                self._build(values)))

    def _build(self, values: _Params) -> sa.Update:
        table = self._table
        new_values = {name: sa.bindparam(name, type_=table.c[name].type)
                      for name in self._constants}
        new_values.update({name: values[name]
                           for name in self._expressions})
        new_values.update(self._counted)
        return sa.update(table).where(
            table.c.id == sa.bindparam('this_id'),
            *self._conditions).values(new_values)

    def statement(self, values: _Params, id: str
                  ) -> tuple[sa.Update, dict[str, typing.Any]]:
        """Return the statement and its parameters for SQLAlchemy."""
        return self._build(values), {
            'this_id': id, **{name: values[name]
                              for name in self._constants}}
