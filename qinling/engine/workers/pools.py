# SPDX-License-Identifier: Apache-2.0
"""Runtimes on the orchestrator: pools made, changed and destroyed."""

import collections

from oslo_log import log

from qinling import context
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.orchestrators import base
from qinling.states import RuntimeStatus

LOG = log.getLogger(__name__)

_MODEL = models.Runtime
_WAITING = (RuntimeStatus.CREATING, RuntimeStatus.DELETING)


class Pools:
    """Brings pools to what the rows say, and statuses to what is."""

    def __init__(self, db, orchestrator):
        self._db = db
        self._orchestrator = orchestrator
        self._under_way = collections.Counter()

    def restore(self, later):
        """Bring every pool to its row, as an engine that starts must.

        :param later: function that calls its first argument with the
            others, now or in the background.
        :returns: what it returned, as a list.
        """
        rows = self._db.read(lambda tx: crud.find(
            tx, _MODEL, _MODEL.status != RuntimeStatus.ERROR.value))
        return [self._bring(later, row) for row in rows]

    def tend(self, later):
        """Make and destroy the pools whose message was lost, and those that
        no row tells of."""
        pools = list(self._orchestrator.pools())
        rows = self._db.read(lambda tx: crud.find(tx, _MODEL))
        for id in set(pools) - {row.id for row in rows}:
            LOG.warning('The pool %s belongs to no runtime.', id)
            later(self._orchestrator.delete_pool, id)
        for row in rows:
            if row.status in _WAITING and not self._under_way[row.id]:
                self._bring(later, row)

    def _bring(self, later, row):
        if row.status == RuntimeStatus.DELETING:
            return later(self.delete, row.id)
        return later(self.ensure, row.id)

    def unneeded(self):
        """The claimed workers whose function is gone."""
        workers = {worker.name: (worker, worker.function.split('/')[0])
                   for worker in self._orchestrator.claimed()}
        ids = {function for _, function in workers.values()}
        if not ids:
            return []
        alive = {row.id for row in self._db.read(lambda tx: crud.find(
            tx, models.Function, models.Function.id.in_(ids)))}
        return [worker for worker, function in workers.values()
                if function not in alive]

    def ensure(self, id, previous_image=None):
        """Make or change the pool of a runtime.

        :param previous_image: what to go back to if the new image fails.
        """
        self._under_way[id] += 1
        try:
            self._ensure(id, previous_image)
        finally:
            self._under_way[id] -= 1

    def _ensure(self, id, previous_image):
        row = self._row(id)
        if row is None or row.status == RuntimeStatus.DELETING:
            return
        try:
            self._orchestrator.ensure_pool(_spec(row))
        except (exception.PermanentError, exception.TemporaryError) as e:
            reason = str(e)
            LOG.error('The pool of runtime %s cannot be made: %s', id, e)
            if (row.status == RuntimeStatus.CREATING
                    and isinstance(e, exception.TemporaryError)):
                # Stays in creating, so that it is tried again.
                self._db.write(lambda tx: crud.update(
                    tx, _MODEL, id, {'status_reason': reason}))
            else:
                self._failed(row, reason, previous_image)
            return
        known = self._language(row.image)
        if row.status != RuntimeStatus.AVAILABLE:
            self._move(row, RuntimeStatus.AVAILABLE, status_reason=None,
                       **known)
        elif any(getattr(row, name) != known[name] for name in known):
            self._db.write(lambda tx: crud.update(
                tx, _MODEL, id, known, _MODEL.image == row.image))

    def _language(self, image):
        """What the orchestrator knows of an image by itself."""
        found = self._orchestrator.languages().get(image)
        return dict(zip(('language', 'language_version'), found or ()))

    def _failed(self, row, reason, previous_image):
        if row.status == RuntimeStatus.AVAILABLE:
            # Only this engine cannot serve it; others may.
            return
        if not previous_image:
            self._move(row, RuntimeStatus.ERROR, status_reason=reason)
            return
        LOG.warning('Runtime %s goes back to %s.', row.id, previous_image)
        self._orchestrator.ensure_pool(
            base.RuntimeSpec(row.id, previous_image, row.trusted))
        self._move(row, RuntimeStatus.AVAILABLE, image=previous_image,
                   status_reason=reason, **self._language(previous_image))

    def having(self, start):
        """``start``, a function of a target that wants a worker, but with
        the pool made where there is none: the message that the runtime is
        there may still be on its way, or lost."""
        def begin(target):
            try:
                return start(target)
            except base.NoPool:
                self.ensure(target.runtime_id)
                return start(target)
        return begin

    def delete(self, id):
        """Destroy the pool and the row."""
        self._orchestrator.delete_pool(id)
        self._db.write(lambda tx: crud.delete(tx, _MODEL, id))

    def capacity(self, id):
        """``{"total", "available"}``, or ``None`` without a pool."""
        found = self._orchestrator.pools().get(id)
        return found and {'total': found.total,
                          'available': found.available}

    def _row(self, id):
        return self._db.read(
            lambda tx: crud.get(tx, context.admin(), _MODEL, id=id))

    def _move(self, row, status, **values):
        # Unless somebody has already decided something else.
        same = _MODEL.image == row.image
        self._db.write(lambda tx: crud.move(
            tx, _MODEL, row.id, status.value, same, **values))


def _spec(row):
    return base.RuntimeSpec(row.id, row.image, row.trusted)
