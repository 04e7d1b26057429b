# SPDX-License-Identifier: Apache-2.0
"""Executions that this engine holds: claimed, run, and ended once."""

import math
import threading
import time

from qinling.core.execution import executions
from qinling.core.function import retry_policy as policies
from qinling.db import crud
from qinling.db import models
from qinling.engine.run import attempts as attempts_module
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.telemetry import metrics

_MODEL = models.Execution
#: What a claim changes beside the owner.
_CLAIMED = {'attempt': _MODEL.attempt + 1, 'updated_at': _MODEL.updated_at}
#: Seconds between two tries to write a result while there is no database.
PAUSE = 0.5


class Runner:
    """Runs executions for one engine.

    :param owner: the engine's name in the column ``owner``.
    :param attempts: :class:`qinling.engine.run.attempts.Attempts`.
    :param retries: a :class:`qinling.engine.run.completion.Retries`.
    :param settle: see :meth:`qinling.engine.workers.builds.Builds.settle`.
    """

    def __init__(self, conf, db, owner, attempts, retries,
                 settle=lambda *_: None):
        self._conf = conf
        self._db = db
        self._owner = owner
        self._attempts = attempts
        self._retries = retries
        self._settle = settle
        self._lock = threading.Lock()
        #: id -> :class:`qinling.engine.run.attempts.Held`
        self._held = {}
        self._durations = {}
        #: Set while nothing is held.
        self.idle = threading.Event()
        self.idle.set()

    def run(self, row, target):
        """Run an execution to its end.

        :param row: dict with ``id``, ``input`` and ``owner``; one that this
            engine does not own yet is claimed first.
        :returns: the columns written at its end; ``None`` when it is none
            of ours.
        """
        held = attempts_module.Held(time.monotonic())
        with self._lock:
            if row['id'] in self._held:
                # A message that came twice.
                return None
            self._held[row['id']] = held
            self.idle.clear()
        try:
            # A claim that was written, and not heard of, would be left to a
            # sweep as if this engine had died.
            if row['owner'] != self._owner and not self._patiently(
                    lambda: self._claim(row['id']),
                    self._conf.engine.queue_timeout):
                return None
            written = (self._run_sync if row['sync'] else
                       self._run_async)(row, target, held)
            self._measure(row, written, held)
            return written
        finally:
            held.ended.set()
            with self._lock:
                del self._held[row['id']]
                if not self._held:
                    self.idle.set()

    def _measure(self, row, written, held):
        if written is None:
            return
        # One that gets another attempt has not ended.
        status = written.get('status', 'retried')
        key = row['sync'], status
        bound = self._durations.get(key)
        if bound is None:
            bound = self._durations[key] = metrics.executions.labels(
                'sync' if row['sync'] else 'async', status)
        bound.observe(time.monotonic() - held.since)

    def _run_sync(self, row, target, held):
        outcome = self._attempts.run(row, target, held)
        written = self._patiently(lambda: executions.finish(
            self._db, row['id'], outcome, executions.MINE,
            params={'mine': self._owner}))
        if written is None and held.cancelled:
            self._keep_log(row['id'], outcome.logs)
        return written

    def _run_async(self, row, target, held):
        late = self._is_too_old(row['id'], target)
        if not late:
            self._settle(target, lambda: (
                held.cancelled or self._attempts.stopping))
        outcome = late or self._attempts.run(row, target, held)
        if self._attempts.stopping and outcome.status is ExecutionStatus.ERROR:
            return self._leave(row['id'])
        written = self._patiently(lambda: self._retries.conclude(
            row['id'], outcome, target, executions.MINE,
            params={'mine': self._owner}, final=late is not None))
        if written is None and held.cancelled:
            self._keep_log(row['id'], outcome.logs)
        return written

    def _patiently(self, write, limit=math.inf):
        """What ``write`` returns, once the database is there: what has run
        must not run again because its result could not be written.

        :param limit: seconds after which nobody waits any more.
        """
        end = time.monotonic() + limit
        while True:
            try:
                return write()
            except exception.Unavailable:
                if self._attempts.stopping or time.monotonic() >= end:
                    raise
                time.sleep(PAUSE)

    def _is_too_old(self, id, target):
        """The outcome of an execution that waited too long, else
        ``None``."""
        policy = target.async_policy
        if policy is None or policy['max_age'] is None:
            return None
        rows = self._db.read(lambda tx: crud.find(
            tx, _MODEL, _MODEL.id == id, only=(_MODEL.created_at,)))
        if not rows or not policies.is_too_old(
                policy, rows[0].created_at, models.now()):
            return None
        return executions.fault(
            f'It was not begun within its max_age of {policy["max_age"]} s.')

    def _keep_log(self, id, logs):
        """What the function printed until it was cancelled."""
        self._db.write(lambda tx: crud.update(
            tx, _MODEL, id, {'logs': logs,
                             'updated_at': _MODEL.updated_at},
            _MODEL.status == ExecutionStatus.CANCELLED.value))

    def cancel(self, id):
        """End what this engine does for an execution whose row has ended, is
        gone or is another engine's.  That keeps whatever comes of it from
        being written."""
        with self._lock:
            held = self._held.get(id)
        if held is None or self._owns(id):
            return
        self._attempts.cancel(id, held)

    def _owns(self, id):
        return self._db.read(lambda tx: crud.exists(
            tx, _MODEL, _MODEL.id == id, _MODEL.owner == self._owner,
            _MODEL.status == ExecutionStatus.RUNNING.value))

    def _claim(self, id):
        values = dict(
            _CLAIMED, owner=self._owner,
            lease_until=executions.lease(self._conf, models.now()))
        # The database may have died when it had written the claim and before
        # it said so; then it was tried again, and the row is ours.
        return self._db.write(lambda tx: crud.update(
            tx, _MODEL, id, values, *executions.UNTOUCHED, params={}),
            together=True) or self._owns(id)

    def _leave(self, id):
        """Not the function ended but this engine does: whoever sweeps next
        begins the execution again."""
        free = {'owner': None, 'lease_until': models.now(),
                'updated_at': _MODEL.updated_at}
        self._db.write(lambda tx: crud.update(
            tx, _MODEL, id, free, executions.MINE,
            params={'mine': self._owner}))

    def held(self, older_than=0):
        """Ids of the executions held for so many seconds."""
        limit = time.monotonic() - older_than
        with self._lock:
            return [id for id, held in self._held.items()
                    if held.since <= limit]
