# SPDX-License-Identifier: Apache-2.0
"""Whatever runs is a target, and :func:`resolve` is what finds it."""

import dataclasses
import hashlib

from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling import exception
from qinling import states

_V = models.FunctionVersion
_E = models.Execution
#: What runs functions by itself.
_CALLERS = (('job', models.Job), ('webhook', models.Webhook))
#: References of one kind that are named at most.
MOST = 10


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
    async_policy: dict | None = None
    settings_id: str | None = None
    trust_id: str | None = None

    @property
    def slot(self):
        """What the target's workers are listed under."""
        return self.function_id, self.version

    @property
    def build(self):
        """What a worker has loaded.  Workers of another build never serve
        this target, so a change of the code needs nobody to be told; a
        change of the timeout keeps them."""
        # What has no package is what its code says.
        return (self.package or str(self.code), self.entry, self.cpu,
                self.memory_size,
                self.runtime_id, self.settings_id)


def point(key):
    """Where between 0 and 2**32 a text falls; the same text always at the
    same point, and texts evenly over all of them."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])


def resolve(tx, ctx, function_id=None, version=0, alias=None, key=''):
    """The :class:`Target` that a reference means at this moment.

    An alias wins over a function, and is looked up in the caller's own
    project only.

    :param key: what decides which version a weighted alias leads to.
    :raises FunctionAliasNotFound, FunctionNotFound,
        FunctionVersionNotFound: the reference leads nowhere.
    """
    if alias is not None:
        row = queries.by_alias(tx, ctx.project_id, alias, point(key))
        if row is None:
            raise exception.FunctionAliasNotFound(name=alias)
        version = row.routed
    else:
        row = queries.by_id(tx, function_id, version)
        if row is None or not (ctx.sees_all
                               or row.project_id == ctx.project_id):
            raise exception.FunctionNotFound(id=function_id)
    if version and row.version_number is None:
        raise exception.FunctionVersionNotFound(id=row.id, version=version)
    prefix = 'v_' if version else 'f_'
    return Target(
        project_id=row.project_id, function_id=row.id, version=version,
        alias=alias, runtime_status=row.runtime_status,
        trust_id=row.trust_id,
        **{name: getattr(row, prefix + name) for name in models.SNAPSHOT})


def runtime(tx, target):
    """The id of the runtime that a version runs on now: an upgrade in place
    may have led it to another one since the target was resolved."""
    found = crud.find(
        tx, _V, _V.function_id == target.function_id,
        _V.version_number == target.version, only=(_V.runtime_id,))
    return found[0].runtime_id if found else target.runtime_id


def hold(tx, ctx, function_id, *versions):
    """Keep a function of the caller's own project and versions of it (0 is
    none) as they are until ``tx`` ends.

    :raises FunctionNotFound, FunctionVersionNotFound: one is not there.
    """
    if crud.get(tx, ctx, models.Function, lock=True, id=function_id,
                project_id=ctx.project_id) is None:
        raise exception.FunctionNotFound(id=function_id)
    for number in sorted(set(versions) - {0}):
        if crud.get(tx, ctx, models.FunctionVersion, lock=True,
                    function_id=function_id, version_number=number) is None:
            raise exception.FunctionVersionNotFound(
                id=function_id, version=number)


def hold_reference(tx, ctx, function_id, function_version, function_alias):
    """The same for what a job or a webhook refers to.

    :raises FunctionAliasNotFound: there is no such alias, too.
    """
    if function_alias is None:
        hold(tx, ctx, function_id, function_version or 0)
    elif crud.get(tx, ctx, models.FunctionAlias, lock=True,
                  name=function_alias, project_id=ctx.project_id) is None:
        raise exception.FunctionAliasNotFound(name=function_alias)


@dataclasses.dataclass(frozen=True)
class Reference:
    """One thing that refers to a function, a version or an alias: its
    ``kind`` (alias, job, webhook or execution) and its ``id``, which for an
    alias is its name; ``alias`` is the one that leads there, if any."""

    kind: str
    id: str
    alias: str | None = None

    def __str__(self):
        through = f' (through alias {self.alias})' if self.alias else ''
        return f'{self.kind} {self.id}{through}'


def named(found):
    """References as a text for the user."""
    return ', '.join(str(each) for each in found)


def references(tx, function_id, version=None):
    """What still needs a function, or one version of it: the one guard of
    deletes.

    :returns: :class:`Reference` list; of each kind at most 10.
    """
    aliases = queries.aliases(tx, function_id, version, MOST)
    found = [Reference('alias', row.name) for row in aliases]
    for kind, model in _CALLERS:
        exact = [model.function_id == function_id, *_live(model)]
        if version is not None:
            exact.append(model.function_version == version)
        found += [Reference(kind, row.id) for row in crud.find(
            tx, model, *exact, limit=MOST)]
    for row in aliases:
        found += alias_references(tx, row.project_id, row.name)
    if version is not None:
        found += [Reference('execution', row.id) for row in crud.find(
            tx, _E, _E.function_id == function_id,
            _E.function_version == version,
            _E.status == states.ExecutionStatus.RUNNING.value, limit=MOST)]
    return found


def guard_jobs(tx, function_id):
    """Refuse another build of a function that jobs use.

    :raises FunctionInUse: with the jobs.
    """
    jobs = [user for user in references(tx, function_id)
            if user.kind == 'job']
    if jobs:
        raise exception.FunctionInUse(id=function_id, blockers=named(jobs))


def alias_references(tx, project_id, name):
    """What still needs an alias, as :class:`Reference` list."""
    return [Reference(kind, row.id, name)
            for kind, model in _CALLERS
            for row in crud.find(
                tx, model, model.project_id == project_id,
                model.function_alias == name, *_live(model), limit=MOST)]


def _live(model):
    return ([model.status.in_(states.LIVE_JOBS)] if model is models.Job
            else [])
