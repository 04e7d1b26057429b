# SPDX-License-Identifier: Apache-2.0
"""Queries that join tables, each prepared once."""

from collections.abc import Iterable
from collections.abc import Sequence
import typing

import sqlalchemy as sa

from qinling.db import crud
from qinling.db import models

#: Packages that one sweep measures.
MAX_UNMEASURED = 1000
_F, _V, _R = models.Function, models.FunctionVersion, models.Runtime
_A, _ROUTE, _Q = models.FunctionAlias, models.AliasRoute, models.Quota


def _select(*columns: typing.Any) -> sa.Select[typing.Any]:
    snapshots = [getattr(table, name).label(f'{prefix}_{name}')
                 for prefix, table in (('f', _F), ('v', _V))
                 for name in models.SNAPSHOT]
    return sa.select(
        _F.project_id, _F.id, _F.trust_id, _V.version_number,
        _R.status.label('runtime_status'),
        _Q.concurrent_executions.label('execution_quota'),
        *snapshots, *columns)


def _join(statement: sa.Select[typing.Any], version: typing.Any
          ) -> sa.Select[typing.Any]:
    return statement.outerjoin(
        _V, (_V.function_id == _F.id) & (_V.version_number == version)
    ).outerjoin(
        _R, _R.id == sa.func.coalesce(_V.runtime_id, _F.runtime_id)
    ).outerjoin(_Q, _Q.project_id == _F.project_id)


_BY_ID = _join(
    _select().select_from(_F), sa.bindparam('version')
).where(_F.id == sa.bindparam('function_id'))
_ROUTED = sa.func.coalesce(_ROUTE.function_version, _A.function_version)
_BY_ALIAS = _join(
    _select(_ROUTED.label('routed_version')).select_from(_A).join(
        _F, _F.id == _A.function_id
    ).outerjoin(
        _ROUTE, (_ROUTE.alias_id == _A.id)
        & (_ROUTE.low <= sa.bindparam('point'))
        & (_ROUTE.high > sa.bindparam('point'))),
    _ROUTED
).where(_A.name == sa.bindparam('name'),
        _A.project_id == sa.bindparam('project'))


def by_id(tx: sa.Connection, function_id: str | None, version: int
          ) -> typing.Any:
    """Return a function of any project, with a version and its runtime.

    :returns: ``id``, ``project_id``, ``trust_id``, ``version_number``,
        ``runtime_status``, ``execution_quota`` and the columns of a snapshot
        twice: of the function with the prefix ``f_``, of the version with
        ``v_``; ``None`` without such a function.
    """
    return tx.execute(_BY_ID, {'function_id': function_id,
                               'version': version}).first()


def by_alias(tx: sa.Connection, project_id: str, name: str, point: int
             ) -> typing.Any:
    """Return the same for an alias of a project.

    :returns: also ``routed_version``, the version whose range contains the
        routing point.
    """
    return tx.execute(_BY_ALIAS, {'name': name, 'project': project_id,
                                  'point': point}).first()


def aliases_of(tx: sa.Connection, function_id: str, version: int | None,
               limit: int) -> Sequence[typing.Any]:
    """Return the aliases of a function or of one version."""
    conditions: list[typing.Any] = [_A.function_id == function_id]
    if version is not None:
        routes = sa.select(_ROUTE.alias_id).where(
            _ROUTE.function_version == version)
        conditions.append((_A.function_version == version)
                          | _A.id.in_(routes))
    return crud.select(tx, _A, *conditions, limit=limit)


def unmeasured_packages(tx: sa.Connection) -> Sequence[typing.Any]:
    """Return ``package`` and ``project_id`` of packages without a size."""
    measured = sa.select(models.Package.key)
    users: tuple[typing.Any, ...] = (_F, _V)
    return tx.execute(sa.union(*(
        sa.select(user.package, user.project_id).where(
            user.package.is_not(None), user.package.not_in(measured))
        for user in users)).limit(MAX_UNMEASURED)).all()


def delete_unused_settings(tx: sa.Connection, ids: Iterable[str]) -> None:
    """Delete environments that no function or version refers to."""
    table = models.FunctionSettings
    users: tuple[typing.Any, ...] = (_F, _V)
    crud.delete_all(tx, table, table.id.in_(ids), *(
        ~sa.exists().where(user.settings_id == table.id) for user in users))


def stored_bytes(tx: sa.Connection, project_id: str) -> int:
    """Return the bytes of all packages of a project."""
    size = models.Package.size
    return int(tx.execute(sa.select(sa.func.coalesce(
        sa.func.sum(size), 0)).where(
            models.Package.project_id == project_id)).scalar_one())


def count_by(tx: sa.Connection, columns: Sequence[typing.Any],
             *conditions: typing.Any) -> Sequence[typing.Any]:
    """Return the combinations of values of columns, each with a count."""
    return tx.execute(sa.select(*columns, sa.func.count()).where(
        *conditions).group_by(*columns)).all()
