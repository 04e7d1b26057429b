# SPDX-License-Identifier: Apache-2.0
"""Queries that join tables, each prepared once."""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import datetime
import typing

import sqlalchemy as sa

from qinling.db import crud
from qinling.db import execution_table
from qinling.db import models
from qinling.db import prepared
from qinling import states

#: Packages that one sweep measures.
MAX_UNMEASURED = 1000
_F, _V, _R = models.Function, models.FunctionVersion, models.Runtime
_E = models.Execution
_A, _ROUTE, _Q = models.FunctionAlias, models.AliasRoute, models.Quota
_S, _B = models.FunctionSettings, models.Budget
#: Limit of executions in a project whose budget is used up.
BUDGET_IS_USED_UP = -2
_ZERO: typing.Any = sa.literal_column('0')
_MINIMUMS = prepared.Prepared(sa.union_all(
    sa.select(_F.id, _ZERO.label('version_number'), _F.min_workers).where(
        _F.min_workers > _ZERO),
    sa.select(_V.function_id, _V.version_number, _V.min_workers).where(
        _V.min_workers > _ZERO)))


def _select(*columns: typing.Any) -> sa.Select[typing.Any]:
    snapshots = [getattr(table, name).label(f'{prefix}_{name}')
                 for prefix, table in (('f', _F), ('v', _V))
                 for name in models.SNAPSHOT]
    return sa.select(
        _F.project_id, _F.id, _F.trust_id, _V.version_number,
        _R.status.label('runtime_status'),
        sa.case((_B.project_id.is_not(None), BUDGET_IS_USED_UP),
                else_=_Q.concurrent_executions).label('execution_quota'),
        _V.digest, _S.secret_numbers, _F.flow_control, *snapshots, *columns)


def _join(statement: sa.Select[typing.Any], version: typing.Any
          ) -> sa.Select[typing.Any]:
    return statement.outerjoin(
        _V, (_V.function_id == _F.id) & (_V.version_number == version)
    ).outerjoin(
        _R, _R.id == sa.func.coalesce(_V.runtime_id, _F.runtime_id)
    ).outerjoin(_Q, _Q.project_id == _F.project_id).outerjoin(
        _S, _S.id == sa.case((_V.id.is_not(None), _V.settings_id),
                             else_=_F.settings_id)
    ).outerjoin(
        _B, (_B.project_id == _F.project_id)
        & (_B.level == states.BudgetLevel.EXCEEDED.value)
        & (_B.on_exceeded == states.OnExceeded.REFUSE.value))


_BY_ID = prepared.Prepared(_join(
    _select().select_from(_F), sa.bindparam('version', type_=sa.Integer)
).where(_F.id == sa.bindparam('function_id')))
_ROUTED = sa.func.coalesce(_ROUTE.function_version, _A.function_version)
_BY_ALIAS = prepared.Prepared(_join(
    _select(_ROUTED.label('routed_version'), _A.id.label('alias_id'),
            _A.flow_control.label('alias_flow_control')).select_from(_A).join(
        _F, _F.id == _A.function_id
    ).outerjoin(
        _ROUTE, (_ROUTE.alias_id == _A.id)
        & (_ROUTE.low <= sa.bindparam('point'))
        & (_ROUTE.high > sa.bindparam('point'))),
    _ROUTED
).where(_A.name == sa.bindparam('name'),
        _A.project_id == sa.bindparam('project')))
#: Rows to keep converted.
MAX_CACHED_ROWS = 4096


def _row_class(names: Sequence[str]) -> typing.Any:
    """Return a class of rows; ``derived`` is for objects made of the row."""
    return collections.namedtuple('Row', [*names, 'derived'])


