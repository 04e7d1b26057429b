# SPDX-License-Identifier: Apache-2.0
"""Versions: numbered, immutable snapshots of a function."""

from qinling.core.function import environment
from qinling.core.function import scaling
from qinling.core import preconditions
from qinling.core import targets
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling import exception

_MODEL = models.FunctionVersion
_FUNCTION = models.Function


class Versions:
    """What may happen to versions.

    A change of the versions of a function begins by locking the function's
    row, so that numbers, limits and packages are settled one by one.
    """

    def __init__(self, conf, db, engine, code, quotas):
        self._conf = conf
        self._db = db
        self._engine = engine
        self._sources = code.sources
        self._packages = code.packages
        self._quotas = quotas

    def create(self, ctx, function_id, description):
        """Freeze the latest code, with how it is entered and limited.

        :raises FunctionVersionLimit: the function has as many as it may.
        """
        validation.text('description', description)
        guard = self._quotas.guard(ctx.project_id, versions=1)
        number = self._db.write(lambda tx: self._freeze(
            tx, ctx, function_id, description, guard))
        return self.get(ctx, function_id, number)

    def _freeze(self, tx, ctx, function_id, description, guard):
        guard(tx)
        row = _locked(tx, ctx, function_id)
        if not self._sources[row.code['source']].versioned:
            raise exception.Forbidden(
                reason='only functions of source package have versions, '
                       f'{function_id} is of source {row.code["source"]}.')
        limit = self._conf.resource_limits.max_versions
        if crud.count(tx, _MODEL, _MODEL.function_id == row.id) >= limit:
            raise exception.FunctionVersionLimit(id=row.id, limit=limit)
        number = row.version_counter + 1
        crud.update(tx, _FUNCTION, row.id, {
            'version_counter': number, 'latest_version': number})
        crud.insert(
            tx, _MODEL, function_id=row.id, version_number=number,
            description=description, project_id=row.project_id,
            **{name: getattr(row, name) for name in models.SNAPSHOT})
        return number

    def get(self, ctx, function_id, number):
        """One version."""
        row = self._db.read(lambda tx: crud.get(
            tx, ctx.reach(), _MODEL, function_id=function_id,
            version_number=number))
        if row is None:
            self._function(ctx, function_id)
            raise exception.FunctionVersionNotFound(
                id=function_id, version=number)
        return row

    def list(self, ctx, function_id, page):
        """The versions of a function, by number."""
        self._function(ctx, function_id)
        return self._db.read(lambda tx: crud.listing(
            tx, ctx.reach(), _MODEL, [_MODEL.function_id == function_id],
            page))

    def download(self, ctx, function_id, number):
        """A binary stream of the version's package."""
        row = self.get(ctx, function_id, number)
        try:
            return self._sources[row.code['source']].open(
                row.code, row.package)
        except FileNotFoundError:
            raise exception.NotFound(
                reason=f'the package of version {number} is gone.')

    def update(self, ctx, function_id, number, description, match=None):
        """Change the description; nothing else of a version changes."""
        validation.text('description', description)
        row = self.get(ctx, function_id, number)
        preconditions.check(row, match)
        if description is not None and not self._db.write(
                lambda tx: crud.update(
                    tx, _MODEL, row.id, {'description': description},
                    *preconditions.condition(_MODEL, match))):
            preconditions.check(self.get(ctx, function_id, number), match)
        return self.get(ctx, function_id, number)

    def delete(self, ctx, function_id, number, match=None):
        """Delete a version that nothing refers to; its number is never
        given again.  Only the function's own project may."""
        package = self._db.write(lambda tx: self._remove(
            tx, ctx, function_id, number, match))
        self._packages.drop(package)
        scaling.retire(self._engine, function_id, number)

    def _remove(self, tx, ctx, function_id, number, match):
        _locked(tx, ctx, function_id)
        row = crud.get(tx, ctx, _MODEL, lock=True, function_id=function_id,
                       version_number=number)
        if row is None:
            raise exception.FunctionVersionNotFound(
                id=function_id, version=number)
        preconditions.check(row, match)
        users = targets.references(tx, function_id, number)
        if users:
            raise exception.FunctionVersionInUse(
                id=function_id, version=number,
                blockers=targets.named(users))
        crud.delete(tx, _MODEL, row.id)
        environment.drop(tx, row.settings_id)
        crud.update(tx, _FUNCTION, function_id, {
            'latest_version': crud.highest(
                tx, _MODEL.version_number,
                _MODEL.function_id == function_id) or 0})
        return row.package

    def references(self, ctx, function_id, number):
        """What refers to a version."""
        self.get(ctx, function_id, number)
        return self._db.read(
            lambda tx: targets.references(tx, function_id, number))

    def _function(self, ctx, id):
        row = self._db.read(
            lambda tx: crud.get(tx, ctx.reach(), _FUNCTION, id=id))
        if row is None:
            raise exception.FunctionNotFound(id=id)


def _locked(tx, ctx, function_id):
    """The function's row, which nobody else may change until the end."""
    row = crud.get(tx, ctx, _FUNCTION, lock=True, id=function_id)
    if row is None:
        raise exception.FunctionNotFound(id=function_id)
    return row
