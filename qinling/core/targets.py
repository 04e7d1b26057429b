# SPDX-License-Identifier: Apache-2.0
"""Targets: resolution of references to what an execution runs."""

from collections.abc import Iterable
import dataclasses
import functools
import hashlib
import json
import typing

from qinling import context
from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception
from qinling import states

_VERSION = models.FunctionVersion
#: Triggers that refer to functions.
_TRIGGERS: tuple[tuple[str, typing.Any], ...] = (
    ('job', models.Job), ('webhook', models.Webhook),
    ('event_source', models.EventSource))
#: Fields of a target that engines do not need.
RECORDED = ('digest', 'secret_numbers', 'flow_control', 'flow_scope')
#: References of one kind in a message.
MAX_REFERENCES = 10


@dataclasses.dataclass(frozen=True)
class Target:
    """What an execution runs, resolved from a reference.

    ``cpu`` in thousandths of a core, ``memory_size`` in bytes, ``timeout`` in
    seconds; ``package`` is a storage key; ``execution_quota`` limits the
    running executions of the project, ``None`` for the default.  Executions
    record ``digest`` and ``secret_numbers`` (name -> number of the value).
    ``schema_digest`` is that of the schemas of input and output, if any;
    ``offline`` targets run on workers without a network.  ``flow_scope`` is
    the id of the function or alias that has the ``flow_control``.
    """

    project_id: str
    function_id: str
    version: int
    alias: str | None
    runtime_id: str | None
    runtime_status: str | None
    code: dict[str, typing.Any]
    package: str | None
    entry: str | None
    cpu: int
    memory_size: int
    timeout: int
    async_policy: dict[str, typing.Any] | None = None
    settings_id: str | None = None
    trust_id: str | None = None
    execution_quota: int | None = None
    digest: str | None = None
    secret_numbers: dict[str, int] | None = None
    schema_digest: str | None = None
    offline: bool = False
    flow_control: dict[str, typing.Any] | None = None
    flow_scope: str | None = None

    @functools.cached_property
    def function_key(self) -> tuple[typing.Hashable, ...]:
        """Return the function and version that workers serve."""
        return self.function_id, self.version

    @functools.cached_property
    def fingerprint(self) -> tuple[typing.Hashable, ...]:
        """Return everything that a worker has loaded.

        A worker with another fingerprint never serves the target, so new
        code needs no message to workers; a new timeout keeps the workers.
        """
        # Without a package, ``code`` is all there is.
        loaded = (self.package or str(self.code), self.entry, self.cpu,
                  self.memory_size, self.runtime_id, self.settings_id)
        return (*loaded, 'offline') if self.offline else loaded

    @functools.cached_property
    def encoded(self) -> bytes:
        """Return the fields as JSON, for an engine in another process."""
        return json.dumps({
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)}).encode()

    def recorded(self) -> dict[str, typing.Any]:
        """Return the columns of an execution that name the code."""
        return {'digest': self.digest, 'secrets': self.secret_numbers}


