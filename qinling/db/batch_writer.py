# SPDX-License-Identifier: Apache-2.0
"""Group commit: concurrent writers share one transaction."""

import abc
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
    """Queued write with the result.

    ``turn`` is locked until the write is done, or has to lead.
    """

    action: Callable[[sa.Connection], typing.Any]
    durable: bool
    turn: 'threading.Lock | None' = None
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


class BatchWriter(abc.ABC):
    """Commits the writes of concurrent callers together.

    The first caller leads: it commits for all waiting callers.  Writes during
    a commit form the next transaction, and the first of them leads.  Only the
    next leader waits for the last commit, so that commits follow each other
    while the callers of earlier ones still wake up.  When a write fails, the
    writes run again in separate transactions, so only the faulty write fails.
    """

    def __init__(self) -> None:
        #: Held by the leader, who may release it in another thread.
        self._leader = threading.Lock()
        self._queue: collections.deque[QueuedWrite] = collections.deque()
        self._is_closed = False

    @abc.abstractmethod
    def commit(self, writes: list[QueuedWrite]) -> None:
        """Run writes in a transaction."""

    def submit(self, action: Callable[[sa.Connection], typing.Any],
               durable: bool) -> typing.Any:
        """Return ``action(tx)`` after the commit.

        :raises Unavailable: the writer is closed.
        """
        write = QueuedWrite(action, durable)
        if self._leader.acquire(False):
            self._lead(write)
        else:
            write.turn = threading.Lock()
            write.turn.acquire()
            self._queue.append(write)
            # The leader may have ended before the write was in the queue.
            self._elect()
            write.turn.acquire()
            if not write.is_done:
                self._lead(self._queue.popleft())
        if write.error is not None:
            raise write.error
        return write.value

    def close(self) -> None:
        """Wait for the end of a commit, and refuse later writes."""
        with self._leader:
            self._is_closed = True
        self._elect()

    def _elect(self) -> None:
        """Let the first write of the queue lead, if there is no leader."""
        while self._queue and self._leader.acquire(False):
            try:
                turn = self._queue[0].turn
            except IndexError:  # another leader was faster
                self._leader.release()
                continue
            if turn is not None:
                turn.release()
            return

    def _lead(self, first: QueuedWrite) -> None:
        """Commit a write and the queue, then pass on the leadership."""
        batch = [first]
        if self._queue:
            batch += [self._queue.popleft() for _ in range(len(self._queue))]
        self._commit_batch(batch)
        for write in batch:
            write.is_done = True
            if write is not first and write.turn is not None:
                write.turn.release()
        self._leader.release()
        if self._queue:
            self._elect()

    def _commit_batch(self, batch: list[QueuedWrite]) -> None:
        try:
            if self._is_closed:
                raise exception.Unavailable(reason='it is stopping.')
            self.commit(batch)
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

    def _commit_one(self, write: QueuedWrite) -> None:
        try:
            self.commit([write])
        except BaseException as e:
            write.error = e
