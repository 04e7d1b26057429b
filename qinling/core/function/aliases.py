# SPDX-License-Identifier: Apache-2.0
"""Aliases: names that point at versions, and can be moved."""

import re

from qinling.core import preconditions
from qinling.core import targets
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling import exception

_MODEL = models.FunctionAlias
_CHANGE = models.AliasChange
_ROUTE = models.AliasRoute
#: Not "." and "..", which in a path mean something else.
NAME = re.compile(r'(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}')
#: What an alias points at, and what its history keeps.
TARGET = ('function_id', 'function_version', 'routing')
#: Points that the routes of a weighted alias share out.
POINTS = 2 ** 32
#: How far weights may be from 1 in sum, for the sake of binary fractions.
CLOSE = 1e-6


class Aliases:
    """What may happen to aliases.  Names are looked up in the caller's own
    project and nowhere else."""

    def __init__(self, db):
        self._db = db

    def create(self, ctx, values):
        """Give a version a name.

        :param values: ``name``, ``function_id`` and what is given of
            ``function_version``, ``routing`` and ``description``.
        :raises FunctionAliasExists: the project has this name already.
        """
        for field in ('name', 'function_id'):
            if not values.get(field):
                raise exception.Invalid(
                    f'Required param is missing. An alias needs a {field}.')
        _check(values)
        if not NAME.fullmatch(values['name']):
            raise exception.Invalid(
                'An alias name has 1 to 255 letters, digits, "-", "_" or '
                '".".')
        try:
            self._db.write(lambda tx: self._insert(tx, ctx, values))
        except crud.DuplicateEntry:
            raise exception.FunctionAliasExists(name=values['name'])
        return self.get(ctx, values['name'])

    def _insert(self, tx, ctx, values):
        target = {'function_version': 0, 'routing': None, **values}
        target['routing'] = target['routing'] or None
        _exists(tx, ctx, target)
        id = crud.insert(tx, _MODEL, project_id=ctx.project_id, **target)
        _remember(tx, ctx, id, 1, target)

    def get(self, ctx, name):
        """One alias."""
        row = self._db.read(lambda tx: _find(tx, ctx, name))
        if row is None:
            raise exception.FunctionAliasNotFound(name=name)
        return row

    def list(self, ctx, filters, page):
        """Aliases."""
        conditions = [crud.condition(_MODEL, name, text)
                      for name, text in filters.items()]
        return self._db.read(lambda tx: crud.listing(
            tx, ctx, _MODEL, conditions, page))

    def update(self, ctx, name, values, match=None):
        """Change the description, or point the alias elsewhere, which the
        next execution accepted follows.

        A new function or version ends a weighted routing, unless a routing
        is given as well; the empty routing ends it alone.
        """
        _check(values)
        values = {field: values[field] for field in
                  (*TARGET, 'description') if field in values}
        if {'function_id', 'function_version'} & set(values):
            values.setdefault('routing', None)
        if 'routing' in values:
            values['routing'] = values['routing'] or None
        if values:
            self._db.write(lambda tx: self._change(
                tx, ctx, name, values, match))
        row = self.get(ctx, name)
        if not values:
            preconditions.check(row, match)
        return row

    def _change(self, tx, ctx, name, values, match):
        row = _find(tx, ctx, name, lock=True)
        if row is None:
            raise exception.FunctionAliasNotFound(name=name)
        preconditions.check(row, match)
        target = {field: values.get(field, getattr(row, field))
                  for field in TARGET}
        moved = any(target[field] != getattr(row, field)
                    for field in TARGET)
        if moved:
            _exists(tx, ctx, target)
        crud.update(tx, _MODEL, row.id, values)
        if moved:
            _remember(tx, ctx, row.id, row.revision + 1, target)

    def history(self, ctx, name):
        """The targets that the alias had, the present one first."""
        row = self.get(ctx, name)
        return self._db.read(lambda tx: crud.find(
            tx, _CHANGE, _CHANGE.alias_id == row.id))[::-1]

    def rollback(self, ctx, name, revision=None, match=None):
        """Point the alias at what it pointed at before.

        :param revision: an entry of the history; the one before the present
            target when not given.
        :raises Conflict: there is nothing to go back to.
        """
        row = self.get(ctx, name)
        preconditions.check(row, match)
        entries = self.history(ctx, name)
        if revision is None:
            chosen = entries[1:2]
        else:
            chosen = [each for each in entries if each.revision == revision]
        if not chosen:
            raise exception.Conflict(
                reason=f'alias {name} has no such target in its history.')
        values = {field: getattr(chosen[0], field) for field in TARGET}
        # Only from the state that was looked at: two rollbacks at once are
        # one step back, and one refusal.
        self._db.write(lambda tx: self._change(
            tx, ctx, name, values, frozenset([row.revision])))
        return self.get(ctx, name)

    def references(self, ctx, name):
        """What refers to an alias."""
        row = self.get(ctx, name)
        return self._db.read(lambda tx: targets.alias_references(
            tx, row.project_id, name))

    def delete(self, ctx, name, match=None):
        """Delete an alias that nothing refers to."""
        def remove(tx):
            row = _find(tx, ctx, name, lock=True)
            if row is None:
                raise exception.FunctionAliasNotFound(name=name)
            preconditions.check(row, match)
            users = targets.alias_references(tx, row.project_id, name)
            if users:
                raise exception.FunctionAliasInUse(
                    name=name, blockers=targets.named(users))
            crud.delete(tx, _MODEL, row.id)
        self._db.write(remove)


