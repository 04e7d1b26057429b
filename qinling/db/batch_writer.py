# SPDX-License-Identifier: Apache-2.0
"""Transactions that many share."""

import collections
import dataclasses
import threading

from qinling import exception


def add_up(connection, key, number, action):
    """Have ``action(connection, sum)`` done at the end of a transaction, with
    the sum of what was said under ``key`` meanwhile.

    A row that many change is so changed, and locked, but once and for a
    short time; and in an order which is the same for all.
    """
    sums = connection.info.setdefault(_SUMS, {})
    before = sums[key][0] if key in sums else 0
    sums[key] = before + number, action


_SUMS = 'qinling.sums'


def perform(connection, items):
    """Do all actions in one transaction, and set their values."""
    connection.info.pop(_SUMS, None)
    for item in items:
        item.value = item.action(connection)
    sums = connection.info.pop(_SUMS, {})
    for key in sorted(sums):
        number, action = sums[key]
        if number:
            action(connection, number)


class Group:
    """Who comes first writes for all who wait: what has gathered while
    others wrote becomes one transaction (a group commit), and each caller
    returns after it.  If an action fails, all are done again one by one, so
    that it takes none with it.

    :param commit: function of a list of :class:`Item` which does them in a
        transaction, and sets their values.
    """

    def __init__(self, commit):
        self._commit = commit
        self._turn = threading.Lock()
        self._waiting = collections.deque()

    def submit(self, action, durable):
        item = Item(action, durable)
        self._waiting.append(item)
        with self._turn:
            if not item.done:
                self._work()
        if item.error is not None:
            raise item.error
        return item.value

    def close(self, end):
        """Call ``end`` when nobody writes."""
        with self._turn:
            end()

    def _work(self):
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._commit(batch)
        except exception.Unavailable as e:
            # None of them is at fault, and all have waited long enough.
            for item in batch:
                item.error = e
        except BaseException as e:
            if len(batch) == 1:
                batch[0].error = e
            else:
                # One of them is at fault: each by itself finds out which.
                for item in batch:
                    self._one(item)
        for item in batch:
            item.done = True

    def _one(self, item):
        try:
            self._commit([item])
        except BaseException as e:
            item.error = e


@dataclasses.dataclass(eq=False)
class Item:
    """An action that waits for its turn, and what came of it."""

    action: object
    durable: bool
    done: bool = False
    value: object = None
    error: BaseException | None = None
