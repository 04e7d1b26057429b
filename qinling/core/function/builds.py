# SPDX-License-Identifier: Apache-2.0
"""Dependency builds: installed once for all functions with equal needs.

A row belongs to no project: the result depends only on the requirement files
and the configuration.  The engine that inserts the row installs; owner and
lease in the row tell other engines how long to wait.
"""

import dataclasses
import datetime
import typing

from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.function import packages as packages_module
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import BuildStatus

LOG = log.getLogger(__name__)

#: Status of a build without a row.
WAITING = 'waiting'
_MODEL = models.Build
_IS_BUILDING = _MODEL.status == BuildStatus.BUILDING.value
#: Interval between two updates of ``used_at``.
TOUCH_INTERVAL = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class WaitingBuild:
    """A build that no engine has started."""

    kind: str
    status: str = WAITING
    status_reason: str | None = None
    log: str | None = None
    size: int | None = None
    created_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None


class Builds:
    """Builds as users see them."""

    def __init__(self, db: session.Database,
                 engine: engine_client.EngineClient) -> None:
        self._db = db
        self._engine = engine

    def get(self, ctx: context.RequestContext, function_id: str,
            version: int = 0) -> typing.Any:
        """Return the latest build of a function or version.

        :raises NotFound: the code has no dependencies.
        """
        return latest(self._db, self._resolve(ctx, function_id, version))

    def retry(self, ctx: context.RequestContext, function_id: str,
              version: int = 0) -> None:
        """Repeat a failed build.

        :raises Conflict: the build has succeeded.
        """
        target = self._resolve(ctx, function_id, version)
        if latest(self._db, target).status == BuildStatus.READY:
            raise exception.Conflict(
                reason='the dependencies are installed already; upload '
                       'a package to change the dependencies.')
        self._engine.install(target)

    def _resolve(self, ctx: context.RequestContext, function_id: str,
                 version: int) -> targets.Target:
        target = self._db.read(targets.resolve, ctx.visible_scope(),
                               function_id, version)
        if not target.code.get('dependencies'):
            raise exception.NotFound(
                reason=f'function {function_id} has no dependencies to '
                       'install.')
        return target


def latest(db: session.Database, target: targets.Target) -> typing.Any:
    """Return the latest build of a target with dependencies."""
    needs = target.code['dependencies']
    rows = db.read(crud.select, _MODEL, _MODEL.digest == needs['sha256'],
                   order=(_MODEL.created_at.desc(),), limit=1)
    return rows[0] if rows else WaitingBuild(needs['kind'])


def start(db: session.Database, engine: engine_client.EngineClient,
          ctx: context.RequestContext, row: typing.Any) -> typing.Any:
    """Start the build of a function, also after a failure.

    Only an optimization: the first execution starts a missing build.

    :returns: ``row``.
    """
    if row.code.get('dependencies'):
        try:
            engine.install(db.read(targets.resolve, ctx.visible_scope(),
                                   row.id))
        except (exception.Unavailable, exception.FunctionNotFound) as e:
            LOG.warning('Could not start the build of function %s; the first '
                        'execution will: %s', row.id, e)
    return row


def find(db: session.Database, id: str) -> typing.Any:
    """Return a build that has ended or is in progress, or ``None``."""
    rows = db.read(crud.select, _MODEL, _MODEL.id == id)
    if rows and (rows[0].status != BuildStatus.BUILDING
                 or rows[0].lease_until > models.now()):
        return rows[0]
    return None


def claim(db: session.Database, id: str, needs: dict[str, typing.Any],
          owner: str, seconds: float) -> bool:
    """Claim a build for ``seconds``.

    :param needs: result of
        :func:`qinling.sources.dependencies.find_dependencies`.
    :returns: whether the owner has to install.
    """
    now = models.now()
    values = {'owner': owner, 'created_at': now, 'used_at': now,
              'lease_until': now + datetime.timedelta(seconds=seconds)}
    try:
        db.write(lambda tx: crud.insert(
            tx, _MODEL, id=id, digest=needs['sha256'], kind=needs['kind'],
            status=BuildStatus.BUILDING.value, **values))
        return True
    except crud.DuplicateEntry:
        # The engine of the other row may have died.
        return db.write(lambda tx: crud.update(
            tx, _MODEL, id, values, _IS_BUILDING,
            _MODEL.lease_until <= now))


def end(db: session.Database, id: str, owner: str, status: BuildStatus,
        **values: typing.Any) -> bool:
    """Write the end of a build.

    :returns: whether the owner still had the claim.
    """
    return db.write(lambda tx: crud.change_status(
        tx, _MODEL, id, status.value, _MODEL.owner == owner,
        ended_at=models.now(), lease_until=None, **values))


def extend(db: session.Database, id: str, owner: str, seconds: float,
           reason: str) -> None:
    """Extend the lease of a build that waits.

    :param reason: what the build waits for.
    """
    db.write(lambda tx: crud.update(
        tx, _MODEL, id, {
            'lease_until': models.now() + datetime.timedelta(seconds=seconds),
            'status_reason': reason},
        _IS_BUILDING, _MODEL.owner == owner))


def release(db: session.Database, *owners: str) -> None:
    """Delete the unfinished builds of some owners, by default of all."""
    conditions = [_MODEL.owner.in_(owners)] if owners else []
    db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _IS_BUILDING, *conditions))


def forget(db: session.Database, id: str, status: BuildStatus) -> None:
    """Delete a build in a status, so that a new build can start."""
    db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _MODEL.id == id, _MODEL.status == status.value))


def forget_package(db: session.Database, key: str) -> None:
    """Delete the build whose package is missing."""
    db.write(lambda tx: crud.delete_all(tx, _MODEL, _MODEL.package == key))


def touch(db: session.Database, row: typing.Any) -> None:
    """Record the use of a build, at most once per day."""
    now = models.now()
    if now - row.used_at > TOUCH_INTERVAL:
        db.write(lambda tx: crud.update(
            tx, _MODEL, row.id, {'used_at': now}))


def purge(db: session.Database, packages: packages_module.Packages,
          days: float) -> None:
    """Delete builds that were not used for ``days``."""
    limit = models.now() - datetime.timedelta(days=days)
    for row in db.read(crud.select, _MODEL, _MODEL.used_at < limit,
                       ~_IS_BUILDING):
        db.write(lambda tx: crud.delete_all(
            tx, _MODEL, _MODEL.id == row.id, _MODEL.used_at < limit))
        packages.drop(row.package)
