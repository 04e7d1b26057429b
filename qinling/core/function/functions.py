# SPDX-License-Identifier: Apache-2.0
"""Functions: code, how it is entered, and what it may take."""

import dataclasses

from oslo_log import log

from qinling.core.function import builds
from qinling.core.function import environment
from qinling.core.function import retry_policy
from qinling.core.function import scaling
from qinling.core import preconditions
from qinling.core.runtime import runtimes
from qinling.core import targets
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling import exception

LOG = log.getLogger(__name__)

_MODEL = models.Function
ENTRY = 'main.main'
PLAIN = ('name', 'description', 'timeout', 'async_policy')
_LIMITED = ('cpu', 'memory_size', 'timeout')


class Functions(scaling.Served):
    """What may happen to functions."""

    def __init__(self, conf, db, engine, code, quotas):
        self._conf = conf
        self._db = db
        self._engine = engine
        self._sources = code.sources
        self._packages = code.packages
        self._quotas = quotas
        self._trusts = code.trusts
        self._settings = code.settings

    def create(self, ctx, fields, upload):
        """Check everything, keep the code, write the function.

        :param fields: dict with ``code`` (an object) and what is given of
            name, description, runtime_id, entry, cpu, memory_size, timeout,
            async_policy (an object), trust (whether it shall act for the
            caller), environment and secrets (objects).
        :param upload: the package as a seekable file, or ``None``.
        """
        code = fields.get('code')
        if code is None:
            raise exception.Invalid('Required param is missing: code.')
        values = self._resources(fields)
        source = self._source(code.get('source'))
        values['runtime_id'] = fields.get('runtime_id')
        if source.needs_runtime or values['runtime_id']:
            self._db.read(lambda tx: runtimes.check_available(
                tx, ctx, values['runtime_id']))
        values.update(_texts(fields, source))
        if fields.get('async_policy') is not None:
            values['async_policy'] = self._policy(
                ctx.project_id, fields['async_policy'])
        found = self._settings.wanted(None, fields, source)
        trust = self._trusts.wanted(ctx, fields.get('trust'), source)
        values['code'], values['package'] = source.create(
            code, upload, self._trusts.auth(ctx))
        values.update(dict.fromkeys(('created_at', 'updated_at'),
                                    models.now()), project_id=ctx.project_id)
        size = _size(values['package'], upload)
        guard = self._quotas.guard(ctx.project_id, functions=1,
                                   storage_bytes=size)

        def insert(tx):
            guard(tx)
            # Again, and kept as it is: to store a package takes a while.
            if values['runtime_id']:
                runtimes.check_available(
                    tx, ctx, values['runtime_id'], lock=True)
            if found is not None:
                values['settings_id'] = environment.insert(
                    tx, ctx.project_id, found)
            self._packages.count(tx, values['package'], ctx.project_id, size)
            return crud.insert(tx, _MODEL, **values)
        with self._packages.kept(values['package']), self._trusts.made(
                ctx, trust) as values['trust_id']:
            row = self.get(ctx, self._db.write(insert))
        return builds.begin(self._db, self._engine, ctx, row)

    def _resources(self, fields):
        return {name: validation.resource(self._conf, name, fields[name])
                if fields.get(name) is not None
                else validation.default(self._conf, name) for name in _LIMITED}

    def get(self, ctx, id):
        """One function."""
        row = self._db.read(
            lambda tx: crud.get(tx, ctx.reach(), _MODEL, id=id))
        if row is None:
            raise exception.FunctionNotFound(id=id)
        return row

    def list(self, ctx, filters, page):
        """Functions; see :func:`qinling.db.crud.condition` for filters."""
        conditions = [crud.condition(_MODEL, name, text)
                      for name, text in filters.items()]
        return self._db.read(lambda tx: crud.listing(
            tx, ctx, _MODEL, conditions, page))

    def download(self, ctx, id):
        """A binary stream of the function's package."""
        row = self.get(ctx, id)
        source = self._source(row.code['source'])
        try:
            return source.open(
                row.code, row.package, self._trusts.auth(ctx))
        except FileNotFoundError:
            LOG.error('The package %s of function %s is gone.', row.package,
                      id)
            raise exception.NotFound(
                reason=f'the package of function {id} is gone.')
        except exception.PermanentError as e:
            raise exception.Forbidden(reason=str(e))

    def update(self, ctx, id, fields, upload, match=None):
        """Change a function.

        Code, entry, cpu, memory_size and settings make another build:
        workers of the latest code go away, and the next execution uses the
        new one.
        """
        row = self.get(ctx, id)
        preconditions.check(row, match)
        values = self._changes(row, fields)
        code = fields.get('code')
        if code is not None:
            self._same_source(row, code)
        source = self._source(row.code['source'])
        # A package without its upload says nothing new.
        rebuilt = (upload is not None or not set(values) <= set(PLAIN)
                   or code is not None and not source.uploaded)
        found = self._settings.wanted(row, fields, source)
        trust = self._trusts.change(ctx, row, fields, source,
                                    rebuilt or found is not None)
        if rebuilt:
            self._db.read(lambda tx: targets.guard_jobs(tx, id))
            changed = source.update(
                row.code, code, upload, self._trusts.auth(ctx))
            if changed is not None:
                values['code'], values['package'] = changed
        with self._packages.kept(values.get('package')), self._trusts.made(
                ctx, trust) as made:
            if trust is not None:
                values['trust_id'] = made
            result = self._write(ctx, row, _Change(
                values, found, _size(values.get('package'), upload)), match)
        self._drop_lost(row, values)
        if rebuilt or found is not None:
            scaling.retire(self._engine, id, 0)
        return (builds.begin(self._db, self._engine, ctx, result)
                if 'package' in values else result)

    def _drop_lost(self, row, values):
        """What a row has no more, now that it has these values."""
        if 'package' in values:
            self._packages.drop(row.package)
        if 'trust_id' in values:
            self._trusts.drop(row.trust_id)

    def _write(self, ctx, row, new, match):
        """Change the row unless somebody changed its code meanwhile, in
        whose name it runs, or its settings."""
        if not (new.values or new.settings):
            return row
        same = [column.is_(None) if value is None else column == value
                for column, value in ((_MODEL.package, row.package),
                                      (_MODEL.trust_id, row.trust_id),
                                      (_MODEL.settings_id, row.settings_id))]
        guard = self._quotas.guard(row.project_id, storage_bytes=new.size)

        def change(tx):
            guard(tx)
            values = dict(new.values)
            if new.settings is not None:
                values['settings_id'] = environment.insert(
                    tx, row.project_id, new.settings)
            changed = crud.update(tx, _MODEL, row.id, values, *same,
                                  *preconditions.condition(_MODEL, match))
            if changed:
                self._packages.count(tx, values.get('package'),
                                     row.project_id, new.size)
            environment.drop(tx, row.settings_id, values.get('settings_id'))
            return changed
        if not self._db.write(change):
            preconditions.check(self.get(ctx, row.id), match)
            raise exception.Conflict(
                reason=f'function {row.id} was changed by another request; '
                       'try again.')
        return self.get(ctx, row.id)

    def _policy(self, project_id, value):
        found = retry_policy.policy(value)
        self._db.read(lambda tx: retry_policy.check(tx, project_id, found))
        return found

    def _changes(self, row, fields):
        values = {name: validation.text(name, fields[name])
                  for name in ('name', 'description', 'entry')
                  if fields.get(name) is not None}
        if values.get('entry') == '':
            values['entry'] = ENTRY
        values.update({name: validation.resource(
            self._conf, name, fields[name])
                       for name in _LIMITED if fields.get(name) is not None})
        if fields.get('async_policy') is not None:
            values['async_policy'] = self._policy(
                row.project_id, fields['async_policy'])
        return values

    def _same_source(self, row, code):
        if code.get('source', row.code['source']) != row.code['source']:
            raise exception.Invalid(
                'The function code type can not be changed.')

    def delete(self, ctx, id, match=None):
        """Delete a function with its versions, packages and workers; its
        executions stay.  Only its own project may."""
        if self.get(ctx, id).project_id != ctx.project_id:
            raise exception.Forbidden(
                reason=f'function {id} belongs to another project.')
        packages, trust_id = self._db.write(lambda tx: self._remove(
            tx, ctx, id, match))
        scaling.retire(self._engine, id, None)
        for package in packages:
            self._packages.drop(package)
        self._trusts.drop(trust_id)

    def _remove(self, tx, ctx, id, match):
        """Delete the rows; returns the packages and the trust that they
        had."""
        row = crud.get(tx, ctx, _MODEL, lock=True, id=id)
        if row is None:
            raise exception.FunctionNotFound(id=id)
        preconditions.check(row, match)
        users = targets.references(tx, id)
        if users:
            raise exception.FunctionInUse(
                id=id, blockers=targets.named(users))
        version = models.FunctionVersion
        rows = [row, *crud.find(tx, version, version.function_id == id)]
        crud.delete(tx, _MODEL, id)
        environment.drop(tx, *(each.settings_id for each in rows))
        return {each.package for each in rows}, row.trust_id

    def references(self, ctx, id):
        """What refers to a function; see
        :func:`qinling.core.targets.references`."""
        self.get(ctx, id)
        return self._db.read(lambda tx: targets.references(tx, id))

    def _source(self, name):
        known = sorted(self._sources)
        if name not in known:
            raise exception.Invalid(
                'Invalid code source specified. It must be one of: '
                f'{", ".join(known)}.')
        return self._sources[name]


@dataclasses.dataclass(frozen=True)
class _Change:
    """What becomes of a function: columns, settings if they change, and
    bytes of the package if that does."""

    values: dict
    settings: dict | None
    size: int


def _texts(fields, source):
    """The columns of a new function that are texts."""
    found = {name: validation.text(name, fields.get(name))
             for name in ('name', 'description')}
    if source.has_package:
        found['entry'] = validation.text('entry', fields.get('entry')) or ENTRY
    return found


def _size(package, upload):
    """Bytes of an upload that became a package."""
    return 0 if None in (package, upload) else upload.seek(0, 2)
