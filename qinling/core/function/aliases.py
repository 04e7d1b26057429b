# SPDX-License-Identifier: Apache-2.0
"""Aliases: movable names for versions."""

from collections.abc import Mapping
from collections.abc import Sequence
import typing

from qinling import context
from qinling.core.function import flow_control
from qinling.core.function import routing
from qinling.core.function import tools
from qinling.core import preconditions
from qinling.core import targets
from qinling.core import validation
from qinling.db import crud
from qinling.db import filtering
from qinling.db import flow_queries
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import fields
from qinling import states

_MODEL = models.FunctionAlias
_CHANGE = models.AliasChange
_ROUTE = models.AliasRoute
_ROLLOUT = models.Rollout
#: Names of paths beside those of aliases.
RESERVED_NAMES = frozenset(('explain',))
#: Columns of the target, which the history keeps.
TARGET_FIELDS = ('function_id', 'function_version', 'routing')

_Values = Mapping[str, typing.Any]


class Aliases:
    """Operations on aliases, in the project of the caller only."""

    def __init__(self, db: session.Database) -> None:
        self._db = db

    def create(self, ctx: context.RequestContext, values: _Values
               ) -> typing.Any:
        """Create an alias.

        :param values: ``name`` and ``function_id``; optional
            ``function_version``, ``routing``, ``description``, ``tool`` and
            ``flow_control``.
        :raises FunctionAliasExists: the project has such an alias.
        """
        for field in ('name', 'function_id'):
            if not values.get(field):
                raise exception.Invalid(
                    f'Required param is missing. An alias needs a {field}.')
        _validate(values)
        if not fields.ALIAS_NAME.fullmatch(values['name']):
            raise exception.Invalid(
                'An alias name has 1 to 255 ASCII letters, digits, "-", "_" '
                'or ".".')
        if values['name'] in RESERVED_NAMES:
            raise exception.Invalid(
                f'No alias can have the name {values["name"]}, which is part '
                'of the API; choose another one.')
        try:
            self._db.write(lambda tx: self._insert(tx, ctx, values))
        except crud.DuplicateEntry:
            raise exception.FunctionAliasExists(name=values['name'])
        return self.get(ctx, values['name'])

    def _insert(self, tx: session.Connection, ctx: context.RequestContext,
                values: _Values) -> None:
        columns = {'function_version': 0, 'routing': None, **values}
        columns['routing'] = columns['routing'] or None
        _lock_target(tx, ctx, columns)
        columns['tool'] = tools.parse(columns.get('tool'))
        columns |= flow_control.plan(columns)
        tools.check(tx, ctx, columns)
        id = crud.insert(tx, _MODEL, project_id=ctx.project_id, **columns)
        _record_target(tx, ctx, id, 1, columns)

    def get(self, ctx: context.RequestContext, name: str) -> typing.Any:
        """Return a alias."""
        row = self._db.read(_find, ctx, name)
        if row is None:
            raise exception.FunctionAliasNotFound(name=name)
        return row

    def list(self, ctx: context.RequestContext, filters: filtering.Texts,
             page: crud.Page) -> Sequence[typing.Any]:
        """Return a page of aliases."""
        conditions = filtering.list_conditions(_MODEL, filters)
        return self._db.read(crud.select_page, ctx, _MODEL, conditions, page)

    def update(self, ctx: context.RequestContext, name: str, values: _Values,
               match: preconditions.Match = None) -> typing.Any:
        """Change the description or the target of an alias.

        The next accepted execution uses the new target.  A new function or
        version ends a weighted routing, unless ``values`` has a routing; an
        empty routing ends only the routing.
        """
        _validate(values)
        if values.get('name', name) != name:
            raise exception.Invalid(
                'The name of an alias cannot change; create an alias with '
                'the new name, then delete this one.')
        columns = {field: values[field]
                   for field in (*TARGET_FIELDS, 'description', 'tool',
                                 'flow_control')
                   if field in values}
        columns |= flow_control.plan(columns)
        if {'function_id', 'function_version'} & set(columns):
            columns.setdefault('routing', None)
        if 'routing' in columns:
            columns['routing'] = columns['routing'] or None
        if columns:
            self._db.write(lambda tx: self._change(
                tx, ctx, name, columns, match))
        row = self.get(ctx, name)
        if not columns:
            preconditions.check(row, match)
        return row

    def _change(self, tx: session.Connection, ctx: context.RequestContext,
                name: str, columns: _Values,
                match: preconditions.Match = None) -> None:
        row = lock_row(tx, ctx, name, match)
        target = {field: columns.get(field, getattr(row, field))
                  for field in TARGET_FIELDS}
        is_moved = any(target[field] != getattr(row, field)
                       for field in TARGET_FIELDS)
        if is_moved:
            _lock_target(tx, ctx, target)
        if 'tool' in columns:
            columns = {**columns, 'tool': tools.parse(columns['tool'])}
            tools.check(tx, ctx, {**row._mapping, **columns})
        crud.update(tx, _MODEL, row.id, columns)
        if 'flow_control' in columns:
            flow_queries.wake(tx, row.id)
        if is_moved:
            _supersede_rollout(tx, row.id)
            _record_target(tx, ctx, row.id, row.revision + 1, target)

    def history(self, ctx: context.RequestContext, name: str
                ) -> Sequence[typing.Any]:
        """Return the targets of an alias, latest first."""
        row = self.get(ctx, name)
        return self._db.read(_select_changes, row.id)

    def rollback(self, ctx: context.RequestContext, name: str,
                 revision: int | None = None,
                 match: preconditions.Match = None) -> typing.Any:
        """Restore a former target of an alias.

        :param revision: entry of the history; by default the one before the
            present target, or before the rollout that chose the present
            target.
        :raises Conflict: the history has no such target.
        """
        row = self.get(ctx, name)
        former = _find_former(self.history(ctx, name), name, revision)

        def restore(tx: session.Connection) -> None:
            lock_row(tx, ctx, name, match)
            entries = _select_changes(tx, row.id)
            # Of two rollbacks at once, one succeeds and one is refused;
            # steps of a rollout do not refuse a rollback.
            present = _find_former(entries, name, revision)
            if present.revision != former.revision:
                raise exception.PreconditionFailed(
                    revision=entries[0].revision)
            self._change(tx, ctx, name, {
                field: getattr(former, field) for field in TARGET_FIELDS})
        self._db.write(restore)
        return self.get(ctx, name)

    def references(self, ctx: context.RequestContext, name: str
                   ) -> Sequence[targets.Reference]:
        """Return the references to an alias."""
        row = self.get(ctx, name)
        return self._db.read(targets.alias_references, row.project_id, name)

    def delete(self, ctx: context.RequestContext, name: str,
               match: preconditions.Match = None) -> None:
        """Delete an alias.

        :raises FunctionAliasInUse: something refers to the alias.
        """
        def delete(tx: session.Connection) -> None:
            row = lock_row(tx, ctx, name, match)
            references = targets.alias_references(tx, row.project_id, name)
            if references:
                raise exception.FunctionAliasInUse(
                    name=name,
                    blockers=targets.describe_references(references))
            crud.delete(tx, _MODEL, row.id)
            flow_queries.wake(tx, row.id)
        self._db.write(delete)


