# SPDX-License-Identifier: Apache-2.0
"""Rows of synchronous executions, written late.

The client of a synchronous execution learns of the execution at its end, so
an execution that ends at once is one write: the row with its end.  A thread
writes the rows of longer executions, which then are visible as ``running``.
"""

import datetime
import threading
import time

from oslo_log import log

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds after which a running execution gets its row, and seconds between
#: two checks while any execution has no row.
MAX_AGE_SECONDS, CHECK_SECONDS = 0.1, 0.05


class _LateRow:
    """An execution whose row may not exist yet."""

    def __init__(self, new: records.NewExecution) -> None:
        self.new = new
        self.since = time.monotonic()
        #: Held during the write.
        self.lock = threading.Lock()
        self.is_written = False
        #: The runner writes the row with the end.
        self.is_ending = False


class LateRows:
    """Executions of one engine that may have no row yet.

    :param lease: seconds for which a new row belongs to the engine.
    """

    def __init__(self, db: session.Database, lease: float) -> None:
        self._db = db
        self._lease = datetime.timedelta(seconds=lease)
        self._rows: dict[str, _LateRow] = {}
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._is_awake = False

    def add(self, new: records.NewExecution) -> None:
        """Watch an execution without a row."""
        self._rows[new.row.id] = _LateRow(new)
        if not self._is_awake:
            self._awaken()

    def discard(self, id: str) -> None:
        """Forget an execution."""
        self._rows.pop(id, None)

    def drop(self, id: str) -> bool:
        """Never write the row of an execution that has not started.

        :returns: whether there is no row.
        """
        row = self._rows.get(id)
        if row is None:
            return False
        with row.lock:
            row.is_ending = True
        return not row.is_written

    def is_unwritten(self, id: str) -> bool:
        """Return whether an execution has no row."""
        row = self._rows.get(id)
        return row is not None and not row.is_written

    def end(self, id: str, outcome: outcomes.Outcome
            ) -> outcomes.Ended | None:
        """Write the row of an execution with its end.

        After an error, the caller may try again.

        :returns: ``None`` if the row exists.
        """
        row = self._rows.get(id)
        if row is None:
            return None
        with row.lock:
            row.is_ending = True
        if row.is_written:
            return None
        return lifecycle.insert_ended(self._db, row.new, outcome)

    def claim(self, id: str) -> bool:
        """Write the row of an execution that has not started.

        A row of the client, who gave this engine up, is claimed.

        :returns: whether the engine owns the execution.
        :raises TooManyExecutions, NotFound, Unavailable: the execution must
            not start.
        """
        row = self._rows[id]
        with row.lock:
            try:
                is_new = self._insert(row)
            except BaseException:
                row.is_ending = True
                raise
        owner = row.new.row.owner
        return is_new or owner is not None and lifecycle.claim(
            self._db, id, owner, models.now() + self._lease)

    def write(self, id: str) -> None:
        """Write the row of a running execution, unless it is written.

        :raises Unavailable: the database is away.
        """
        row = self._rows.get(id)
        if row is None:
            return
        with row.lock:
            if not row.is_written and not row.is_ending:
                self._insert(row)

    def _insert(self, row: _LateRow) -> bool:
        """Write a row; return whether there was none."""
        row.new.row.lease_until = models.now() + self._lease
        try:
            # Others must not wait for the lock of a line.
            self._db.write(lambda tx: lifecycle.insert(tx, row.new),
                           durable=False, batch=row.new.flow is None)
            is_new = True
        except crud.DuplicateEntry:
            LOG.debug('The row of execution %s exists.', row.new.row.id)
            is_new = False
        row.is_written = True
        return is_new

    def close(self) -> None:
        """Stop the thread."""
        self._stopped.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _awaken(self) -> None:
        with self._thread_lock:
            self._is_awake = True
            self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name='late-rows', daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while self._wake.wait() and not self._stopped.is_set():
            self._wake.clear()
            while self._rows and not self._stopped.wait(CHECK_SECONDS):
                self._write_old()
            self._is_awake = False
            # An execution may have come before the flag changed.
            if self._rows:
                self._awaken()

    def _write_old(self) -> None:
        limit = time.monotonic() - MAX_AGE_SECONDS
        for id, row in list(self._rows.items()):
            if row.since <= limit and not row.is_written:
                try:
                    self.write(id)
                except exception.NotFound:
                    # The row comes with the end.
                    row.is_ending = True
                    LOG.info('The function of execution %s was deleted.', id)
                except Exception as e:
                    LOG.warning('Could not write the row of execution %s; '
                                'trying again: %s', id, e)
                    return