def _find(tx, ctx, name, lock=False):
    return crud.get(tx, ctx, _MODEL, lock=lock, name=name,
                    project_id=ctx.project_id)


def _check(values):
    validation.text('description', values.get('description'))
    routing = values.get('routing')
    if routing is None:
        return
    if not isinstance(routing, dict) or not all(
            _is_number(key) and isinstance(weight, (int, float))
            and not isinstance(weight, bool) and 0 < weight <= 1
            for key, weight in routing.items()):
        raise exception.Invalid(
            'routing must be an object of version numbers and weights '
            'between 0 and 1, such as {"1": 0.9, "2": 0.1}.')
    if routing and abs(sum(routing.values()) - 1) > CLOSE:
        raise exception.Invalid(
            f'The weights of routing must sum to 1, not to '
            f'{sum(routing.values()):g}.')


def _is_number(text):
    """Whether a text is a version number, with no zeros before it."""
    return re.fullmatch('0|[1-9][0-9]{0,9}', text) and int(text) < 2 ** 31


def _exists(tx, ctx, target):
    """Hold the versions of a target, so that they stay until it is written.

    :raises FunctionNotFound, FunctionVersionNotFound: one is not there, or
        not the caller's.
    """
    targets.hold(tx, ctx, target['function_id'], target['function_version'],
                 *map(int, target['routing'] or ()))


def _remember(tx, ctx, id, revision, target):
    """Write a target that an alias has from now on: for the history, and as
    routes that a look-up can join."""
    crud.insert(tx, _CHANGE, alias_id=id, revision=revision,
                user_id=ctx.user_id,
                **{field: target[field] for field in TARGET})
    crud.delete_all(tx, _ROUTE, _ROUTE.alias_id == id)
    for version, weight, low, high in shares(target['routing'] or {}):
        crud.insert(tx, _ROUTE, alias_id=id, function_version=version,
                    weight=weight, low=low, high=high)


def shares(routing):
    """(version, weight, low, high) for each version of a routing; together
    they cover all points and none twice."""
    total, low, found = 0.0, 0, []
    ordered = sorted((int(key), weight) for key, weight in routing.items())
    for version, weight in ordered:
        total += weight
        high = round(total * POINTS)
        if (version, weight) == ordered[-1]:
            high = POINTS
        found.append((version, weight, low, high))
        low = high
    return found
