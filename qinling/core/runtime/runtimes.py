# SPDX-License-Identifier: Apache-2.0
"""Runtimes: pools of warm workers that operators provide."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import functools
import typing
import uuid

from qinling import context
from qinling.core import engine_client
from qinling.core import preconditions
from qinling.core.runtime import upgrades
from qinling.core import validation
from qinling.db import crud
from qinling.db import filtering
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import RuntimeStatus
from qinling.states import USABLE_RUNTIMES

_MODEL = models.Runtime
_VERSION = models.FunctionVersion

#: Namespace of the ids of default runtimes.
_DEFAULTS = uuid.UUID('5b1e4a55-30a4-4e07-9a3c-5c9ad0e2b6d1')

_TEXT_FIELDS = ('name', 'description', 'image', *upgrades.LANGUAGE)

_Values = Mapping[str, typing.Any]


class Runtimes:
    """Operations on runtimes."""

    def __init__(self, db: session.Database,
                 engine: engine_client.EngineClient) -> None:
        self._db = db
        self._engine = engine

    def create(self, ctx: context.RequestContext, values: _Values
               ) -> typing.Any:
        """Create a runtime and its pool.

        :param values: ``image``; optional ``name``, ``description``,
            ``language``, ``language_version``, ``is_public``, ``trusted``.
        :raises Unavailable: no engine can be reached; nothing was written.
        """
        if not values.get('image'):
            raise exception.Invalid(
                'Required param is missing. A runtime needs an image.')
        _validate(values)
        columns = dict(values, project_id=ctx.project_id,
                       status=RuntimeStatus.CREATING.value)
        id = self._db.write(lambda tx: crud.insert(tx, _MODEL, **columns))
        try:
            self._engine.ensure_runtime(id)
        except exception.Unavailable:
            # No engine would ever create the pool.
            self._db.write(lambda tx: crud.delete(tx, _MODEL, id))
            raise
        return self.get(ctx, id)

    def register(self, images: Mapping[str, str]) -> None:
        """Write the missing runtimes of a machine.

        The engine creates the pools at its start.

        :param images: name -> image.
        """
        ctx = context.admin()

        def insert_missing(tx: session.Connection) -> None:
            existing = {row.image for row in crud.select_page(tx, ctx, _MODEL)}
            for name, image in images.items():
                if image not in existing:
                    crud.insert(tx, _MODEL, name=name, image=image,
                                project_id=ctx.project_id,
                                status=RuntimeStatus.CREATING.value)
        self._db.write(insert_missing)

    def register_defaults(self, entries: Iterable[str]) -> None:
        """Write the missing runtimes of ``[engine] default_runtimes``.

        Several engines may do so at once: the id derives from the name.

        :param entries: a name and an image each, separated by spaces.
        :raises ValueError: an entry is something else.
        """
        for name, image in [_parse_default(entry) for entry in entries]:
            with contextlib.suppress(crud.DuplicateEntry):
                self._db.write(functools.partial(_insert_default, name, image))

    def get(self, ctx: context.RequestContext, id: str) -> typing.Any:
        """Return a runtime of the caller, or a public one."""
        row = self._db.read(crud.get, ctx, _MODEL, id=id)
        if row is None:
            raise exception.RuntimeNotFound(id=id)
        return row

    def list(self, ctx: context.RequestContext, page: crud.Page,
             filters: filtering.Texts = ()) -> Sequence[typing.Any]:
        """Return a page of the runtimes of the caller and the public ones."""
        conditions = filtering.list_conditions(_MODEL, filters)
        return self._db.read(crud.select_page, ctx, _MODEL, conditions, page)

    def update(self, ctx: context.RequestContext, id: str, values: _Values,
               match: preconditions.Match = None) -> typing.Any:
        """Change the description of a runtime, or its image.

        A new image is a rolling update of the pool, rolled back on failure.
        Published versions stay on a runtime of their own with the old image,
        unless ``values`` has ``upgrade_versions``.
        """
        row = self.get(ctx, id)
        columns: dict[str, typing.Any] = {
            name: value for name, value in values.items()
            if name in _TEXT_FIELDS}
        _validate(columns)
        if columns.get('image') == '':
            raise exception.Invalid('image must not be empty.')
        image = columns.pop('image', row.image)
        preconditions.check(row, match)
        if image != row.image:
            self._upgrade(row, {**dict.fromkeys(upgrades.LANGUAGE), **columns,
                                'image': image}, match,
                          bool(values.get('upgrade_versions')))
        elif columns and not self._db.write(lambda tx: crud.update(
                tx, _MODEL, id, columns,
                *preconditions.condition(_MODEL, match))):
            preconditions.check(self.get(ctx, id), match)
        return self.get(ctx, id)

    def _upgrade(self, row: typing.Any, columns: dict[str, typing.Any],
                 match: preconditions.Match, with_versions: bool) -> None:
        copy_id = self._db.write(functools.partial(
            upgrades.begin, row, columns,
            preconditions.condition(_MODEL, match), with_versions))
        try:
            self._engine.ensure_runtime(row.id)
        except exception.Unavailable:
            self._db.write(functools.partial(upgrades.undo, row, copy_id))
            raise
        if copy_id:
            # Without this message, an engine finds the row later.
            with contextlib.suppress(exception.Unavailable):
                self._engine.ensure_runtime(copy_id)

    def delete(self, ctx: context.RequestContext, id: str,
               match: preconditions.Match = None) -> None:
        """Destroy the pool of a runtime, then delete the row.

        :raises RuntimeInUse: functions or versions use the runtime.
        """
        self.get(ctx, id)

        def mark(tx: session.Connection) -> None:
            preconditions.check(crud.get(tx, ctx, _MODEL, lock=True, id=id)
                                or self.get(ctx, id), match)
            users: tuple[typing.Any, ...] = (models.Function, _VERSION)
            for model in users:
                if crud.exists(tx, model, model.runtime_id == id):
                    raise exception.RuntimeInUse(id=id)
            crud.change_status(tx, _MODEL, id, RuntimeStatus.DELETING.value)
        self._db.write(mark)
        self._engine.delete_runtime(id)

    def pool(self, ctx: context.RequestContext, id: str
             ) -> dict[str, typing.Any]:
        """Return ``{"name", "capacity": {"total", "available"}}``."""
        capacity = self._engine.pool_capacity(id)
        if capacity is None:
            raise exception.RuntimeNotFound(id=id)
        return {'name': id, 'capacity': capacity}


def _parse_default(entry: str) -> tuple[str, str]:
    words = entry.split()
    if len(words) != 2:
        raise ValueError(
            f'"{entry}" in [engine] default_runtimes is not a name and an '
            'image, separated by a space.')
    name, image = words
    try:
        _validate({'name': name, 'image': image})
    except exception.Invalid as e:
        raise ValueError(f'[engine] default_runtimes: {e}') from e
    return name, image


def _insert_default(name: str, image: str, tx: session.Connection) -> None:
    id = str(uuid.uuid5(_DEFAULTS, name))
    if not (crud.exists(tx, _MODEL, _MODEL.id == id)
            or crud.exists(tx, _MODEL, _MODEL.name == name)):
        crud.insert(tx, _MODEL, id=id, name=name, image=image,
                    project_id=context.admin().project_id,
                    status=RuntimeStatus.CREATING.value)


def _validate(values: _Values) -> None:
    for field in _TEXT_FIELDS:
        validation.text(field, values.get(field))


def check_available(tx: session.Connection, ctx: context.RequestContext,
                    id: str | None, lock: bool = False) -> None:
    """Check that new functions may use a runtime.

    :raises Invalid, RuntimeNotFound: the runtime cannot be used.
    """
    if not id:
        raise exception.Invalid('Required param is missing: runtime_id.')
    row = crud.get(tx, ctx, models.Runtime, lock=lock, id=id)
    if row is None:
        raise exception.RuntimeNotFound(id=id)
    if row.status not in USABLE_RUNTIMES:
        raise exception.Invalid(
            f'Runtime {id} is not available, its status is {row.status}.')
