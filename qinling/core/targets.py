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

"""Whatever runs is a target, and :func:`resolve` is what finds it."""

import dataclasses

import sqlalchemy as sa

from qinling.db import models
from qinling.db import query
from qinling import exception
from qinling import states

_F, _V, _A, _R = (models.Function, models.FunctionVersion,
                  models.FunctionAlias, models.Runtime)
#: What a version freezes.
SNAPSHOT = ('code', 'package', 'entry', 'cpu', 'memory_size', 'timeout',
            'runtime_id')


@dataclasses.dataclass(frozen=True)
class Target:
    """One thing to run, resolved: ``cpu`` in thousandths of a core,
    ``memory_size`` in bytes, ``timeout`` in seconds, ``package`` a storage
    key.  It travels to the engine as a plain dict."""

    project_id: str
    function_id: str
    version: int
    alias: str | None
    runtime_id: str | None
    runtime_status: str | None
    code: dict
    package: str | None
    entry: str | None
    cpu: int
    memory_size: int
    timeout: int

    @property
    def slot(self):
        """What the target's workers are listed under."""
        return self.function_id, self.version

    @property
    def build(self):
        """What a worker has loaded.  Workers of another build never serve
        this target, so a change of the code needs nobody to be told; a
        change of the timeout keeps them."""
        return (self.package, self.entry, self.cpu, self.memory_size,
                self.runtime_id)


def _select(start):
    wide = [getattr(table, name).label(f'{prefix}_{name}')
            for prefix, table in (('f', _F), ('v', _V)) for name in SNAPSHOT]
    return sa.select(
        _F.project_id, _F.id, _V.version_number,
        _R.status.label('runtime_status'), *wide, *start)


def _joined(statement, version):
    return statement.outerjoin(
        _V, (_V.function_id == _F.id) & (_V.version_number == version)
    ).outerjoin(
        _R, _R.id == sa.func.coalesce(_V.runtime_id, _F.runtime_id))


_BY_ID = _joined(
    _select([]).select_from(_F), sa.bindparam('version')
).where(_F.id == sa.bindparam('function_id'))
_BY_ALIAS = _joined(
    _select([_A.function_version]).select_from(_A).join(
        _F, _F.id == _A.function_id), _A.function_version
).where(_A.name == sa.bindparam('name'),
        _A.project_id == sa.bindparam('project'))


def resolve(tx, ctx, function_id=None, version=0, alias=None):
    """The :class:`Target` that a reference means at this moment.

    An alias wins over a function, and is looked up in the caller's own
    project only.

    :raises FunctionAliasNotFound, FunctionNotFound,
        FunctionVersionNotFound: the reference leads nowhere.
    """
    if alias is not None:
        row = tx.execute(_BY_ALIAS, {'name': alias,
                                     'project': ctx.project_id}).first()
        if row is None:
            raise exception.FunctionAliasNotFound(name=alias)
        version = row.function_version
    else:
        row = tx.execute(_BY_ID, {'function_id': function_id,
                                  'version': version}).first()
        if row is None or not (ctx.sees_all
                               or row.project_id == ctx.project_id):
            raise exception.FunctionNotFound(id=function_id)
    if version and row.version_number is None:
        raise exception.FunctionVersionNotFound(id=row.id, version=version)
    prefix = 'v_' if version else 'f_'
    return Target(
        project_id=row.project_id, function_id=row.id, version=version,
        alias=alias, runtime_status=row.runtime_status,
        **{name: getattr(row, prefix + name) for name in SNAPSHOT})


def references(tx, function_id):
    """What still needs a function, as texts for the user; the one guard of
    deletes."""
    found = [
        f'alias {alias.name}' for alias in query.find(
            tx, _A, _A.function_id == function_id, limit=10)]
    job, webhook = models.Job, models.Webhook
    found += [f'job {row.id}' for row in query.find(
        tx, job, job.function_id == function_id,
        job.status.in_(states.LIVE_JOBS), limit=10)]
    found += [f'webhook {row.id}' for row in query.find(
        tx, webhook, webhook.function_id == function_id, limit=10)]
    return found
