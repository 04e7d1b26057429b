# SPDX-License-Identifier: Apache-2.0
"""Functions: code with an entry point, limits and an environment.

Create and update follow the same steps: plan (validate, decide), store (put
the package, create the trust), write (one transaction), then clean up.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core import collection
from qinling.core import engine_client
from qinling.core.function import builds
from qinling.core.function import environment
from qinling.core.function import retry_policy
from qinling.core.function import scaling
from qinling.core import preconditions
from qinling.core import quotas as quotas_module
from qinling.core.runtime import runtimes
from qinling.core import targets
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import fields as declared
from qinling.sources import base as sources_base

if typing.TYPE_CHECKING:
    from qinling.core import services

LOG = log.getLogger(__name__)

_MODEL = models.Function
DEFAULT_ENTRY = 'main.main'
_TEXTS = declared.names(declared.Kind.TEXT)
_RESOURCES = declared.names(declared.Kind.RESOURCE)
#: Columns whose change needs other workers.
_RELOADING = frozenset(field.name for field in declared.FUNCTION
                       if field.reloads)

_Fields = Mapping[str, typing.Any]


@dataclasses.dataclass
class _Plan:
    """Validated change of a function.

    ``values`` are columns, ``new_environment`` replaces environment and
    secrets unless ``None``, ``trust`` creates (true), deletes (false) or
    keeps (``None``) the trust.
    """

    source: sources_base.Source
    values: dict[str, typing.Any]
    new_environment: dict[str, typing.Any] | None
    trust: bool | None
    package_size: int = 0
    reloads: bool = True

    def set_package(self, package: str | None,
                    upload: typing.BinaryIO | None) -> None:
        """Record the stored package and the size of the upload."""
        self.values['package'] = package
        if package is not None and upload is not None:
            self.package_size = upload.seek(0, 2)

    def is_empty(self) -> bool:
        """Return whether the row stays as it is."""
        return not (self.values or self.new_environment)


class Functions(collection.Collection):
    """Operations on functions."""

    model = _MODEL
    not_found = exception.FunctionNotFound

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient,
                 backends: 'services.Backends',
                 quotas: quotas_module.Quotas) -> None:
        super().__init__(db)
        self._conf = conf
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
        plan = self._plan_create(ctx, code, fields)
        plan.values['code'], package = plan.source.create(
            code, upload, self._backends.trusts.auth(ctx))
        plan.set_package(package, upload)
        with self._stored(ctx, plan):
            row = self.get(ctx, self._insert(ctx, plan))
        return builds.start(self._db, self._engine, ctx, row)

    def _plan_create(self, ctx: context.RequestContext, code: _Fields,
                     fields: _Fields) -> _Plan:
        resources = {name: validation.default(self._conf, name)
                     for name in _RESOURCES if fields.get(name) is None}
        resources |= self._parse_resources(fields)
        source = self._source(code.get('source'))
        runtime_id = fields.get('runtime_id')
        if source.needs_runtime or runtime_id:
            self._db.read(lambda tx: runtimes.check_available(
                tx, ctx, runtime_id))
        values: dict[str, typing.Any] = {
            name: validation.text(name, fields.get(name)) for name in _TEXTS}
        if source.has_package:
            values['entry'] = values['entry'] or DEFAULT_ENTRY
        else:
            del values['entry']
        values |= resources | self._parse_policy(ctx.project_id, fields)
        now = models.now()
        values.update(project_id=ctx.project_id, runtime_id=runtime_id,
                      created_at=now, updated_at=now)
        return _Plan(
            source, values,
            self._backends.environments.plan(None, fields, source),
            self._backends.trusts.plan_create(
                ctx, fields.get('trust'), source))

    def _parse_resources(self, fields: _Fields) -> dict[str, typing.Any]:
        return {name: validation.resource(self._conf, name, fields[name])
                for name in _RESOURCES if fields.get(name) is not None}

    def _parse_policy(self, project_id: str, fields: _Fields
                      ) -> dict[str, typing.Any]:
        if fields.get('async_policy') is None:
            return {}
        policy = retry_policy.parse(fields['async_policy'])
        self._db.read(lambda tx: retry_policy.check_target(
            tx, project_id, policy))
        return {'async_policy': policy}

    @contextlib.contextmanager
    def _stored(self, ctx: context.RequestContext, plan: _Plan
                ) -> Iterator[None]:
        """Create the trust; drop trust and package if the block fails."""
        with self._backends.packages.dropped_on_error(
                plan.values.get('package')):
            with self._backends.trusts.created(ctx, plan.trust) as trust_id:
                if plan.trust is not None:
                    plan.values['trust_id'] = trust_id
                yield

    def _insert(self, ctx: context.RequestContext, plan: _Plan) -> str:
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
        source = self._source(row.code['source'])
        try:
            return source.open(row.code, row.package,
                               self._backends.trusts.auth(ctx))
        except FileNotFoundError:
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
        secrets) retires the workers of the latest code.
        """
        row = self.get(ctx, id)
        preconditions.check(row, match)
        plan = self._plan_update(ctx, row, fields, upload)
        if plan.reloads:
            self._db.read(lambda tx: targets.check_no_jobs(tx, id))
            stored = plan.source.update(
                row.code, fields.get('code'), upload,
                self._backends.trusts.auth(ctx))
            if stored is not None:
                plan.values['code'] = stored[0]
                plan.set_package(stored[1], upload)
        with self._stored(ctx, plan):
            result = self._write(ctx, row, plan, match)
        self._drop_replaced(row, plan.values)
        if plan.reloads or plan.new_environment is not None:
            scaling.retire(self._engine, id, 0)
        return (builds.start(self._db, self._engine, ctx, result)
                if 'package' in plan.values else result)

    def _plan_update(self, ctx: context.RequestContext, row: typing.Any,
                     fields: _Fields, upload: typing.BinaryIO | None
                     ) -> _Plan:
        values: dict[str, typing.Any] = {
            name: validation.text(name, fields[name])
            for name in _TEXTS if fields.get(name) is not None}
        if values.get('entry') == '':
            values['entry'] = DEFAULT_ENTRY
        values |= self._parse_resources(fields)
        values |= self._parse_policy(row.project_id, fields)
        code = fields.get('code')
        if (code is not None and code.get('source', row.code['source'])
                != row.code['source']):
            raise exception.Invalid(
                'The function code type can not be changed.')
        source = self._source(row.code['source'])
        # ``code`` of an uploaded package is no change without an upload.
        reloads = (upload is not None or bool(_RELOADING & set(values))
                   or code is not None and not source.uploaded)
        new_environment = self._backends.environments.plan(
            row, fields, source)
        return _Plan(
            source, values, new_environment,
            self._backends.trusts.plan_update(
                ctx, row, fields, source,
                reloads or new_environment is not None),
            reloads=reloads)

    def _write(self, ctx: context.RequestContext, row: typing.Any,
               plan: _Plan, match: preconditions.Match) -> typing.Any:
        """Change the row unless code, trust or environment changed."""
        if plan.is_empty():
            return row
        unchanged = [
            column.is_(None) if value is None else column == value
            for column, value in ((_MODEL.package, row.package),
                                  (_MODEL.trust_id, row.trust_id),
                                  (_MODEL.settings_id, row.settings_id))]
        guard = self._quotas.guard(row.project_id,
                                   storage_bytes=plan.package_size)

        def change(tx: session.Connection) -> bool:
            guard(tx)
            values = dict(plan.values)
            if plan.new_environment is not None:
                values['settings_id'] = environment.insert(
                    tx, row.project_id, plan.new_environment)
            is_changed = crud.update(
                tx, _MODEL, row.id, values, *unchanged,
                *preconditions.condition(_MODEL, match))
            if is_changed:
                self._backends.packages.record_size(
                    tx, values.get('package'), row.project_id,
                    plan.package_size)
            environment.drop(tx, row.settings_id, values.get('settings_id'))
            return is_changed
        if not self._db.write(change):
            preconditions.check(self.get(ctx, row.id), match)
            raise exception.Conflict(
                reason=f'function {row.id} was changed by another request; '
                       'try again.')
        return self.get(ctx, row.id)

    def _drop_replaced(self, row: typing.Any, values: _Fields) -> None:
        """Drop package and trust that the new values replace."""
        if 'package' in values:
            self._backends.packages.drop(row.package)
        if 'trust_id' in values:
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
        packages, trust_id = self._db.write(
            lambda tx: self._delete_rows(tx, ctx, id, match))
        scaling.retire(self._engine, id, None)
        for package in packages:
            self._backends.packages.drop(package)
        self._backends.trusts.drop(trust_id)

    def _delete_rows(self, tx: session.Connection,
                     ctx: context.RequestContext, id: str,
                     match: preconditions.Match
                     ) -> tuple[set[str | None], str | None]:
        """Delete the rows; return packages and trust."""
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
        environment.drop(tx, *(deleted.settings_id for deleted in rows))
        return {deleted.package for deleted in rows}, row.trust_id

    def references(self, ctx: context.RequestContext, id: str
                   ) -> Sequence[targets.Reference]:
        """Return the references to a function."""
        self.get(ctx, id)
        return self._db.read(lambda tx: targets.references(tx, id))

    def _source(self, name: typing.Any) -> sources_base.Source:
        names = sorted(self._backends.sources)
        if name not in names:
            raise exception.Invalid(
                'Invalid code source specified. It must be one of: '
                f'{", ".join(names)}.')
        return self._backends.sources[name]