class _RowCache:
    """Converted rows of a statement, by their values in the driver.

    Each lookup reads the database, so the cache saves only the conversion,
    and never returns an old row.
    """

    def __init__(self, statement: prepared.Prepared,
                 names: Sequence[str]) -> None:
        self._statement = statement
        self._create_row = _row_class(names)
        self._rows: dict[typing.Any, typing.Any] = {}

    def first(self, tx: sa.Connection, params: dict[str, typing.Any]
              ) -> typing.Any:
        """Return the first row, or ``None``."""
        raw = self._statement.first_raw(tx, params)
        if raw is None:
            return None
        try:
            row = self._rows.get(raw)
        except TypeError:
            # The driver of PostgreSQL returns JSON as objects.
            return self._convert(tx, raw)
        if row is None:
            if len(self._rows) >= MAX_CACHED_ROWS:
                self._rows.clear()
            row = self._rows[raw] = self._convert(tx, raw)
        return row

    def _convert(self, tx: sa.Connection, raw: Sequence[typing.Any]
                 ) -> typing.Any:
        return self._create_row(*self._statement.convert(tx, raw), {})


def _names(*additional: str) -> list[str]:
    return ['project_id', 'id', 'trust_id', 'version_number',
            'runtime_status', 'execution_quota', 'digest', 'secret_numbers',
            'flow_control',
            *(f'{prefix}_{name}' for prefix in 'fv'
              for name in models.SNAPSHOT), *additional]


_ROWS_BY_ID = _RowCache(_BY_ID, _names())
_ROWS_BY_ALIAS = _RowCache(_BY_ALIAS, _names(
    'routed_version', 'alias_id', 'alias_flow_control'))


_WEBHOOK_COLUMNS = models.Webhook.__table__.columns
_WEBHOOKS = _RowCache(prepared.Prepared(
    sa.select(*_WEBHOOK_COLUMNS).where(
        _WEBHOOK_COLUMNS.id == sa.bindparam('webhook_id'))),
    [column.name for column in _WEBHOOK_COLUMNS])


def compile_all(tx: sa.Connection) -> None:
    """Compile the statements before the first request needs them."""
    by_id(tx, '', 0)
    by_alias(tx, '', '', 0)
    webhook_by_id(tx, '')


def webhook_by_id(tx: sa.Connection, id: str) -> typing.Any:
    """Return a webhook of any project, or ``None``."""
    return _WEBHOOKS.first(tx, {'webhook_id': id})


def by_id(tx: sa.Connection, function_id: str | None, version: int
          ) -> typing.Any:
    """Return a function of any project, with a version and its runtime.

    :returns: ``id``, ``project_id``, ``trust_id``, ``version_number``,
        ``runtime_status``, ``execution_quota``, ``digest``,
        ``secret_numbers``, ``flow_control`` and the columns of a snapshot
        twice: of the function with the prefix ``f_``, of the version with
        ``v_``; ``None`` without such a function.
    """
    return _ROWS_BY_ID.first(tx, {'function_id': function_id,
                                  'version': version})


def by_alias(tx: sa.Connection, project_id: str, name: str, point: int
             ) -> typing.Any:
    """Return the same for an alias of a project.

    :returns: also ``routed_version``, the version whose range contains the
        routing point, ``alias_id`` and ``alias_flow_control``.
    """
    return _ROWS_BY_ALIAS.first(tx, {'name': name, 'project': project_id,
                                     'point': point})


def aliases_of(tx: sa.Connection, function_id: str, version: int | None,
               limit: int | None = None) -> Sequence[typing.Any]:
    """Return the aliases of a function or of one version."""
    conditions: list[typing.Any] = [_A.function_id == function_id]
    if version is not None:
        routes = sa.select(_ROUTE.alias_id).where(
            _ROUTE.function_version == version)
        conditions.append((_A.function_version == version)
                          | _A.id.in_(routes))
    return crud.select(tx, _A, *conditions, limit=limit)


def _is_unfinished(function_id: str, version: int) -> list[typing.Any]:
    """Return the conditions of the executions of a version without an end.

    A version may have millions of executions, of which few have not ended:
    the condition of the function must not attract an index.
    """
    project_id = sa.select(_F.project_id).where(
        _F.id == function_id).scalar_subquery()
    return [_E.project_id == project_id,
            _E.status == states.ExecutionStatus.RUNNING.value,
            sa.text(execution_table.LIST_INDEXES['by_status'][1] or ''),
            _E.function_id.concat('') == function_id,
            _E.function_version == version]


