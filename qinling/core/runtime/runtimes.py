# SPDX-License-Identifier: Apache-2.0
"""Runtimes: pools of warm workers that an operator gives."""

import contextlib

from qinling import context
from qinling.core import preconditions
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import RuntimeStatus

_MODEL = models.Runtime
_VERSION = models.FunctionVersion
_MOST_NAME = 220  # characters, so that a time can follow

#: What is not known of an image until somebody says it.
_SILENT = {'language': None, 'language_version': None}
_TEXTS = ('name', 'description', 'image', *_SILENT)


class Runtimes:
    """What may happen to runtimes."""

    def __init__(self, db, engine):
        self._db = db
        self._engine = engine

    def create(self, ctx, values):
        """Write a runtime down, and have its pool made.

        :param values: ``image`` and what else is given of ``name``,
            ``description``, ``language``, ``language_version``,
            ``is_public``, ``trusted``.
        """
        if not values.get('image'):
            raise exception.Invalid(
                'Required param is missing. A runtime needs an image.')
        _check_texts(values)
        values = dict(values, project_id=ctx.project_id,
                      status=RuntimeStatus.CREATING.value)
        id = self._db.write(lambda tx: crud.insert(tx, _MODEL, **values))
        try:
            self._engine.ensure_runtime(id)
        except exception.Unavailable:
            # Nobody would ever make its pool.
            self._db.write(lambda tx: crud.delete(tx, _MODEL, id))
            raise
        return self.get(ctx, id)

    def register(self, images):
        """Write down the runtimes that a machine has by itself, unless they
        are there; the engine makes their pools when it begins.

        :param images: name -> image.
        """
        ctx = context.admin()

        def missing(tx):
            rows = crud.listing(tx, ctx, _MODEL)
            for name, image in images.items():
                if not any(row.image == image for row in rows):
                    crud.insert(tx, _MODEL, name=name, image=image,
                                project_id=ctx.project_id,
                                status=RuntimeStatus.CREATING.value)
        self._db.write(missing)

    def get(self, ctx, id):
        """One runtime, if it is the caller's or public."""
        row = self._db.read(lambda tx: crud.get(tx, ctx, _MODEL, id=id))
        if row is None:
            raise exception.RuntimeNotFound(id=id)
        return row

    def list(self, ctx, page):
        """The caller's runtimes and the public ones."""
        return self._db.read(
            lambda tx: crud.listing(tx, ctx, _MODEL, page=page))

    def update(self, ctx, id, values, match=None):
        """Change what is said of a runtime, or its image; a new image is a
        rolling update of the pool, which is undone if it fails.

        Versions that were published keep what they run on: a runtime of
        their own with the old image, unless ``values`` have
        ``upgrade_versions``.
        """
        row = self.get(ctx, id)
        along = values.get('upgrade_versions')
        values = {name: value for name, value in values.items()
                  if name in _TEXTS}
        _check_texts(values)
        if values.get('image') == '':
            raise exception.Invalid('image must not be empty.')
        image = values.pop('image', row.image)
        preconditions.check(row, match)
        if image != row.image:
            self._upgrade(row, dict(_SILENT, **values, image=image), match,
                          along)
        elif values and not self._db.write(lambda tx: crud.update(
                tx, _MODEL, id, values,
                *preconditions.condition(_MODEL, match))):
            preconditions.check(self.get(ctx, id), match)
        return self.get(ctx, id)

    def _upgrade(self, row, values, match, along):
        if row.status == RuntimeStatus.AVAILABLE and self._engine.workers_of(
                row.id):
            raise exception.RuntimeInUse(id=row.id)

        def begin(tx):
            if not crud.move(tx, _MODEL, row.id,
                             RuntimeStatus.UPGRADING.value,
                             *preconditions.condition(_MODEL, match), **values):
                raise exception.RuntimeNotAvailable(id=row.id,
                                                    status=row.status)
            return None if along else _keep(tx, row)
        kept = self._db.write(begin)
        try:
            self._engine.ensure_runtime(row.id, previous_image=row.image)
        except exception.Unavailable:
            self._db.write(lambda tx: _undo(tx, row, kept))
            raise
        if kept:
            # Should nobody hear it, an engine finds the row later.
            with contextlib.suppress(exception.Unavailable):
                self._engine.ensure_runtime(kept)

    def delete(self, ctx, id, match=None):
        """Have a runtime's pool destroyed, and the row with it."""
        self.get(ctx, id)

        def mark(tx):
            preconditions.check(crud.get(tx, ctx, _MODEL, lock=True, id=id)
                                or self.get(ctx, id), match)
            for user in (models.Function, models.FunctionVersion):
                if crud.exists(tx, user, user.runtime_id == id):
                    raise exception.RuntimeInUse(id=id)
            crud.move(tx, _MODEL, id, RuntimeStatus.DELETING.value)
        self._db.write(mark)
        self._engine.delete_runtime(id)

    def pool(self, ctx, id):
        """``{"name", "capacity": {"total", "available"}}``."""
        capacity = self._engine.pool(id)
        if capacity is None:
            raise exception.RuntimeNotFound(id=id)
        return {'name': id, 'capacity': capacity}


def _keep(tx, row):
    """Leave the versions on a runtime as it is now; the id of what they run
    on from now, or ``None`` if there are none."""
    if not crud.exists(tx, _VERSION, _VERSION.runtime_id == row.id):
        return None
    now = models.now().isoformat(' ', 'seconds')
    name = (row.name or row.id)[:_MOST_NAME]
    kept = crud.insert(
        tx, _MODEL, name=f'{name} until {now}',
        description='What versions run on that were published before.',
        status=RuntimeStatus.CREATING.value,
        **{field: getattr(row, field) for field in (
            'image', 'language', 'language_version', 'is_public', 'trusted',
            'project_id')})
    _lead(tx, row.id, kept)
    return kept


def _lead(tx, here, there):
    crud.update_all(tx, _VERSION, {
        'runtime_id': there, 'revision': _VERSION.revision + 1},
        _VERSION.runtime_id == here)


def _undo(tx, row, kept):
    """Take an upgrade back that nobody has begun."""
    crud.move(tx, _MODEL, row.id, RuntimeStatus.AVAILABLE.value,
              **{field: getattr(row, field)
                  for field in ('image', *_SILENT)})
    if kept:
        _lead(tx, kept, row.id)
        crud.delete(tx, _MODEL, kept)


def _check_texts(values):
    for field in _TEXTS:
        validation.text(field, values.get(field))


def check_available(tx, ctx, id, lock=False):
    """Refuse a runtime that nothing can be made for."""
    if not id:
        raise exception.Invalid('Required param is missing: runtime_id.')
    row = crud.get(tx, ctx, models.Runtime, lock=lock, id=id)
    if row is None:
        raise exception.RuntimeNotFound(id=id)
    if row.status != RuntimeStatus.AVAILABLE:
        raise exception.Invalid(
            f'Runtime {id} is not available, its status is {row.status}.')