def move(tx: session.Connection, ctx: context.RequestContext,
         row: typing.Any, target: _Values, rollout_id: str, reason: str
         ) -> None:
    """Point a locked alias at the target of a step of a rollout.

    :param target: ``TARGET_FIELDS``.
    """
    _lock_target(tx, ctx, target)
    crud.update(tx, _MODEL, row.id, target)
    _record_target(tx, ctx, row.id, row.revision + 1, target,
                   rollout_id=rollout_id, reason=reason)


def _supersede_rollout(tx: session.Connection, id: str) -> None:
    """End the rollout of an alias that a user moves."""
    for rollout in crud.select(tx, _ROLLOUT, _ROLLOUT.alias_id == id,
                               _ROLLOUT.status.in_(states.LIVE_ROLLOUTS)):
        crud.change_status(
            tx, _ROLLOUT, rollout.id, states.RolloutStatus.SUPERSEDED.value,
            status_reason='A user moved the alias.')


def _select_changes(tx: session.Connection, id: str) -> Sequence[typing.Any]:
    """Return the history of an alias, latest first."""
    return crud.select(tx, _CHANGE, _CHANGE.alias_id == id)[::-1]


def _find_former(entries: Sequence[typing.Any], name: str,
                 revision: int | None) -> typing.Any:
    """Return the entry of a revision, or the one before the present target.

    The steps of a rollout count as one.

    :param entries: latest first.
    :raises Conflict: there is no such entry.
    """
    if revision is None:
        present = entries[0]
        former = [entry for entry in entries[1:] if entry.rollout_id is None
                  or entry.rollout_id != present.rollout_id]
    else:
        former = [entry for entry in entries if entry.revision == revision]
    if not former:
        raise exception.Conflict(
            reason=f'alias {name} has no such target in its history.')
    return former[0]


def _find(tx: session.Connection, ctx: context.RequestContext, name: str,
          lock: bool = False) -> typing.Any:
    return crud.get(tx, ctx, _MODEL, lock=lock, name=name,
                    project_id=ctx.project_id)


def lock_row(tx: session.Connection, ctx: context.RequestContext, name: str,
             match: preconditions.Match = None) -> typing.Any:
    """Return the row of an alias, locked until the end.

    :raises FunctionAliasNotFound, PreconditionFailed: see the name.
    """
    row = _find(tx, ctx, name, lock=True)
    if row is None:
        raise exception.FunctionAliasNotFound(name=name)
    preconditions.check(row, match)
    return row


def _validate(values: _Values) -> None:
    validation.text('description', values.get('description'))
    routing.validate(values.get('routing'))


def _lock_target(tx: session.Connection, ctx: context.RequestContext,
                 target: _Values) -> None:
    """Lock all versions of a target until the end of the transaction.

    :raises FunctionNotFound, FunctionVersionNotFound: one does not exist in
        the project.
    """
    targets.lock(tx, ctx, target['function_id'], target['function_version'],
                 *map(int, target['routing'] or ()))


def _record_target(tx: session.Connection, ctx: context.RequestContext,
                   id: str, revision: int, target: _Values,
                   **origin: str) -> None:
    """Write a target to the history, and as routes for the look-up.

    :param origin: ``rollout_id`` and ``reason`` of a step of a rollout.
    """
    crud.insert(tx, _CHANGE, alias_id=id, revision=revision,
                user_id=ctx.user_id, **origin,
                **{field: target[field] for field in TARGET_FIELDS})
    crud.delete_all(tx, _ROUTE, _ROUTE.alias_id == id)
    for version, weight, low, high in routing.divide_points(
            target['routing'] or {}):
        crud.insert(tx, _ROUTE, alias_id=id, function_version=version,
                    weight=weight, low=low, high=high)
