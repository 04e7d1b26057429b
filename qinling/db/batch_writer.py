# SPDX-License-Identifier: Apache-2.0
"""Group commit: concurrent writers share one transaction."""

import collections
from collections.abc import Callable
import dataclasses
import threading
import typing

import sqlalchemy as sa

from qinling import exception

#: Key of the deferred increments in ``Connection.info``.
_INCREMENTS = 'qinling.increments'

Increment = Callable[[sa.Connection, int], None]


def defer_increment(tx: sa.Connection, key: tuple[typing.Any, ...],
                    number: int, increment: Increment) -> None:
    """Call ``increment(tx, sum)`` at the end of the transaction.

    ``sum`` adds up the numbers of all calls with the same key.  So a counter
    that many writers increment is locked once, briefly, and in an order that
    all transactions share.
    """
    sums = tx.info[_INCREMENTS]
    total = sums[key][0] if key in sums else 0
    sums[key] = total + number, increment


@dataclasses.dataclass(eq=False)
class QueuedWrite:
    """Queued write with the result."""

    action: Callable[[sa.Connection], typing.Any]
    durable: bool
    is_done: bool = False
    value: typing.Any = None
    error: BaseException | None = None


def run_writes(tx: sa.Connection, writes: list[QueuedWrite]) -> None:
    """Run writes within one transaction, and set their values."""
    increments: dict[typing.Any, typing.Any] = {}
    tx.info[_INCREMENTS] = increments
    for write in writes:
        write.value = write.action(tx)
    for key in sorted(increments):
        total, increment = increments[key]
        if total:
            increment(tx, total)


class BatchWriter:
    """Commits the writes of concurrent callers together.

    The first caller commits for all waiting callers; writes during a commit
    form the next transaction.  When a write fails, the writes run again in
    separate transactions, so only the faulty write fails.

    :param commit: runs a list of writes in a transaction.
    """

    def __init__(self, commit: Callable[[list[QueuedWrite]], None]) -> None:
        self._commit = commit
        self._commit_lock = threading.Lock()
        self._queue: collections.deque[QueuedWrite] = collections.deque()
        self._is_closed = False

    def submit(self, action: Callable[[sa.Connection], typing.Any],
               durable: bool) -> typing.Any:
        """Return ``action(tx)`` after the commit.

        :raises Unavailable: the writer is closed.
        """
        write = QueuedWrite(action, durable)
        self._queue.append(write)
        with self._commit_lock:
            if not write.is_done:
                self._commit_queue()
        if write.error is not None:
            raise write.error
        return write.value

    def close(self, close: Callable[[], None]) -> None:
        """Call ``close`` while no commit runs, and refuse later writes.

        SQLite would crash if a write used a connection that another thread
        closes.
        """
        with self._commit_lock:
            self._is_closed = True
            close()

    def _commit_queue(self) -> None:
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        try:
            if self._is_closed:
                raise exception.Unavailable(reason='it is stopping.')
            self._commit(batch)
        except exception.Unavailable as e:
            # The database is away; another try would only take time.
            for write in batch:
                write.error = e
        except BaseException as e:
            if len(batch) == 1:
                batch[0].error = e
            else:
                for write in batch:
                    self._commit_one(write)
        for write in batch:
            write.is_done = True

    def _commit_one(self, write: QueuedWrite) -> None:
        try:
            self._commit([write])
        except BaseException as e:
            write.error = e
