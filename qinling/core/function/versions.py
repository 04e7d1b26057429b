# SPDX-License-Identifier: Apache-2.0
"""Versions: numbered, immutable snapshots of a function."""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import digests
from qinling.core import engine_client
from qinling.core.function import drafts
from qinling.core.function import retention
from qinling.core.function import scaling
from qinling.core.function import seals
from qinling.core.function import tags as tags_module
from qinling.core import preconditions
from qinling.core import quotas as quotas_module
from qinling.core import targets
from qinling.db import crud
from qinling.db import filtering
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception
from qinling.states import VersionState

if typing.TYPE_CHECKING:
    from qinling.core import services

_MODEL = models.FunctionVersion
_FUNCTION = models.Function

#: Tries of a publication that uploads interrupt.
MAX_PUBLISH_TRIES = 5

_Values = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Usage:
    """What still uses a version; see :class:`qinling.states.VersionState`.

    ``queued`` executions wait for a worker, ``scheduled`` executions for
    their next attempt.
    """

    state: str
    running: int
    queued: int
    scheduled: int
    aliases: int
    jobs: int
    webhooks: int
    event_sources: int


class Versions:
    """Operations on versions.

    Every change of the versions of a function first locks the row of the
    function, so numbers, limits and packages change one by one.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient,
                 backends: 'services.Backends',
                 quotas: quotas_module.Quotas) -> None:
        self._conf = conf
        self._db = db
        self._engine = engine
        self._backends = backends
        self._quotas = quotas
        self._seals = seals.Seals(conf, db, backends)
        self._retention = retention.VersionRetention(
            db, engine, backends.packages)

    def create(self, ctx: context.RequestContext, function_id: str,
               values: _Values | None = None) -> typing.Any:
        """Publish the latest code; see :meth:`publish`."""
        return self.publish(ctx, function_id, values)[0]

    def publish(self, ctx: context.RequestContext, function_id: str,
                values: _Values | None = None
                ) -> tuple[typing.Any, retention.Retention]:
        """Publish the latest code as a version.

        Delete old versions, if the function does not keep all.

        :returns: the version, and the fate of old versions.
        :raises: see :meth:`prepare` and :meth:`insert`.
        """
        for _ in range(MAX_PUBLISH_TRIES):
            with contextlib.suppress(exception.FunctionChanged):
                draft = self.prepare(ctx, function_id, values)
                row, result = self.insert(ctx, function_id, draft)
                self._retention.clean_up(function_id, result)
                return row, result
        raise exception.FunctionChanged(id=function_id)

    def prepare(self, ctx: context.RequestContext, function_id: str,
                values: _Values | None = None) -> drafts.Draft:
        """Return a version before its publication.

        :param values: optional ``description``, ``message`` and ``tags``.
        :raises Forbidden: the code can have no versions.
        :raises FunctionChanged: another request changed the code meanwhile.
        """
        columns = drafts.validate(values or {})
        row = self._db.read(_get_function, ctx, function_id)
        if not self._backends.sources[row.code['source']].versioned:
            raise exception.Forbidden(
                reason='only functions of source package have versions, '
                       f'{function_id} is of source {row.code["source"]}.')
        try:
            code = self._seals.hash_code(row)
        except exception.NotFound:
            latest = self._db.read(_get_function, ctx, function_id)
            if latest.package != row.package:
                raise exception.FunctionChanged(id=function_id)
            raise
        return drafts.Draft(row.package, code, columns)

    def insert(self, ctx: context.RequestContext, function_id: str,
               draft: drafts.Draft) -> tuple[typing.Any, retention.Retention]:
        """Write a version, and delete old ones without their packages.

        :raises FunctionVersionLimit: the function has too many versions.
        :raises FunctionChanged: another request changed the code meanwhile.
        """
        guard = self._quotas.guard(ctx.project_id, versions=1)
        number, result = self._db.write(lambda tx: self._insert_row(
            tx, ctx, function_id, draft, guard))
        return self.get(ctx, function_id, number), result

    def _insert_row(self, tx: session.Connection,
                    ctx: context.RequestContext, function_id: str,
                    draft: drafts.Draft, guard: quotas_module.QuotaCheck
                    ) -> tuple[int, retention.Retention]:
        guard(tx)
        row = _get_function(tx, ctx, function_id, lock=True)
        if row.package != draft.package:
            raise exception.FunctionChanged(id=row.id)
        number: int = row.version_counter + 1
        crud.update(tx, _FUNCTION, row.id, {
            'version_counter': number, 'latest_version': number})
        parts = seals.compute(tx, row, draft.code, lock=True)
        crud.insert(
            tx, _MODEL, function_id=row.id, version_number=number,
            project_id=row.project_id, digest_parts=parts,
            digest=digests.combine(parts), **draft.columns,
            **{name: getattr(row, name)
               for name in (*models.SNAPSHOT, *models.SCHEMAS)})
        result = retention.prune(tx, row)
        limit = self._conf.resource_limits.max_versions
        if crud.count(tx, _MODEL, _MODEL.function_id == row.id) > limit:
            raise exception.FunctionVersionLimit(id=row.id, limit=limit)
        return number, result

    def get(self, ctx: context.RequestContext, function_id: str, number: int
            ) -> typing.Any:
        """Return a version.

        :raises FunctionNotFound, FunctionVersionNotFound: see the name.
        """
        row = self._db.read(crud.get, ctx.visible_scope(), _MODEL,
                            function_id=function_id, version_number=number)
        if row is None:
            self._check_function(ctx, function_id)
            raise exception.FunctionVersionNotFound(
                id=function_id, version=number)
        return row

    def list(self, ctx: context.RequestContext, function_id: str,
             page: crud.Page, filters: filtering.Texts = (),
             tags: Sequence[str] = ()) -> Sequence[typing.Any]:
        """Return a page of the versions of a function.

        :param tags: filters of :func:`.tags.filter_condition`.
        """
        conditions = filtering.list_conditions(_MODEL, filters)
        self._check_function(ctx, function_id)
        conditions += [tags_module.filter_condition(text) for text in tags]
        return self._db.read(crud.select_page, ctx.visible_scope(), _MODEL,
                             [_MODEL.function_id == function_id, *conditions],
                             page)

    def verify(self, ctx: context.RequestContext, function_id: str,
               number: int) -> seals.Verification:
        """Compare a version with its digest; see :meth:`.seals.Seals`."""
        return self._seals.verify(self.get(ctx, function_id, number))

    def download(self, ctx: context.RequestContext, function_id: str,
                 number: int) -> typing.BinaryIO:
        """Return a stream of the package of a version."""
        row = self.get(ctx, function_id, number)
        try:
            return self._backends.sources[row.code['source']].open(
                row.code, row.package)
        except FileNotFoundError:
            raise exception.NotFound(
                reason=f'the package of version {number} is gone.')

    def update(self, ctx: context.RequestContext, function_id: str,
               number: int, values: _Values,
               match: preconditions.Match = None) -> typing.Any:
        """Change the mutable fields: ``description`` and ``tags``."""
        columns = drafts.validate(values)
        row = self.get(ctx, function_id, number)
        preconditions.check(row, match)
        if columns and not self._db.write(
                lambda tx: crud.update(
                    tx, _MODEL, row.id, columns,
                    *preconditions.condition(_MODEL, match))):
            preconditions.check(self.get(ctx, function_id, number), match)
        return self.get(ctx, function_id, number)

    def delete(self, ctx: context.RequestContext, function_id: str,
               number: int, match: preconditions.Match = None) -> None:
        """Delete a version; its number is never used again.

        :raises FunctionVersionInUse: something refers to the version.
        """
        package = self._db.write(lambda tx: self._delete_row(
            tx, ctx, function_id, number, match))
        self._backends.packages.drop(package)
        scaling.retire(self._engine, function_id, number)

    def _delete_row(self, tx: session.Connection,
                    ctx: context.RequestContext, function_id: str,
                    number: int, match: preconditions.Match) -> str | None:
        """Delete the row; return its package."""
        _get_function(tx, ctx, function_id, lock=True)
        row = crud.get(tx, ctx, _MODEL, lock=True, function_id=function_id,
                       version_number=number)
        if row is None:
            raise exception.FunctionVersionNotFound(
                id=function_id, version=number)
        preconditions.check(row, match)
        references = targets.references(tx, function_id, number)
        if references:
            raise exception.FunctionVersionInUse(
                id=function_id, version=number,
                blockers=targets.describe_references(references))
        package = retention.delete_row(tx, row)
        crud.update(tx, _FUNCTION, function_id, {
            'latest_version': crud.max_value(
                tx, _MODEL.version_number,
                _MODEL.function_id == function_id) or 0})
        return package

    def references(self, ctx: context.RequestContext, function_id: str,
                   number: int) -> Sequence[targets.Reference]:
        """Return the references to a version."""
        self.get(ctx, function_id, number)
        return self._db.read(targets.references, function_id, number)

    def usage(self, ctx: context.RequestContext, function_id: str,
              number: int) -> Usage:
        """Return what still uses a version."""
        row = self.get(ctx, function_id, number)

        def read(tx: session.Connection) -> Usage:
            counts = targets.count_references(tx, function_id, number)
            running, queued, scheduled = queries.count_unfinished(
                tx, function_id, number)
            state = VersionState.DRAINED
            if any(counts.values()) or row.min_workers:
                state = VersionState.ACTIVE
            elif running or queued or scheduled:
                state = VersionState.DRAINING
            return Usage(state.value, running, queued, scheduled, **counts)
        return self._db.read(read)

    def _check_function(self, ctx: context.RequestContext, id: str) -> None:
        row = self._db.read(crud.get, ctx.visible_scope(), _FUNCTION, id=id)
        if row is None:
            raise exception.FunctionNotFound(id=id)


def _get_function(tx: session.Connection, ctx: context.RequestContext,
                  function_id: str, lock: bool = False) -> typing.Any:
    """Return the row of a function of the caller.

    :param lock: lock the row until the end of the transaction.
    """
    row = crud.get(tx, ctx, _FUNCTION, lock=lock, id=function_id)
    if row is None:
        raise exception.FunctionNotFound(id=function_id)
    return row
