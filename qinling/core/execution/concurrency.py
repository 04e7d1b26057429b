# SPDX-License-Identifier: Apache-2.0
"""Slots that many share, none of whom may leave the others without."""

import collections
import contextlib
import threading

#: How many times as many slots as are free one function may hold, and one
#: project with all of its functions: alone two and three quarters of all.
FUNCTION, PROJECT = 2, 3


class Shares:
    """Slots for executions, such as threads.

    Whoever takes one must leave some: a function takes another only while
    it holds fewer than twice the free ones, and a project fewer than three
    times.  Nobody has to say beforehand how many there are to share: of many
    who want as many as they can get, each soon has the same number, and some
    are free.  Until what the first of them hold has ended, the later ones
    get less.
    """

    def __init__(self, slots):
        self._free = slots
        self._held = collections.Counter()
        self._lock = threading.Lock()

    def open(self, project_id):
        """Whether a project may hold one more."""
        return self._held[project_id] < PROJECT * self._free

    def take(self, project_id, function_id):
        """Take a slot; whether there was one for this function."""
        with self._lock:
            key = project_id, function_id
            if not (self.open(project_id)
                    and self._held[key] < FUNCTION * self._free):
                return False
            self._free -= 1
            self._held[key] += 1
            self._held[project_id] += 1
            return True

    def give(self, project_id, function_id):
        """Give a slot back."""
        with self._lock:
            self._free += 1
            for key in ((project_id, function_id), project_id):
                self._held[key] -= 1
                if not self._held[key]:
                    del self._held[key]

    @contextlib.contextmanager
    def one(self, project_id, function_id, refusal):
        """A slot for a while.

        :param refusal: the exception to raise when there is none.
        """
        if not self.take(project_id, function_id):
            raise refusal
        try:
            yield
        finally:
            self.give(project_id, function_id)