def running_executions(tx: sa.Connection, function_id: str, version: int,
                       limit: int) -> Sequence[str]:
    """Return ids of the executions of a version without an end."""
    return tx.execute(sa.select(_E.id).where(*_is_unfinished(
        function_id, version)).order_by(_E.id).limit(limit)).scalars().all()


def count_unfinished(tx: sa.Connection, function_id: str, version: int
                     ) -> tuple[int, int, int]:
    """Return the numbers of running, queued and scheduled executions."""
    total, running, scheduled = tx.execute(sa.select(
        sa.func.count(), sa.func.count(_E.owner),
        sa.func.count(_E.next_attempt_at)).where(
            *_is_unfinished(function_id, version))).one()
    return running, total - running - scheduled, scheduled


def unmeasured_packages(tx: sa.Connection) -> Sequence[typing.Any]:
    """Return ``package`` and ``project_id`` of packages without a size."""
    measured = sa.select(models.Package.key)
    users: tuple[typing.Any, ...] = (_F, _V)
    return tx.execute(sa.union(*(
        sa.select(user.package, user.project_id).where(
            user.package.is_not(None), user.package.not_in(measured))
        for user in users)).limit(MAX_UNMEASURED)).all()


def functions_with_old_versions(tx: sa.Connection, after: str, limit: int
                                ) -> Sequence[str]:
    """Return ids of functions with more versions than ``keep_versions``.

    :param after: ids up to the value are left out.
    """
    return tx.execute(sa.select(_F.id).join(_V, _V.function_id == _F.id).where(
        _F.keep_versions > 0, _F.id > after
    ).group_by(_F.id, _F.keep_versions).having(
        sa.func.count() > _F.keep_versions
    ).order_by(_F.id).limit(limit)).scalars().all()


def delete_unused_settings(tx: sa.Connection, ids: Iterable[str]) -> None:
    """Delete environments that no function or version refers to."""
    table = models.FunctionSettings
    users: tuple[typing.Any, ...] = (_F, _V)
    crud.delete_all(tx, table, table.id.in_(ids), *(
        ~sa.exists().where(user.settings_id == table.id) for user in users))


def lock_version_settings(tx: sa.Connection, function_id: str
                          ) -> Sequence[typing.Any]:
    """Return the environments of the versions of a function, locked.

    :returns: also ``version_id`` and ``version_number``.
    """
    table = models.FunctionSettings
    return tx.execute(sa.select(
        *table.__table__.columns, _V.id.label('version_id'),
        _V.version_number).join(_V, _V.settings_id == table.id).where(
            _V.function_id == function_id).order_by(
                _V.version_number).with_for_update()).all()


def stored_bytes(tx: sa.Connection, project_id: str) -> int:
    """Return the bytes of all packages of a project."""
    size = models.Package.size
    return int(tx.execute(sa.select(sa.func.coalesce(
        sa.func.sum(size), 0)).where(
            models.Package.project_id == project_id)).scalar_one())


def list_minimums(tx: sa.Connection) -> Sequence[typing.Any]:
    """Return function id, version number and ``min_workers`` above 0."""
    return _MINIMUMS.all(tx, {})


def list_webhooks_since(tx: sa.Connection, since: datetime.datetime
                        ) -> Sequence[str]:
    """Return the ids of webhooks with deliveries since a time."""
    hook, delivery = models.Webhook, models.Delivery
    return tx.execute(sa.select(hook.id).where(sa.exists().where(
        delivery.webhook_id == hook.id, delivery.created_at >= since)
    )).scalars().all()


def count_by(tx: sa.Connection, columns: Sequence[typing.Any],
             *conditions: typing.Any) -> Sequence[typing.Any]:
    """Return the combinations of values of columns, each with a count."""
    return tx.execute(sa.select(*columns, sa.func.count()).where(
        *conditions).group_by(*columns)).all()


def has_item(column: typing.Any, name: str) -> typing.Any:
    """Return the condition that a JSON list contains a text.

    :param name: text that JSON does not escape.
    """
    return sa.cast(column, sa.Text).contains(f'"{name}"', autoescape=True)
