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

"""Runtimes: pools of warm workers that an operator gives."""

from qinling import context
from qinling.core import limits
from qinling.core import revisions
from qinling.db import models
from qinling.db import query
from qinling import exception
from qinling.states import RuntimeStatus

_MODEL = models.Runtime


class Runtimes:
    """What may happen to runtimes."""

    def __init__(self, db, engine):
        self._db = db
        self._engine = engine

    def create(self, ctx, values):
        """Write a runtime down, and have its pool made.

        :param values: ``image`` and what else is given of ``name``,
            ``description``, ``is_public``, ``trusted``.
        """
        if not values.get('image'):
            raise exception.Invalid(
                'Required param is missing. A runtime needs an image.')
        _check_texts(values)
        values = dict(values, project_id=ctx.project_id,
                      status=RuntimeStatus.CREATING.value)
        id = self._db.write(lambda tx: query.insert(tx, _MODEL, **values))
        try:
            self._engine.ensure_runtime(id)
        except exception.Unavailable:
            # Nobody would ever make its pool.
            self._db.write(lambda tx: query.delete(tx, _MODEL, id))
            raise
        return self.get(ctx, id)

    def register(self, images):
        """Write down the runtimes that a machine has by itself, unless they
        are there; the engine makes their pools when it begins.

        :param images: name -> image.
        """
        ctx = context.admin()

        def missing(tx):
            rows = query.listing(tx, ctx, _MODEL)
            for name, image in images.items():
                if not any(row.image == image for row in rows):
                    query.insert(tx, _MODEL, name=name, image=image,
                                 project_id=ctx.project_id,
                                 status=RuntimeStatus.CREATING.value)
        self._db.write(missing)

    def get(self, ctx, id):
        """One runtime, if it is the caller's or public."""
        row = self._db.read(lambda tx: query.get(tx, ctx, _MODEL, id=id))
        if row is None:
            raise exception.RuntimeNotFound(id=id)
        return row

    def list(self, ctx, page):
        """The caller's runtimes and the public ones."""
        return self._db.read(
            lambda tx: query.listing(tx, ctx, _MODEL, page=page))

    def update(self, ctx, id, values, match=None):
        """Change name, description or image; a new image is a rolling update
        of the pool, which is undone if it fails."""
        row = self.get(ctx, id)
        values = {name: value for name, value in values.items()
                  if name in ('name', 'description', 'image')}
        _check_texts(values)
        if values.get('image') == '':
            raise exception.Invalid('image must not be empty.')
        image = values.pop('image', row.image)
        revisions.check(row, match)
        if image != row.image:
            self._upgrade(row, dict(values, image=image), match)
        elif values and not self._db.write(lambda tx: query.update(
                tx, _MODEL, id, values,
                *revisions.condition(_MODEL, match))):
            revisions.check(self.get(ctx, id), match)
        return self.get(ctx, id)

    def _upgrade(self, row, values, match):
        if row.status == RuntimeStatus.AVAILABLE and self._engine.workers_of(
                row.id):
            raise exception.RuntimeInUse(id=row.id)
        upgrading = RuntimeStatus.UPGRADING.value
        moved = self._db.write(lambda tx: query.move(
            tx, _MODEL, row.id, upgrading,
            *revisions.condition(_MODEL, match), **values))
        if not moved:
            raise exception.RuntimeNotAvailable(id=row.id, status=row.status)
        try:
            self._engine.ensure_runtime(row.id, previous_image=row.image)
        except exception.Unavailable:
            available = RuntimeStatus.AVAILABLE.value
            self._db.write(lambda tx: query.move(
                tx, _MODEL, row.id, available, image=row.image))
            raise

    def delete(self, ctx, id, match=None):
        """Have a runtime's pool destroyed, and the row with it."""
        self.get(ctx, id)

        def mark(tx):
            revisions.check(query.get(tx, ctx, _MODEL, lock=True, id=id)
                            or self.get(ctx, id), match)
            for user in (models.Function, models.FunctionVersion):
                if query.exists(tx, user, user.runtime_id == id):
                    raise exception.RuntimeInUse(id=id)
            query.move(tx, _MODEL, id, RuntimeStatus.DELETING.value)
        self._db.write(mark)
        self._engine.delete_runtime(id)

    def pool(self, ctx, id):
        """``{"name", "capacity": {"total", "available"}}``."""
        capacity = self._engine.pool(id)
        if capacity is None:
            raise exception.RuntimeNotFound(id=id)
        return {'name': id, 'capacity': capacity}


def _check_texts(values):
    for field in ('name', 'description', 'image'):
        limits.text(field, values.get(field))
