# SPDX-License-Identifier: Apache-2.0
"""Generic statements on a table, with isolation of projects.

``tx`` is a connection of :mod:`qinling.db.session`, ``model`` a class of
:mod:`qinling.db.models`, ``ctx`` a request context.  Rows are immutable named
tuples.  Only this module checks the project of a row: a row of another project
does not exist, unless the context is ``elevated()``.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import functools
import typing

from oslo_db import exception as db_exc
import sqlalchemy as sa
import sqlalchemy.orm

from qinling import context
from qinling.db import models
from qinling.db import paging
from qinling.db import prepared
from qinling import exception
from qinling import states

DuplicateEntry = db_exc.DBDuplicateEntry

#: A class of :mod:`qinling.db.models`.
Model = typing.Any
#: A condition or a column of a statement.
Clause = typing.Any
#: A row; its attributes are the columns.
Row = typing.Any
Params = Mapping[str, typing.Any]

Page = paging.Page
_insert: typing.Any = functools.cache(
    lambda model: sa.insert(model.__table__))
_select: typing.Any = functools.cache(
    lambda model: sa.select(model.__table__))


def visible(ctx: context.RequestContext, model: Model) -> Clause:
    """Return the condition that the caller may see a row."""
    return (sa.true() if ctx.sees_all
            else _in_project(model, ctx.project_id))


def _in_project(model: Model, project_id: typing.Any) -> Clause:
    in_project = model.project_id == project_id
    if model is models.Runtime:
        return in_project | model.is_public.is_(True)
    return in_project


def get(tx: sa.Connection, /, ctx: context.RequestContext, model: Model,
        lock: bool = False, **where: typing.Any) -> Row:
    """Return a row visible to the caller, or ``None``.

    :param lock: lock the row until the end of the transaction.
    """
    return tx.execute(
        _select_one(model, tuple(where), ctx.sees_all, lock),
        dict(_parameters(where), own_project=ctx.project_id)).first()


@functools.lru_cache(maxsize=None)
def _select_one(model: Model, names: tuple[str, ...], sees_all: bool,
                lock: bool) -> sa.Select[typing.Any]:
    statement = sa.select(model.__table__).where(*_equal(model, names))
    if not sees_all:
        statement = statement.where(
            _in_project(model, sa.bindparam('own_project')))
    return statement.with_for_update() if lock else statement


def exists(tx: sa.Connection, model: Model, *conditions: Clause) -> bool:
    """Return whether any row of any project meets the conditions."""
    statement = sa.select(sa.literal(1)).where(*conditions).limit(1)
    return tx.execute(statement.select_from(model)).first() is not None


def select(tx: sa.Connection, model: Model, *conditions: Clause,
           limit: int | None = None, order: Iterable[Clause] = (),
           only: Sequence[Clause] | None = None) -> Sequence[Row]:
    """Return the rows of any project for the conditions.

    :param order: columns to sort by, before the primary key.
    :param only: columns to read, by default all.
    """
    statement = sa.select(*only) if only else _select(model)
    keys = model.__table__.primary_key.columns
    return tx.execute(statement.where(*conditions).order_by(
        *order, *keys).limit(limit)).all()


def select_page(tx: sa.Connection, ctx: context.RequestContext, model: Model,
                filters: Iterable[Clause] = (), page: Page = Page(),
                without: Sequence[str] = ()) -> Sequence[Row]:
    """Return a page of the rows visible to the caller, in a stable order.

    :param filters: conditions, for instance of
        :func:`.filtering.list_conditions`.
    :param without: names of columns to read as ``None``.
    :raises Invalid: the caller sees no row with the id of the marker.
    """
    columns = [sa.null().label(column.name) if column.name in without
               else column for column in model.__table__.columns]
    statement = sa.select(*columns).where(visible(ctx, model), *filters)
    marker = None
    if page.marker is not None:
        marker = get(tx, ctx, model, id=page.marker)
        if marker is None:
            raise exception.Invalid(
                reason=f'marker {page.marker} names nothing in this list.')
    if page.count:
        page.count.read(tx, [statement])
    keys = [getattr(model, key) for key in paging.list_keys(page.sort_key)]
    if marker is not None:
        statement = statement.where(paging.behind(marker, keys, page.sort_dir))
    return tx.execute(statement.order_by(
        *paging.order(keys, page.sort_dir)).limit(page.limit)).all()


def insert(tx: sa.Connection, model: Model, **values: typing.Any) -> str:
    """Write a row; missing columns get their defaults.

    :returns: the id, an empty text for a model without ids.
    :raises DuplicateEntry: a unique value exists already.
    """
    if 'id' in model.__table__.c:
        values.setdefault('id', models.new_id())
    tx.execute(_insert(model), values)
    return str(values.get('id', ''))


def insert_whole(tx: sa.Connection, model: Model, values: Params) -> None:
    """Write a row fast.

    :param values: a value for each column with a default.
    :raises DuplicateEntry: a unique value exists already.
    """
    _insert_whole(model, tuple(values)).change(tx, values)


@functools.lru_cache(maxsize=None)
def _insert_whole(model: Model, names: tuple[str, ...]) -> prepared.Prepared:
    table = model.__table__
    return prepared.Prepared(sa.insert(table).values({
        name: sa.bindparam(name, type_=table.c[name].type)
        for name in names}))


def update(tx: sa.Connection, model: Model, id: str,
           values: Mapping[str, typing.Any], *conditions: Clause,
           params: Params | None = None) -> bool:
    """Change one row if the conditions hold: compare and swap.

    :param params: values of ``bindparam`` in the conditions.  With
        ``params``, the conditions have to be constants of a module, and the
        statement is compiled once.
    :returns: whether the row was changed.
    """
    if params is None:
        shape = _create_shape(model, tuple(values), tuple(
            map(type, values.values())), conditions)
        return tx.execute(*shape.statement(values, id)).rowcount == 1
    shape = _cached_shape(model, tuple(values), tuple(
        map(type, values.values())), conditions)
    return shape.prepare(values).change(
        tx, {**values, **params, 'this_id': id}) == 1


def _create_shape(model: Model, names: tuple[str, ...],
                  kinds: tuple[type, ...], conditions: tuple[Clause, ...]
                  ) -> prepared.UpdateShape:
    table = model.__table__
    counted = ({'revision': table.c.revision + 1}
               if issubclass(model, models.Revised) else {})
    return prepared.UpdateShape(table, names, kinds, conditions, counted)


_cached_shape = functools.lru_cache(maxsize=None)(_create_shape)


def update_all(tx: sa.Connection, model: Model,
               values: Mapping[str, typing.Any], *conditions: Clause) -> int:
    """Change the rows of any project for the conditions.

    :returns: the number of rows.
    """
    return tx.execute(sa.update(model.__table__).where(
        *conditions).values(values)).rowcount


def increment(tx: sa.Connection, model: Model, column: str, amount: int,
              **where: typing.Any) -> bool:
    """Add to a number within the database, so that no increment is lost.

    ``updated_at`` and ``revision`` stay.

    :returns: whether any row matched.
    """
    return _add(model, column, tuple(where)).change(
        tx, dict(_parameters(where), amount=amount)) > 0


@functools.lru_cache(maxsize=None)
def _add(model: Model, column: str, where: tuple[str, ...]
         ) -> prepared.Prepared:
    table = model.__table__
    values = {column: table.c[column] + sa.bindparam('amount'),
              'updated_at': table.c.updated_at}
    return prepared.Prepared(
        sa.update(table).where(*_equal(model, where)).values(values))


def delete(tx: sa.Connection, model: Model, id: str) -> bool:
    """Delete one row; return whether the row existed."""
    return delete_all(tx, model, model.id == id) == 1


def delete_all(tx: sa.Connection, model: Model, *conditions: Clause) -> int:
    """Delete the rows for the conditions; return their number."""
    return tx.execute(sa.delete(model).where(*conditions)).rowcount


def select_values(tx: sa.Connection, column: Clause, *conditions: Clause
                  ) -> Sequence[typing.Any]:
    """Return the values of a column in rows of any project."""
    return tx.execute(sa.select(column).where(*conditions)).scalars().all()


def max_value(tx: sa.Connection, column: Clause, *conditions: Clause
              ) -> typing.Any:
    """Return the greatest value of a column, ``None`` without rows."""
    return tx.scalar(sa.select(sa.func.max(column)).where(*conditions))


def min_value(tx: sa.Connection, column: Clause) -> typing.Any:
    """Return the smallest value of a column, ``None`` without rows."""
    return tx.execute(sa.select(sa.func.min(column))).scalar()


def count(tx: sa.Connection, model: Model, *conditions: Clause) -> int:
    """Return the number of rows of any project for the conditions."""
    return tx.execute(sa.select(sa.func.count()).select_from(
        model).where(*conditions)).scalar_one()


def change_status(tx: sa.Connection, model: Model, id: str, status: str,
                  *conditions: Clause, params: Params | None = None,
                  **values: typing.Any) -> bool:
    """Change a status by a legal move: the only place that does.

    :param params: see :func:`update`.
    :returns: ``False`` when the present status does not permit the move, or
        a condition does not hold.
    """
    return update(tx, model, id, dict(values, status=status),
                  _may_become(model, status), *conditions, params=params)


@functools.lru_cache(maxsize=None)
def _may_become(model: Model, status: str) -> Clause:
    sources = states.MOVES[model.__name__][status]
    if len(sources) == 1:
        return model.status == sources[0]
    return model.status.in_(sources)


def _equal(model: Model, names: Iterable[str]) -> list[Clause]:
    return [equals_parameter(getattr(model, name), f'is_{name}')
            for name in names]


def _parameters(where: Params) -> dict[str, typing.Any]:
    return {f'is_{name}': value for name, value in where.items()}


def equals_parameter(column: Clause, name: str) -> Clause:
    """Return the condition that a column equals a parameter.

    For conditions that are constants of a module; see :func:`update`.
    """
    return column == sa.bindparam(name)
