# SPDX-License-Identifier: Apache-2.0
"""User ids of workers."""

import os
import threading


class Users:
    """User ids, a different id for each worker.

    Every process with a driver has a separate block of ids above ``first``,
    so that limits per user are limits per worker.
    """

    BLOCK, BLOCKS = 1024, 65536

    def __init__(self, first: int) -> None:
        self._first = first + os.getpid() % self.BLOCKS * self.BLOCK
        self._used: set[int] = set()
        self._lock = threading.Lock()

    def acquire_uid(self) -> int:
        """Return a free user id.

        :raises StopIteration: all ids are in use.
        """
        with self._lock:
            uid = next(number for number in range(
                self._first, self._first + self.BLOCK)
                if number not in self._used)
            self._used.add(uid)
        return uid

    def release_uid(self, uid: int) -> None:
        """Free a user id."""
        with self._lock:
            self._used.discard(uid)
