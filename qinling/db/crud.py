# SPDX-License-Identifier: Apache-2.0
"""The verbs: the only statements there are, with tenancy inside.

``tx`` is a connection from :mod:`qinling.db.session`, ``model`` a class of
:mod:`qinling.db.models`, ``ctx`` a request context.  Rows come back as
immutable named tuples.  Whose project a row is in is checked here and
nowhere else: a row of another project does not exist, unless the context is
``elevated()``.
"""

import dataclasses
import functools

from oslo_db import exception as db_exc
import sqlalchemy as sa
import sqlalchemy.orm

from qinling.db import models
from qinling import exception
from qinling import states

_EXPRESSIONS = (sa.ClauseElement, sa.orm.QueryableAttribute)
OPERATORS = ('eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'has', 'in', 'nin')


@dataclasses.dataclass(frozen=True)
class Page:
    """Which part of a list is wanted; everything unless said otherwise."""

    limit: int | None = None
    marker: str | None = None
    sort_key: str = 'created_at'
    sort_dir: str = 'asc'


def owned(ctx, model):
    """The condition that keeps a caller within his project."""
    return sa.true() if ctx.sees_all else _owned(model, ctx.project_id)


def _owned(model, project_id):
    mine = model.project_id == project_id
    if model is models.Runtime:
        return mine | model.is_public.is_(True)
    return mine


def get(tx, ctx, model, lock=False, **where):
    """One row, or ``None``.

    :param lock: keep everybody else from changing it until ``tx`` ends.
    """
    return tx.execute(_get(model, tuple(where), ctx.sees_all, lock), dict(
        _bound(where), own=ctx.project_id)).first()


@functools.lru_cache(maxsize=None)
def _get(model, names, sees_all, lock):
    statement = sa.select(model.__table__).where(*_equal(model, names))
    if not sees_all:
        statement = statement.where(_owned(model, sa.bindparam('own')))
    return statement.with_for_update() if lock else statement


def exists(tx, model, *conditions):
    """Whether any row meets the conditions, in any project."""
    statement = sa.select(sa.literal(1)).where(*conditions).limit(1)
    return tx.execute(statement.select_from(model)).first() is not None


def find(tx, model, *conditions, limit=None, order=(), only=None):
    """The rows that meet the conditions, in any project.

    :param order: columns to sort by; the keys come after them.
    :param only: columns to read, all of them if not given.
    """
    statement = sa.select(*only or model.__table__.columns).where(*conditions)
    keys = model.__table__.primary_key.columns
    return tx.execute(statement.order_by(*order, *keys).limit(limit)).all()


def listing(tx, ctx, model, filters=(), page=Page(), without=()):
    """Rows that the caller may see, in a stable order.

    :param filters: conditions, for instance from :func:`condition`.
    :param without: names of columns too large to read for a list; they come
        back as ``None``.
    :raises Invalid: the marker names no row that the caller may see.
    """
    cols = [sa.null().label(c.name) if c.name in without else c
            for c in model.__table__.columns]
    statement = sa.select(*cols).where(owned(ctx, model), *filters)
    marker = page.marker and get(tx, ctx, model, id=page.marker)
    if page.marker and marker is None:
        raise exception.Invalid(
            reason=f'marker {page.marker} names nothing in this list.')
    keys = [getattr(model, key) for key in dict.fromkeys(
        [page.sort_key, 'created_at', 'id'])]
    if marker:
        statement = statement.where(_behind(marker, keys, page.sort_dir))
    return tx.execute(statement.order_by(
        *_order(keys, page.sort_dir)).limit(page.limit)).all()


def _order(keys, direction):
    """What to sort by; on every database NULL is less than any value."""
    for key in keys:
        if key.nullable:
            yield getattr(key.is_not(None), direction)()
        yield getattr(key, direction)()


def _behind(marker, keys, direction):
    """The condition that a row comes after the marker.

    oslo.db has this, too, but it loses rows where a key of the marker is
    NULL.
    """
    found, alike = [], []
    for key in keys:
        value = getattr(marker, key.key)
        if direction == 'asc':
            further = key.is_not(None) if value is None else key > value
        else:
            further = (sa.false() if value is None
                       else (key < value) | key.is_(None))
        found.append(sa.and_(*alike, further))
        alike.append(key == value)
    return sa.or_(*found)


def insert(tx, model, **values):
    """Write a row; what it does not name gets the column's default.

    :returns: the id, if the model has one.
    :raises DuplicateEntry: a row with the same unique values exists.
    """
    if 'id' in model.__table__.c:
        values.setdefault('id', models.new_id())
    tx.execute(_insert(model), values)
    return values.get('id')


@functools.lru_cache(maxsize=None)
def _insert(model):
    return sa.insert(model.__table__)


def update(tx, model, id, values, *conditions, params=None):
    """Change one row if the conditions hold: compare and swap.

    :param params: values of the ``bindparam``s in the conditions.  Who
        gives any promises that the conditions are constants of a module, so
        that the statement is made but once.
    :returns: whether it was changed.
    """
    made = _update if params is None else _kept_update
    expressions = {name: value for name, value in values.items()
                   if isinstance(value, _EXPRESSIONS)}
    plain = tuple(name for name in values if name not in expressions)
    statement = made(model, plain, tuple(expressions.items()), conditions)
    bound = {f'new_{name}': values[name] for name in plain}
    return tx.execute(
        statement, dict(bound, this_id=id, **(params or {}))).rowcount == 1


def _update(model, plain, expressions, conditions):
    table = model.__table__
    values = {name: sa.bindparam(f'new_{name}', type_=table.c[name].type)
              for name in plain}
    values.update(expressions)
    if issubclass(model, models.Revised):
        values['revision'] = table.c.revision + 1
    return sa.update(table).where(
        table.c.id == sa.bindparam('this_id'), *conditions).values(values)


_kept_update = functools.lru_cache(maxsize=None)(_update)


def update_all(tx, model, values, *conditions):
    """Change every row that meets the conditions, in any project; how many
    there were."""
    return tx.execute(
        sa.update(model).where(*conditions).values(values)).rowcount


def add(tx, model, column, amount, **where):
    """Add to a number of the rows whose columns equal ``where``, in the
    database itself, so that nothing is lost to another writer; this is no
    change of the row that ``updated_at`` or ``revision`` would show.

    :returns: whether there was such a row.
    """
    return tx.execute(_add(model, column, tuple(where)), dict(
        _bound(where), amount=amount)).rowcount > 0


@functools.lru_cache(maxsize=None)
def _add(model, column, where):
    table = model.__table__
    values = {column: table.c[column] + sa.bindparam('amount'),
              'updated_at': table.c.updated_at}
    return sa.update(table).where(*_equal(model, where)).values(values)


def delete(tx, model, id):
    """Remove one row; whether there was one."""
    return delete_all(tx, model, model.id == id) == 1


def delete_all(tx, model, *conditions):
    """Remove every row that meets the conditions; how many there were."""
    return tx.execute(sa.delete(model).where(*conditions)).rowcount


def values(tx, column, *conditions):
    """What a column has in the rows that meet the conditions, in any
    project."""
    return tx.execute(sa.select(column).where(*conditions)).scalars().all()


def highest(tx, column, *conditions):
    """The greatest value of a column, ``None`` without rows."""
    return tx.execute(
        sa.select(sa.func.max(column)).where(*conditions)).scalar()


def count(tx, model, *conditions):
    """How many rows meet the conditions, in any project."""
    return tx.execute(sa.select(sa.func.count()).select_from(
        model).where(*conditions)).scalar()


def move(tx, model, id, status, *conditions, params=None, **values):
    """Change a status: the one place that does, and only by legal moves.

    :param params: see :func:`update`.
    :returns: whether the row was moved; it is not when it is in a status
        that has no way to the new one, or when a condition does not hold.
    """
    return update(tx, model, id, dict(values, status=status),
                  _may_become(model, status), *conditions, params=params)


@functools.lru_cache(maxsize=None)
def _may_become(model, status):
    sources = states.MOVES[model.__name__][status]
    if len(sources) == 1:
        return model.status == sources[0]
    return model.status.in_(sources)


def condition(model, name, text):
    """A condition from a filter of the API.

    :param text: ``[op:]value``; ``in`` and ``nin`` take a comma list, and
        ``has`` finds the value anywhere in the column.
    """
    column = getattr(model, name)
    op, colon, value = text.partition(':')
    if not colon or op not in OPERATORS:
        op, value = 'eq', text
    if op == 'has':
        return column.contains(value, autoescape=True)
    if op in ('in', 'nin'):
        found = column.in_ if op == 'in' else column.not_in
        return found(value.split(','))
    return {'eq': column.__eq__, 'neq': column.__ne__,
            'gt': column.__gt__, 'gte': column.__ge__,
            'lt': column.__lt__, 'lte': column.__le__}[op](value)


def _equal(model, names):
    return [given(getattr(model, name), f'is_{name}') for name in names]


def _bound(where):
    return {f'is_{name}': value for name, value in where.items()}


def given(column, name):
    """The condition that a column has the value of a parameter, for
    conditions that are constants; see :func:`update`."""
    return column == sa.bindparam(name)


DuplicateEntry = db_exc.DBDuplicateEntry
