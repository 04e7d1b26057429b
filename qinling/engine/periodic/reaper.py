# SPDX-License-Identifier: Apache-2.0
"""Finding the executions that nobody looks after.

Two kinds have a lease that ran out: those that no engine ever claimed, since
their message was lost, and those whose engine died.  An asynchronous one is
begun again; a synchronous one has nobody who waits, and ends.
"""

import logging
import time

from oslo_log import log

from qinling import context
from qinling.core.execution import executions
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: Rows that one sweep reads at most, so that engines share a large backlog.
BATCH = 100
DIED = 'The engine that ran the execution died or was stopped.'
NO_ENGINE = 'No engine took the execution in time.'


class Reaper:
    """Sweeps for one engine.

    :param retries: a :class:`qinling.engine.run.completion.Retries`.
    :param known: function that tells the ids queued or held here.
    """

    def __init__(self, conf, db, owner, retries, known):
        self._conf = conf
        self._db = db
        self._owner = owner
        self._retries = retries
        self._known = known
        #: When to sweep again, on time.monotonic().
        self._next = 0

    def pause(self):
        """Sweep nothing for a while: the database was away, perhaps for
        longer than leases last, and nobody could renew them.  Whoever lives
        does so within this time."""
        self._next = time.monotonic() + self._conf.engine.lease / 3 + 1

    def release(self, ids):
        """Let others begin, at once, what was queued here."""
        for start in range(0, len(ids), BATCH):
            some = ids[start:start + BATCH]
            self._db.write(lambda tx: crud.update_all(
                tx, _MODEL, {'lease_until': models.now(),
                             'updated_at': _MODEL.updated_at},
                _MODEL.id.in_(some), _MODEL.owner.is_(None),
                _MODEL.lease_until.is_not(None)))

    def renew(self, ids):
        """Prolong the leases of executions that this engine holds or has
        queued.

        :returns: the ids of those that are no longer its own: they were
            cancelled or deleted, or are another engine's.
        """
        lost = []
        values = {'lease_until': executions.lease(self._conf, models.now()),
                  'updated_at': _MODEL.updated_at}
        ours = (_MODEL.owner == self._owner) | _MODEL.owner.is_(None)
        for start in range(0, len(ids), BATCH):
            some = ids[start:start + BATCH]
            # What waits for its next attempt has its time as its lease.
            still = (_MODEL.id.in_(some), ours,
                     _MODEL.lease_until.is_not(None),
                     _MODEL.next_attempt_at.is_(None))
            if self._db.write(lambda tx: crud.update_all(
                    tx, _MODEL, values, *still)) == len(some):
                continue
            kept = self._db.read(lambda tx: crud.find(
                tx, _MODEL, *still, only=(_MODEL.id,)))
            lost += set(some) - {row.id for row in kept}
        metrics.leases_lost.inc(len(lost))
        return lost

    def sweep(self):
        """Take some of what is overdue; returns how many rows it took."""
        if time.monotonic() < self._next:
            return 0
        return self._take(self._page(_MODEL.lease_until < models.now()))

    def recover(self):
        """Take everything that another owner left, overdue or not: for the
        one engine that may use this database."""
        left = (_MODEL.lease_until.is_not(None)
                & (_MODEL.owner.is_(None) | (_MODEL.owner != self._owner)))
        rows = self._page(left)
        while rows:
            waiting = [row for row in rows if row.next_attempt_at
                       and row.next_attempt_at > models.now()]
            for row in waiting:
                self._retries.later(row.next_attempt_at, row.id)
            self._take([row for row in rows if row not in waiting])
            rows = self._page(left, _MODEL.id > rows[-1].id)

    def resume(self, id, at):
        """Begin the attempt of an execution that waited for it until
        ``at``, unless another engine has done so."""
        self._take(self._page(_MODEL.id == id, _MODEL.next_attempt_at == at))

    def _page(self, *conditions):
        return self._db.read(
            lambda tx: crud.find(tx, _MODEL, *conditions, limit=BATCH))

    def _take(self, rows):
        known = set(self._known())
        return sum(bool(self._rescue(row)) for row in rows
                   if row.id not in known)

    def _rescue(self, row):
        """End a row or begin it again; whether it was still as read."""
        as_read = (_MODEL.lease_until == row.lease_until,
                   _MODEL.owner.is_(None) if row.owner is None
                   else _MODEL.owner == row.owner)
        if row.sync:
            return self._end(row, as_read, DIED if row.owner else NO_ENGINE)
        try:
            target = self._db.read(lambda tx: targets.resolve(
                tx, context.admin(), row.function_id,
                row.function_version))
        except exception.NotFound as e:
            return self._end(row, as_read, str(e))
        deaths = row.attempt - row.retry
        if deaths >= self._conf.engine.max_attempts:
            return self._retries.conclude(
                row.id, executions.fault(
                    'The engines that ran the execution died, '
                    f'{deaths} in all.'), target, *as_read, final=True)
        # The row becomes nobody's, with time to be claimed from the queue.
        until = executions.lease(self._conf, models.now())
        free = {'owner': None, 'lease_until': until, 'next_attempt_at': None}
        if not self._db.write(lambda tx: crud.update(
                tx, _MODEL, row.id, free, *as_read)):
            return False
        metrics.rescued_again.inc()
        LOG.log(logging.INFO if row.next_attempt_at else logging.WARNING,
                'Execution %s of %s is begun again.', row.id,
                row.owner or 'nobody')
        self._retries.submit({'id': row.id, 'input': row.input,
                              'sync': False, 'owner': None}, target)
        return True

    def _end(self, row, as_read, sentence):
        LOG.warning('Execution %s ends: %s', row.id, sentence)
        metrics.rescued_ended.inc()
        return executions.finish(
            self._db, row.id, executions.fault(sentence), *as_read)
