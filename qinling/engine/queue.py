# SPDX-License-Identifier: Apache-2.0
"""The asynchronous executions that wait in one engine, and its threads."""

import collections
import threading

from oslo_log import log

from qinling.core.execution import concurrency
from qinling import exception

LOG = log.getLogger(__name__)


class FairQueue:
    """Runs what it is given, as many at a time as there are threads.

    Projects take turns, and within a project its functions.  None of them
    takes the last threads, see :mod:`qinling.core.execution.concurrency`: what would, waits
    without one.

    :param threads: how many there are at most; they are made on demand.
    :param run: function of what was put.
    """

    def __init__(self, threads, run):
        self._most = threads
        self._run = run
        self._shares = concurrency.Shares(threads)
        self._changed = threading.Condition()
        #: project id -> function id -> what waits, in the order of turns
        self._waiting = {}
        self._number = 0
        self._threads = 0
        self._idle = 0
        self._closed = False

    def put(self, project_id, function_id, *work):
        """Have ``run(*work)`` called when it is its turn.

        :raises Unavailable: the queue was closed.
        """
        with self._changed:
            if self._closed:
                raise exception.Unavailable(reason='the engine is stopping.')
            self._waiting.setdefault(project_id, {}).setdefault(
                function_id, collections.deque()).append(work)
            self._number += 1
            if self._number > self._idle and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name='execution',
                                 daemon=True).start()
            self._changed.notify()

    def close(self):
        """Begin nothing more; what waits is forgotten."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self):
        while (turn := self._next()) is not None:
            project_id, function_id, work = turn
            try:
                self._run(*work)
            except Exception:
                LOG.exception('An execution is left to a sweep.')
            finally:
                with self._changed:
                    self._shares.give(project_id, function_id)
                    # What had to leave threads to others may take one now.
                    self._changed.notify()

    def _next(self):
        with self._changed:
            while not self._closed:
                turn = self._take()
                if turn is not None:
                    return turn
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
        return None

    def _take(self):
        """The first of those that may, who then goes behind all others."""
        for project_id, functions in self._waiting.items():
            if not self._shares.open(project_id):
                continue
            for function_id, works in functions.items():
                if self._shares.take(project_id, function_id):
                    work = works.popleft()
                    self._number -= 1
                    del self._waiting[project_id], functions[function_id]
                    if works:
                        functions[function_id] = works
                    if functions:
                        self._waiting[project_id] = functions
                    return project_id, function_id, work
        return None
