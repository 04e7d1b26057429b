# SPDX-License-Identifier: Apache-2.0
"""What a reference leads to, in one statement each, made once."""

import sqlalchemy as sa

from qinling.db import crud
from qinling.db import models

#: Packages that are measured at a time.
UNMEASURED = 1000
_F, _V, _R = models.Function, models.FunctionVersion, models.Runtime
_A, _ROUTE = models.FunctionAlias, models.AliasRoute


def _select(start):
    wide = [getattr(table, name).label(f'{prefix}_{name}')
            for prefix, table in (('f', _F), ('v', _V))
            for name in models.SNAPSHOT]
    return sa.select(
        _F.project_id, _F.id, _F.trust_id, _V.version_number,
        _R.status.label('runtime_status'), *wide, *start)


def _joined(statement, version):
    return statement.outerjoin(
        _V, (_V.function_id == _F.id) & (_V.version_number == version)
    ).outerjoin(
        _R, _R.id == sa.func.coalesce(_V.runtime_id, _F.runtime_id))


_BY_ID = _joined(
    _select([]).select_from(_F), sa.bindparam('version')
).where(_F.id == sa.bindparam('function_id'))
_ROUTED = sa.func.coalesce(_ROUTE.function_version, _A.function_version)
_BY_ALIAS = _joined(
    _select([_ROUTED.label('routed')]).select_from(_A).join(
        _F, _F.id == _A.function_id
    ).outerjoin(
        _ROUTE, (_ROUTE.alias_id == _A.id)
        & (_ROUTE.low <= sa.bindparam('point'))
        & (_ROUTE.high > sa.bindparam('point'))),
    _ROUTED
).where(_A.name == sa.bindparam('name'),
        _A.project_id == sa.bindparam('project'))


def by_id(tx, function_id, version):
    """The function in any project, with its version if there is one, and
    the status of the runtime that it would run on.

    :returns: a row with ``id``, ``project_id``, ``trust_id``,
        ``version_number``,
        ``runtime_status``, and what a version freezes twice: of the
        function with the prefix ``f_``, of the version with ``v_``.
    """
    return tx.execute(_BY_ID, {'function_id': function_id,
                               'version': version}).first()


def by_alias(tx, project_id, name, point):
    """The same for an alias of a project, with ``routed``, the number of
    the version whose range has the point."""
    return tx.execute(_BY_ALIAS, {'name': name, 'project': project_id,
                                  'point': point}).first()


def aliases(tx, function_id, version, limit):
    """The aliases that lead to a function, or to one version of it."""
    conditions = [_A.function_id == function_id]
    if version is not None:
        routed = sa.select(_ROUTE.alias_id).where(
            _ROUTE.function_version == version)
        conditions.append((_A.function_version == version)
                          | _A.id.in_(routed))
    return crud.find(tx, _A, *conditions, limit=limit)


def unmeasured(tx):
    """Some of the packages (``package``, ``project_id``) whose sizes nobody
    has written down."""
    known = sa.select(models.Package.key)
    return tx.execute(sa.union(*(
        sa.select(user.package, user.project_id).where(
            user.package.is_not(None), user.package.not_in(known))
        for user in (models.Function, models.FunctionVersion)
    )).limit(UNMEASURED)).all()


def drop_settings(tx, ids):
    """Delete those settings that no function or version has."""
    table = models.FunctionSettings
    crud.delete_all(tx, table, table.id.in_(ids), *(
        ~sa.exists().where(user.settings_id == table.id)
        for user in (models.Function, models.FunctionVersion)))


def stored(tx, project_id):
    """Bytes of all packages of a project."""
    size = models.Package.size
    return int(tx.execute(sa.select(sa.func.coalesce(
        sa.func.sum(size), 0)).where(
            models.Package.project_id == project_id)).scalar())


def tally(tx, columns, *conditions):
    """The values of ``columns`` that there are, each with their number."""
    return tx.execute(sa.select(*columns, sa.func.count()).where(
        *conditions).group_by(*columns)).all()