def routing_point(key: str) -> int:
    """Return the point between 0 and 2**32 of a routing key.

    Equal keys have equal points, and the points are evenly distributed.
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])


def resolve(tx: session.Connection, ctx: context.RequestContext,
            function_id: str | None = None, version: int = 0,
            alias: str | None = None, key: str = '') -> Target:
    """Return the target of a reference at this moment.

    An alias takes precedence over a function, and is looked up in the project
    of the caller only.

    :param version: replaces the choice of an alias, unless 0.
    :param key: routing key, which chooses a version of a weighted alias.
    :raises FunctionAliasNotFound, FunctionNotFound,
        FunctionVersionNotFound: the reference has no target.
    """
    if alias is not None:
        row = queries.by_alias(tx, ctx.project_id, alias, routing_point(key))
        if row is None:
            raise exception.FunctionAliasNotFound(name=alias)
        if version:
            return _resolve_chosen(tx, row, version, alias)
        version = row.routed_version
    else:
        row = queries.by_id(tx, function_id, version)
        if row is None or not (ctx.sees_all
                               or row.project_id == ctx.project_id):
            raise exception.FunctionNotFound(id=function_id)
    return _derive(row, version, alias)


def _resolve_chosen(tx: session.Connection, alias_row: typing.Any,
                    version: int, alias: str) -> Target:
    """Return the target of an alias whose choice a version replaces."""
    row = queries.by_id(tx, alias_row.id, version)
    if row is None:
        raise exception.FunctionNotFound(id=alias_row.id)
    return dataclasses.replace(_derive(row, version, alias),
                               **_read_flow(alias_row))


def _derive(row: typing.Any, version: int, alias: str | None) -> Target:
    if version and row.version_number is None:
        raise exception.FunctionVersionNotFound(id=row.id, version=version)
    try:
        target: Target = row.derived[version, alias]
    except KeyError:
        target = row.derived[version, alias] = _create(row, version, alias)
    return target


def _create(row: typing.Any, version: int, alias: str | None) -> Target:
    prefix = 'v_' if version else 'f_'
    return Target(
        project_id=row.project_id, function_id=row.id, version=version,
        alias=alias, runtime_status=row.runtime_status,
        trust_id=row.trust_id, execution_quota=row.execution_quota,
        digest=row.digest, secret_numbers=row.secret_numbers,
        **_read_flow(row),
        **{name: getattr(row, prefix + name) for name in models.SNAPSHOT})


def _read_flow(row: typing.Any) -> dict[str, typing.Any]:
    """Return the flow control, and the id of the function or alias."""
    control = getattr(row, 'alias_flow_control', None)
    if control is not None:
        return {'flow_control': control, 'flow_scope': row.alias_id}
    return {'flow_control': row.flow_control,
            'flow_scope': row.flow_control and row.id}


def current_runtime_id(tx: session.Connection, target: Target) -> str | None:
    """Return the runtime of a version at this moment.

    An upgrade in place may have moved the version since its resolution.
    """
    rows = crud.select(
        tx, _VERSION, _VERSION.function_id == target.function_id,
        _VERSION.version_number == target.version,
        only=(_VERSION.runtime_id,))
    return rows[0].runtime_id if rows else target.runtime_id


def lock(tx: session.Connection, ctx: context.RequestContext,
         function_id: str | None, *versions: int) -> None:
    """Lock a function of the project and some of its versions.

    :param versions: version numbers; 0 is ignored.
    :raises FunctionNotFound, FunctionVersionNotFound: one does not exist.
    """
    if crud.get(tx, ctx, models.Function, lock=True, id=function_id,
                project_id=ctx.project_id) is None:
        raise exception.FunctionNotFound(id=function_id)
    for number in sorted(set(versions) - {0}):
        if crud.get(tx, ctx, models.FunctionVersion, lock=True,
                    function_id=function_id, version_number=number) is None:
            raise exception.FunctionVersionNotFound(
                id=function_id, version=number)


def lock_reference(tx: session.Connection, ctx: context.RequestContext,
                   function_id: str | None, function_version: int | None,
                   function_alias: str | None) -> None:
    """Lock what a trigger refers to.

    :raises FunctionNotFound, FunctionVersionNotFound,
        FunctionAliasNotFound: the reference has no target.
    """
    if function_alias is None:
        lock(tx, ctx, function_id, function_version or 0)
    elif crud.get(tx, ctx, models.FunctionAlias, lock=True,
                  name=function_alias, project_id=ctx.project_id) is None:
        raise exception.FunctionAliasNotFound(name=function_alias)


@dataclasses.dataclass(frozen=True)
class Reference:
    """A resource that refers to a function, a version or an alias.

    ``kind`` is alias, job, webhook, event_source or execution; ``id`` of an
    alias is its name; ``alias`` names the alias between both, if any.
    """

    kind: str
    id: str
    alias: str | None = None

    def __str__(self) -> str:
        through = f' (through alias {self.alias})' if self.alias else ''
        return f'{self.kind} {self.id}{through}'


def describe_references(references: Iterable[Reference]) -> str:
    """Return references as a text for users."""
    return ', '.join(str(reference) for reference in references)


def references(tx: session.Connection, function_id: str,
               version: int | None = None) -> list[Reference]:
    """Return the references to a function or to one version.

    The only guard of deletions.

    :returns: at most 10 references of each kind.
    """
    aliases = queries.aliases_of(tx, function_id, version, MAX_REFERENCES)
    result = [Reference('alias', row.name) for row in aliases]
    for kind, model in _TRIGGERS:
        conditions = [model.function_id == function_id, *_is_live(model)]
        if version is not None:
            conditions.append(model.function_version == version)
        result += [Reference(kind, row.id) for row in crud.select(
            tx, model, *conditions, limit=MAX_REFERENCES)]
    for row in aliases:
        result += alias_references(tx, row.project_id, row.name)
    if version is not None:
        result += [Reference('execution', id) for id in
                   queries.running_executions(
                       tx, function_id, version, MAX_REFERENCES)]
    return result


def count_references(tx: session.Connection, function_id: str, version: int
                     ) -> dict[str, int]:
    """Return the numbers of aliases and of triggers of a version.

    Triggers count also through an alias.
    """
    aliases = queries.aliases_of(tx, function_id, version)
    counts = {'aliases': len(aliases)}
    for kind, model in _TRIGGERS:
        is_user = ((model.function_id == function_id)
                   & (model.function_version == version))
        for row in aliases:
            is_user |= ((model.project_id == row.project_id)
                        & (model.function_alias == row.name))
        counts[f'{kind}s'] = crud.count(tx, model, is_user, *_is_live(model))
    return counts


def alias_references(tx: session.Connection, project_id: str, name: str
                     ) -> list[Reference]:
    """Return the references to an alias."""
    return [Reference(kind, row.id, name)
            for kind, model in _TRIGGERS
            for row in crud.select(
                tx, model, model.project_id == project_id,
                model.function_alias == name, *_is_live(model),
                limit=MAX_REFERENCES)]


def _is_live(model: typing.Any) -> list[typing.Any]:
    return ([model.status.in_(states.LIVE_JOBS)] if model is models.Job
            else [])
