# SPDX-License-Identifier: Apache-2.0
"""Accepting an execution, and having an engine run it."""

import contextlib
import time

from oslo_log import log

from qinling import context
from qinling.core.execution import admission
from qinling.core.execution import executions
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: Seconds between two questions whether an engine lives, and how many of
#: them, one after the other, it may leave without an answer: it may just
#: come back to a bus that was away.
PAUSE, SILENCES = 5, 2


class Dispatch:
    """Accepts executions in one process."""

    def __init__(self, conf, db, engine):
        self._conf = conf
        self._db = db
        self._engine = engine
        self._admission = admission.Admission(conf, db)

    def __call__(self, row, target, once=None, trail=None):
        """Accept an execution, and run it if somebody waits for it.

        :param row: a dict with all columns.
        :param trail: see :meth:`qinling.context.RequestContext.trail`.
        :returns: the columns that have changed, as a mapping.
        :raises TooManyExecutions, Unavailable: it was not accepted, and
            nothing has been run.
        """
        slot = (self._admission.slot(target) if row['sync']
                else contextlib.nullcontext())
        with slot:
            with self._admission.counted(target, row['sync']):
                self._begin(row, target, once)
            order = dict(row, trail=trail)
            if row['sync']:
                return self._run(order, target, once)
            self._start(order, target)
            return {}

    def _begin(self, row, target, once):
        try:
            # Nobody was promised a synchronous execution before it has
            # ended.
            self._db.write(lambda tx: executions.begin(
                tx, target, row, once), durable=not row['sync'],
                together=True)
        except crud.DuplicateEntry:
            # The database may have died when it had written the row and
            # before it said so; then it was tried again.
            if not self._db.read(lambda tx: crud.exists(
                    tx, _MODEL, _MODEL.id == row['id'])):
                raise

    def _run(self, row, target, once):
        try:
            outcome = self._engine.run(row, target)
            if outcome is not None:
                return outcome
            # Another engine has it, or the row is gone.
        except exception.Unavailable as e:
            LOG.warning('Execution %s: %s', row['id'], e)
            if self._db.write(
                    lambda tx: self._withdraw(tx, row, target, once)):
                raise
            # An engine has it: its answer may be lost with the bus, but not
            # what it writes.
        now = executions.until_ended(
            self._conf, _Watch(self._db, self._engine, row['id']).look,
            target.timeout)
        return now._mapping if now else {}

    def _withdraw(self, tx, row, target, once):
        """Take back what no engine has begun, so that none can; whether it
        was so."""
        if not crud.delete_all(tx, _MODEL, _MODEL.id == row['id'],
                               *executions.UNTOUCHED):
            return False
        executions.uncount(tx, target, once)
        return True

    def _start(self, row, target):
        try:
            self._engine.start(row, target)
        except exception.Unavailable as e:
            # The row is there: a sweep of any engine finds it.
            LOG.warning('Execution %s waits for a sweep: %s', row['id'], e)


class _Watch:
    """Looks at an execution that some engine has, and at that engine."""

    def __init__(self, db, engine, id):
        self._db = db
        self._engine = engine
        self._id = id
        self._ask_at = 0
        self._silences = 0

    def look(self):
        """The row, ended if its engine does not live."""
        row = self._read()
        if (row is not None and row.status == ExecutionStatus.RUNNING
                and row.owner and self._is_gone(row.owner)):
            executions.finish(
                self._db, self._id, executions.fault(
                    'The engine that ran the execution does not answer.'),
                _MODEL.owner == row.owner)
            row = self._read()
        return row

    def _read(self):
        return self._db.read(lambda tx: crud.get(
            tx, context.admin(), _MODEL, id=self._id))

    def _is_gone(self, owner):
        if time.monotonic() < self._ask_at:
            return False
        # Not known is no silence: the bus itself may be down.
        silent = self._engine.lives(owner) is False
        self._silences = self._silences + 1 if silent else 0
        self._ask_at = time.monotonic() + PAUSE
        return self._silences >= SILENCES
