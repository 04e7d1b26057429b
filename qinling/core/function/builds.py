# SPDX-License-Identifier: Apache-2.0
"""Builds: what functions depend on, installed once for all that need the
same.

A row belongs to no project: what is installed depends on its files and on
the configuration alone.  Whoever inserts it installs; it says who that is
and until when, so that others wait for him, and know when not to.
"""

import datetime
import types

from oslo_log import log

from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import BuildStatus

LOG = log.getLogger(__name__)

#: What is said of a build that nobody has begun.
WAITING = 'waiting'
_MODEL = models.Build
_BUILDING = _MODEL.status == BuildStatus.BUILDING.value


class Builds:
    """What users see of builds, and may have begun."""

    def __init__(self, db, engine):
        self._db = db
        self._engine = engine

    def get(self, ctx, function_id, version=0):
        """The latest build for a function or a version of it.

        :raises NotFound: it depends on nothing.
        """
        return self._find(self._target(ctx, function_id, version))

    def retry(self, ctx, function_id, version=0):
        """Have what could not be installed tried again.

        :raises Conflict: it was installed.
        """
        target = self._target(ctx, function_id, version)
        if self._find(target).status == BuildStatus.READY:
            raise exception.Conflict(
                reason='the dependencies are installed already; another '
                       'package with other ones is installed anew.')
        self._engine.install(target)

    def _target(self, ctx, function_id, version):
        target = self._db.read(lambda tx: targets.resolve(
            tx, ctx.reach(), function_id, version))
        if not target.code.get('dependencies'):
            raise exception.NotFound(
                reason=f'function {function_id} has no dependencies to '
                       'install.')
        return target

    def _find(self, target):
        needed = target.code['dependencies']
        rows = self._db.read(lambda tx: crud.find(
            tx, _MODEL, _MODEL.digest == needed['sha256'],
            order=(_MODEL.created_at.desc(),), limit=1))
        return rows[0] if rows else types.SimpleNamespace(
            kind=needed['kind'], status=WAITING,
            status_reason=None, log=None, size=None, created_at=None,
            ended_at=None)


def begin(db, engine, ctx, row):
    """Have what a function depends on installed before it is needed, and
    tried again if that has failed before; returns the function.

    Nothing depends on it: who needs it later begins it, too.
    """
    if row.code.get('dependencies'):
        try:
            engine.install(db.read(lambda tx: targets.resolve(
                tx, ctx.reach(), row.id)))
        except (exception.Unavailable, exception.FunctionNotFound) as e:
            LOG.warning('The dependencies of function %s are installed when '
                        'they are needed: %s', row.id, e)
    return row


def find(db, id):
    """A build that is there or under way, or ``None``."""
    rows = db.read(lambda tx: crud.find(tx, _MODEL, _MODEL.id == id))
    if rows and (rows[0].status != BuildStatus.BUILDING
                 or rows[0].lease_until > models.now()):
        return rows[0]
    return None


def claim(db, id, needed, owner, seconds):
    """Take a build for ``seconds``; whether the caller is who installs.

    :param needed: what :func:`qinling.sources.dependencies.find` found.
    """
    now = models.now()
    values = {'owner': owner, 'created_at': now, 'used_at': now,
              'lease_until': now + datetime.timedelta(seconds=seconds)}
    try:
        db.write(lambda tx: crud.insert(
            tx, _MODEL, id=id, digest=needed['sha256'], kind=needed['kind'],
            status=BuildStatus.BUILDING.value, **values))
        return True
    except crud.DuplicateEntry:
        # Perhaps its engine has died.
        return db.write(lambda tx: crud.update(
            tx, _MODEL, id, values, _BUILDING, _MODEL.lease_until <= now))


def end(db, id, owner, status, **values):
    """Write down how a build ended; whether the owner still had it."""
    return db.write(lambda tx: crud.move(
        tx, _MODEL, id, status.value, _MODEL.owner == owner,
        ended_at=models.now(), lease_until=None, **values))


def give_up(db, *owners):
    """Leave what owners, or all of them, are installing to others."""
    mine = [_MODEL.owner.in_(owners)] if owners else []
    db.write(lambda tx: crud.delete_all(tx, _MODEL, _BUILDING, *mine))


def forget(db, id, status):
    """Remove a build in a status, so that it is begun anew."""
    db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _MODEL.id == id, _MODEL.status == status.value))


def lose(db, key):
    """Remove the build whose package is gone."""
    db.write(lambda tx: crud.delete_all(tx, _MODEL, _MODEL.package == key))


def use(db, row):
    """Note that a build is needed, once a day."""
    now = models.now()
    if now - row.used_at > datetime.timedelta(days=1):
        db.write(lambda tx: crud.update(
            tx, _MODEL, row.id, {'used_at': now}))


def purge(db, packages, days):
    """Remove what was not used for so many days."""
    old = models.now() - datetime.timedelta(days=days)
    for row in db.read(lambda tx: crud.find(
            tx, _MODEL, _MODEL.used_at < old, ~_BUILDING)):
        db.write(lambda tx: crud.delete_all(
            tx, _MODEL, _MODEL.id == row.id, _MODEL.used_at < old))
        packages.drop(row.package)
