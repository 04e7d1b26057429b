# SPDX-License-Identifier: Apache-2.0
"""Functions: code with an entry point, limits and an environment.

Create and update follow the same steps: plan (validate, decide), store (put
the package, create the trust), write (one transaction), then clean up.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core import collection
from qinling.core import engine_client
from qinling.core.function import builds
from qinling.core.function import environment
from qinling.core.function import plans
from qinling.core.function import scaling
from qinling.core.function import trusts
from qinling.core import preconditions
from qinling.core import quotas as quotas_module
from qinling.core.runtime import runtimes
from qinling.core import targets
from qinling.db import crud
from qinling.db import flow_queries
from qinling.db import models
from qinling.db import session
from qinling import exception

if typing.TYPE_CHECKING:
    from qinling.core import services

LOG = log.getLogger(__name__)

_MODEL = models.Function
_Fields = Mapping[str, typing.Any]
#: Tries of an update that other updates interrupt: one of them succeeds in
#: each round.
MAX_UPDATE_TRIES = 20


class _PlanOutdated(Exception):
    """Another request changed the row that a plan was made for."""


class Functions(collection.Collection):
    """Operations on functions."""

    model = _MODEL
    not_found = exception.FunctionNotFound

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient,
                 backends: 'services.Backends',
                 quotas: quotas_module.Quotas) -> None:
        super().__init__(db)
        self._planner = plans.Planner(conf, db, backends)
        self._engine = engine
        self._backends = backends
        self._quotas = quotas

    def create(self, ctx: context.RequestContext, fields: _Fields,
               upload: typing.BinaryIO | None) -> typing.Any:
        """Create a function.

        :param fields: ``code`` (an object) and fields of
            :data:`qinling.fields.FUNCTION`.
        :param upload: the package as a seekable file.
        """
        code = fields.get('code')
        if code is None:
            raise exception.Invalid('Required param is missing: code.')
        plan = self._planner.plan_create(ctx, code, fields)
        self._planner.check_syntax(
            plan, plan.values['runtime_id'], plan.values.get('entry'), upload)
        plan.values['code'], package = plan.source.create(
            code, upload, self._backends.trusts.auth(ctx))
        plan.set_package(package, upload)
        with self._stored(ctx, plan):
            row = self.get(ctx, self._insert(ctx, plan))
        return builds.start(self._db, self._engine, ctx, row)

    @contextlib.contextmanager
    def _stored(self, ctx: context.RequestContext, plan: plans.Plan
                ) -> Iterator[None]:
        """Create the trust; drop trust and package if the block fails."""
        with self._backends.packages.dropped_on_error(
                plan.values.get('package')):
            with self._backends.trusts.created(ctx, plan.trust) as trust_id:
                if plan.trust is not None:
                    plan.values['trust_id'] = trust_id
                yield

    def _insert(self, ctx: context.RequestContext, plan: plans.Plan) -> str:
        guard = self._quotas.guard(ctx.project_id, functions=1,
                                   storage_bytes=plan.package_size)

        def insert(tx: session.Connection) -> str:
            guard(tx)
            values = dict(plan.values)
            # Check again under a lock: storing a package takes time.
            if values['runtime_id']:
                runtimes.check_available(
                    tx, ctx, values['runtime_id'], lock=True)
            if plan.new_environment is not None:
                values['settings_id'] = environment.insert(
                    tx, ctx.project_id, plan.new_environment)
            self._backends.packages.record_size(
                tx, values['package'], ctx.project_id, plan.package_size)
            return crud.insert(tx, _MODEL, **values)
        return self._db.write(insert)

    def download(self, ctx: context.RequestContext, id: str
                 ) -> typing.BinaryIO:
        """Return a stream of the package of a function."""
        row = self.get(ctx, id)
        source = self._planner.find_source(row.code['source'])
        try:
            return source.open(row.code, row.package,
                               self._backends.trusts.auth(ctx))
        except FileNotFoundError:
            if self.get(ctx, id).package != row.package:
                return self.download(ctx, id)
            LOG.error('Could not find the package %s of function %s.',
                      row.package, id)
            raise exception.NotFound(
                reason=f'the package of function {id} is gone.')
        except exception.PermanentError as e:
            raise exception.Forbidden(reason=str(e))

    def update(self, ctx: context.RequestContext, id: str, fields: _Fields,
               upload: typing.BinaryIO | None,
               match: preconditions.Match = None) -> typing.Any:
        """Change a function.

        A new fingerprint (code, entry, cpu, memory_size, environment or
        secrets) retires the workers of the latest code, and a new secret the
        workers of versions that follow the secret.  Jobs, webhooks and
        aliases without a version run the new code from then on.
        """
        for _ in range(MAX_UPDATE_TRIES):
            with contextlib.suppress(_PlanOutdated):
                return self._try_update(ctx, id, fields, upload, match)
        raise exception.FunctionChanged(id=id)

    def _try_update(self, ctx: context.RequestContext, id: str,
                    fields: _Fields, upload: typing.BinaryIO | None,
                    match: preconditions.Match) -> typing.Any:
        """Change a function.

        :raises _PlanOutdated: another request changed what the new
            environment, trust or code was computed from.
        """
        row = self.get(ctx, id)
        preconditions.check(row, match)
        plan = self._planner.plan_update(ctx, row, fields, upload)
        if plan.reloads:
            self._planner.check_syntax(
                plan, row.runtime_id, plan.values.get('entry', row.entry),
                upload)
            stored = plan.source.update(
                row.code, fields.get('code'), upload,
                self._backends.trusts.auth(ctx))
            if stored is not None:
                plan.values['code'] = stored[0]
                plan.set_package(stored[1], upload)
        if plan.is_empty():
            return row
        with self._stored(ctx, plan):
            replaced = self._write(ctx, row, plan, match)
        self._drop_replaced(replaced, plan.values)
        if plan.reloads or plan.new_environment is not None:
            for number in (0, *plan.followers):
                scaling.retire(self._engine, id, number)
        result = self.get(ctx, id)
        return (builds.start(self._db, self._engine, ctx, result)
                if 'package' in plan.values else result)

    def _write(self, ctx: context.RequestContext, row: typing.Any,
               plan: plans.Plan, match: preconditions.Match) -> typing.Any:
        """Change the row, and return the row before.

        :param row: the row that the plan was made for.
        """
        guard = self._quotas.guard(row.project_id,
                                   storage_bytes=plan.package_size)

        def change(tx: session.Connection) -> typing.Any:
            guard(tx)
            present = self._lock(tx, ctx, row.id, match)
            _check_base(row, present, plan)
            values = dict(plan.values)
            if plan.new_environment is not None:
                values['settings_id'] = environment.insert(
                    tx, row.project_id, plan.new_environment)
            crud.update(tx, _MODEL, row.id, values)
            if 'flow_control' in values:
                flow_queries.wake(tx, row.id)
            if plan.trust:
                trusts.replace(tx, present)
            self._backends.packages.record_size(
                tx, values.get('package'), row.project_id, plan.package_size)
            if plan.new_environment is not None:
                plan.followers = environment.follow_secrets(
                    tx, row.id, values['settings_id'])
                environment.drop(tx, present.settings_id)
            return present
        return self._db.write(change)

    def _drop_replaced(self, row: typing.Any, values: _Fields) -> None:
        """Drop package and trust that the new values replace."""
        if 'package' in values:
            self._backends.packages.drop(row.package)
        # Running executions use a trust until the sweep deletes it.
        if 'trust_id' in values and not values['trust_id']:
            self._backends.trusts.drop(row.trust_id)

    def delete(self, ctx: context.RequestContext, id: str,
               match: preconditions.Match = None) -> None:
        """Delete a function with versions, packages and workers.

        Executions stay.

        :raises Forbidden: the function belongs to another project.
        :raises FunctionInUse: something refers to the function.
        """
        if self.get(ctx, id).project_id != ctx.project_id:
            raise exception.Forbidden(
                reason=f'function {id} belongs to another project.')
        packages, trust_ids = self._db.write(
            lambda tx: self._delete_rows(tx, ctx, id, match))
        scaling.retire(self._engine, id, None)
        for package in packages:
            self._backends.packages.drop(package)
        for trust_id in trust_ids:
            self._backends.trusts.drop(trust_id)

    def _delete_rows(self, tx: session.Connection,
                     ctx: context.RequestContext, id: str,
                     match: preconditions.Match
                     ) -> tuple[set[str | None], list[str | None]]:
        """Delete the rows; return packages and trusts."""
        row = crud.get(tx, ctx, _MODEL, lock=True, id=id)
        if row is None:
            raise exception.FunctionNotFound(id=id)
        preconditions.check(row, match)
        references = targets.references(tx, id)
        if references:
            raise exception.FunctionInUse(
                id=id, blockers=targets.describe_references(references))
        version = models.FunctionVersion
        rows = [row, *crud.select(tx, version, version.function_id == id)]
        crud.delete(tx, _MODEL, id)
        if row.flow_control:
            flow_queries.wake(tx, id)
        environment.drop(tx, *(deleted.settings_id for deleted in rows))
        return ({deleted.package for deleted in rows},
                trusts.release(tx, row))

    def references(self, ctx: context.RequestContext, id: str
                   ) -> Sequence[targets.Reference]:
        """Return the references to a function."""
        self.get(ctx, id)
        return self._db.read(targets.references, id)


def _check_base(row: typing.Any, present: typing.Any, plan: plans.Plan
                ) -> None:
    """Check the columns that a plan was computed from.

    An uploaded package replaces any other; secrets, trusts, schemas and the
    location of code depend on the former ones.

    :raises _PlanOutdated: a column has changed.
    """
    is_outdated = (
        plan.new_environment is not None
        and row.settings_id != present.settings_id
        or 'trust_id' in plan.values and row.trust_id != present.trust_id
        or 'schema_digest' in plan.values
        and row.schema_digest != present.schema_digest
        or 'code' in plan.values and not plan.source.uploaded
        and row.code != present.code)
    if is_outdated:
        raise _PlanOutdated
