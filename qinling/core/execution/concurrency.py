# SPDX-License-Identifier: Apache-2.0
"""Concurrency limiter that leaves slots to other functions and projects."""

import collections
import threading
import typing

#: Slots that one function, and one project, may hold for each free slot.
FUNCTION_RATIO, PROJECT_RATIO = 2, 3


class ConcurrencyLimiter:
    """Fair limiter of executions, for instance over threads.

    A function acquires another slot only while the function holds fewer than
    twice the free slots, and a project fewer than three times.  So a single
    function uses two thirds of all slots, a single project three quarters;
    several busy functions soon hold equal numbers, and some slots stay free.
    Executions that run already are not interrupted.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._acquired: collections.Counter[typing.Hashable] = (
            collections.Counter())
        self._lock = threading.Lock()

    def has_room(self, project_id: str, function_id: str | None = None,
                 waiting: int = 0) -> bool:
        """Return whether a project, and a function, may hold a slot more.

        :param waiting: slots that the function will acquire before.
        """
        free = self._free - waiting
        return (self._acquired[project_id] + waiting < PROJECT_RATIO * free
                and (function_id is None or self._acquired[
                    project_id, function_id] + waiting
                    < FUNCTION_RATIO * free))

    def acquire(self, project_id: str, function_id: str) -> bool:
        """Acquire a slot.

        :returns: whether the function and its project were within limits.
        """
        with self._lock:
            key = project_id, function_id
            if not self.has_room(project_id, function_id):
                return False
            self._free -= 1
            self._acquired[key] += 1
            self._acquired[project_id] += 1
            return True

    def release(self, project_id: str, function_id: str) -> None:
        """Release a slot."""
        with self._lock:
            self._free += 1
            for key in ((project_id, function_id), project_id):
                self._acquired[key] -= 1
                if not self._acquired[key]:
                    del self._acquired[key]


class Slot:
    """Slot of a limiter within a ``with`` block.

    A generator would take five times as many calls per execution.
    """

    def __init__(self, limiter: ConcurrencyLimiter, project_id: str,
                 function_id: str) -> None:
        self._limiter = limiter
        self._key = project_id, function_id

    def create_rejection(self) -> Exception:
        """Return the exception to raise without a slot."""
        raise NotImplementedError

    def __enter__(self) -> None:
        if not self._limiter.acquire(*self._key):
            raise self.create_rejection()

    def __exit__(self, *_error: object) -> None:
        self._limiter.release(*self._key)
