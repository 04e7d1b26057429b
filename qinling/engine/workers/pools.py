# SPDX-License-Identifier: Apache-2.0
"""Pools of the runtimes: created, changed and destroyed."""

import bisect
import collections
from concurrent import futures
import datetime
import functools
import typing

from oslo_log import log

from qinling import context
from qinling.core.runtime import upgrades
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import periodic_queries
from qinling.db import session
from qinling.engine import background as background_module
from qinling.engine.workers import scaling as scaling_module
from qinling.engine.workers import worker_set
from qinling import exception
from qinling.orchestrators import base
from qinling.states import RuntimeStatus

LOG = log.getLogger(__name__)

_MODEL = models.Runtime
RESTORE_SECONDS = 30
#: Time after which any engine carries out a change or a deletion.  Before, a
#: message is on the way, or accepted calls may still claim a worker.
SETTLE_DELAY = datetime.timedelta(seconds=60)
#: Functions with workers that are looked up in one turn.
MAX_CHECKED_FUNCTIONS = 200
#: Statuses of a runtime that any engine ends after ``SETTLE_DELAY``.
_LATER = (RuntimeStatus.UPGRADING, RuntimeStatus.DELETING)


class Pools:
    """Brings pools to the state of the rows, and rows to that of pools."""

    def __init__(self, db: session.Database,
                 orchestrator: base.Orchestrator) -> None:
        self._db = db
        self._orchestrator = orchestrator
        self._in_progress: collections.Counter[str] = collections.Counter()
        #: last function whose existence was checked
        self._checked_id = ''

    def restore(self, background: background_module.Background) -> None:
        """Bring every pool to its row at the start of an engine.

        After RESTORE_SECONDS, the engine starts with the pools that are
        ready.
        """
        rows = self._db.read(lambda tx: crud.select(
            tx, _MODEL, _MODEL.status != RuntimeStatus.ERROR.value))
        futures.wait([self._settle(background, row) for row in rows
                      if not (row.status == RuntimeStatus.DELETING
                              and _is_recent(row))], RESTORE_SECONDS)

    def tend(self, background: background_module.Background) -> None:
        """Settle pools whose message was lost, and delete orphaned pools."""
        pools = list(self._orchestrator.pools())
        rows = self._db.read(periodic_queries.list_runtimes)
        for id in set(pools) - {row.id for row in rows}:
            LOG.warning('Deleting orphaned pool %s.', id)
            background.submit(self._orchestrator.delete_pool, id)
        for row in rows:
            is_due = (row.status == RuntimeStatus.CREATING
                      or row.status in _LATER and not _is_recent(row))
            if is_due and not self._in_progress[row.id]:
                self._settle(background, row)

    def _settle(self, background: background_module.Background,
                row: typing.Any) -> 'futures.Future[None]':
        action = (self.delete if row.status == RuntimeStatus.DELETING
                  else self.ensure)
        return background.submit(action, row.id)

    def orphaned_workers(self) -> list[base.Worker]:
        """Return claimed workers whose function was deleted.

        Each call checks the next MAX_CHECKED_FUNCTIONS functions: all engines
        check the workers of all engines, of which there may be thousands.
        """
        workers = list(self._orchestrator.claimed())
        ids = sorted({worker.function.function_id for worker in workers
                      if worker.function})
        if not ids:
            return []
        first = bisect.bisect_right(ids, self._checked_id)
        checked = (ids[first:] + ids[:first])[:MAX_CHECKED_FUNCTIONS]
        self._checked_id = checked[-1]
        missing = set(checked) - self._db.read(
            periodic_queries.list_present, checked)
        return [worker for worker in workers if worker.function
                and worker.function.function_id in missing]

    def ensure(self, id: str) -> None:
        """Create or change the pool of a runtime."""
        self._in_progress[id] += 1
        try:
            self._ensure(id)
        finally:
            self._in_progress[id] -= 1

    def change(self, id: str, scaling: scaling_module.Scaling) -> None:
        """Create or change a pool, then retire workers of earlier images."""
        self.ensure(id)
        self.retire_outdated(scaling)

    def retire_outdated(self, scaling: scaling_module.Scaling) -> None:
        """Replace the workers of earlier images as they fall idle."""
        outdated = self._orchestrator.outdated()
        if outdated:
            scaling.retire(*outdated)

    def _ensure(self, id: str) -> None:
        row = self._db.read(
            lambda tx: crud.get(tx, context.admin(), _MODEL, id=id))
        if row is None or row.status == RuntimeStatus.DELETING:
            return
        try:
            self._orchestrator.ensure_pool(
                base.RuntimeSpec(row.id, row.image, row.trusted))
        except (exception.PermanentError, exception.TemporaryError) as e:
            LOG.error('Could not create the pool of runtime %s: %s', id, e)
            self._handle_error(row, e)
            return
        language = self._language(row.image)
        if row.status != RuntimeStatus.AVAILABLE:
            self._db.write(functools.partial(upgrades.finish, row, language))
        elif any(getattr(row, name) != language[name] for name in language):
            self._db.write(lambda tx: crud.update(
                tx, _MODEL, id, language, _MODEL.image == row.image))

    def _language(self, image: str) -> dict[str, str | None]:
        """Return the columns that the orchestrator knows of an image."""
        names = self._orchestrator.languages().get(image)
        return dict(zip(('language', 'language_version'), names or ()))

    def _handle_error(self, row: typing.Any, error: Exception) -> None:
        reason = str(error)
        if (row.status == RuntimeStatus.CREATING
                and isinstance(error, exception.TemporaryError)):
            # The row stays in ``creating``, so another try follows.
            self._db.write(lambda tx: crud.update(
                tx, _MODEL, row.id, {'status_reason': reason}))
        elif row.status == RuntimeStatus.AVAILABLE:
            # Other engines may still serve the runtime.
            return
        elif row.previous_image:
            image = row.previous_image
            LOG.warning('Rolling runtime %s back to image %s.', row.id, image)
            try:
                self._orchestrator.ensure_pool(
                    base.RuntimeSpec(row.id, image, row.trusted))
            except exception.PermanentError as e:
                self._fail(row, f'{reason} The image before, {image}, cannot '
                                f'serve any more: {e}')
                return
            self._db.write(functools.partial(
                upgrades.roll_back, row, reason, self._language(image)))
        else:
            self._fail(row, reason)

    def _fail(self, row: typing.Any, reason: str) -> None:
        # The image may have changed since the row was read.
        self._db.write(lambda tx: crud.change_status(
            tx, _MODEL, row.id, RuntimeStatus.ERROR.value,
            _MODEL.image == row.image, status_reason=reason))

    def delete(self, id: str) -> None:
        """Destroy the pool and delete the row."""
        self._orchestrator.delete_pool(id)
        self._db.write(lambda tx: crud.delete(tx, _MODEL, id))

    def capacity(self, id: str) -> dict[str, int] | None:
        """Return ``{"total", "available"}``, ``None`` without a pool."""
        capacity = self._orchestrator.pools().get(id)
        if capacity is None:
            return None
        return {'total': capacity.total, 'available': capacity.available}

    def list_workers(self, function_id: str, version: int, local: bool
                     ) -> list[str]:
        """Return the names of the workers of a function.

        :param local: only those of this engine, whose secrets it knows.
        """
        key = base.FunctionKey(function_id, version)
        return [worker.name for worker in self._orchestrator.claimed()
                if worker.function == key and (worker.secret or not local)]


def _is_recent(row: typing.Any) -> bool:
    return bool(row.updated_at
                and row.updated_at > models.now() - SETTLE_DELAY)


class PoolCreatingSource:
    """Source of workers that creates a missing pool.

    The message about a new runtime may be lost or late.
    """

    def __init__(self, source: worker_set.WorkerSource, pools: Pools) -> None:
        self._source = source
        self._pools = pools

    def start(self, target: targets.Target) -> base.Worker:
        """Return a loaded worker; see :class:`.worker_set.WorkerSource`."""
        try:
            return self._source.start(target)
        except base.NoPool:
            if target.runtime_id is None:
                raise
            self._pools.ensure(target.runtime_id)
            return self._source.start(target)

    def release(self, worker: base.Worker, disconnected: bool = False
                ) -> base.ExitReason | None:
        """Destroy a worker; see :class:`.worker_set.WorkerSource`."""
        return self._source.release(worker, disconnected)
