# SPDX-License-Identifier: Apache-2.0
"""Admission of new executions: limits on executions at the same time."""

import collections
from collections.abc import Iterator
import contextlib
import threading
import time

from oslo_config import cfg

from qinling.core.execution import concurrency
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import execution_scans
from qinling.db import flow_queries
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception

_MODEL = models.Execution
_IS_QUEUED = _MODEL.owner.is_(None) & _MODEL.sync.is_(False)
#: Conditions of a queued or running execution; an execution that waits for
#: its next attempt is neither.
_IS_ACTIVE = (execution_scans.HAS_LEASE, _MODEL.next_attempt_at.is_(None))
#: Key of the count of queued executions.
_QUEUE = ('queue', '')
#: Seconds after which the counts are read again.
MAX_AGE_SECONDS = 1
#: Pause between two reads, in multiples of the duration of a read.
PAUSE_RATIO = 10
RETRY_AFTER_SECONDS = 1

_Key = tuple[str, str]
#: Answer of :meth:`Admission.admit` without a limit.
NO_LIMITS = contextlib.nullcontext()


class ThreadSlot(concurrency.Slot):
    """Thread of this process for an execution."""

    def create_rejection(self) -> Exception:
        """Return the exception to raise without a thread."""
        _project_id, function_id = self._key
        return exception.TooManyExecutions(
            what=f'Function {function_id}, or its project,',
            limit='its share of this API process',
            retry_after=RETRY_AFTER_SECONDS)


class Admission:
    """Admission of executions in a process.

    With a limit configured, the process reads the counts from the database
    once per second and adds its own executions in between.  Before a
    rejection, the process reads the counts again.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._options = conf.resource_limits
        self._db = db
        self._limiter = concurrency.ConcurrencyLimiter(conf.api.threads)
        self._lock = threading.Lock()
        self._counts: collections.Counter[_Key] = collections.Counter()
        #: Executions accepted here that the database may not have yet.
        self._pending: collections.Counter[_Key] = collections.Counter()
        self._read_at = self._next_read = 0.0

    def thread(self, target: targets.Target | records.ExecutionRow
               ) -> concurrency.Slot:
        """Return a context manager that occupies a thread of this process.

        Entering raises ``TooManyExecutions`` when function or project would
        leave too few threads to other functions.
        """
        return ThreadSlot(self._limiter, target.project_id,
                          target.function_id)

    def admit(self, target: targets.Target, sync: bool
              ) -> contextlib.AbstractContextManager[None]:
        """Return a context manager that counts an execution.

        Entering raises ``TooManyExecutions`` or ``Unavailable`` when a limit
        is reached.
        """
        limits = self._limits(target, sync)
        return self._count(limits) if limits else NO_LIMITS

    @contextlib.contextmanager
    def _count(self, limits: dict[_Key, int]) -> Iterator[None]:
        with self._lock:
            self._check(limits)
            self._counts.update(limits.keys())
            self._pending.update(limits.keys())
        try:
            yield
        finally:
            with self._lock:
                self._pending.subtract(limits.keys())

    def _limits(self, target: targets.Target, sync: bool) -> dict[_Key, int]:
        """Return the limit of each count that the execution increases."""
        options, limits = self._options, {}
        if limit := options.project_executions:
            limits[_project_key(target.project_id)] = limit
        if limit := options.function_executions:
            limits[_function_key(target.function_id)] = limit
        if not sync and (limit := options.queue_length):
            limits[_QUEUE] = limit
        return limits

    def _check(self, limits: dict[_Key, int]) -> None:
        if time.monotonic() >= self._read_at + MAX_AGE_SECONDS:
            self._read_counts()
        if self._full_key(limits) and time.monotonic() >= self._next_read:
            self._read_counts()
        key = self._full_key(limits)
        if key is None:
            return
        if key == _QUEUE:
            raise exception.Unavailable(
                reason=f'{limits[key]} executions wait already; try again '
                       'later.')
        raise exception.TooManyExecutions(
            what=' '.join(key), limit=limits[key],
            retry_after=RETRY_AFTER_SECONDS)

    def _full_key(self, limits: dict[_Key, int]) -> _Key | None:
        return next((key for key, limit in limits.items()
                     if self._counts[key] >= limit), None)

    def _read_counts(self) -> None:
        start = time.monotonic()
        self._pending = +self._pending
        counts = collections.Counter(self._pending)
        # With the project first, SQLite would read the table in the order of
        # projects, however few executions are active.
        rows = self._db.read(lambda tx: queries.count_by(
            tx, (_IS_QUEUED, _MODEL.project_id, _MODEL.function_id),
            *_IS_ACTIVE))
        if self._options.queue_length:
            counts[_QUEUE] += self._db.read(flow_queries.count_waiting)
        for is_queued, project_id, function_id, number in rows:
            counts[_project_key(project_id)] += number
            counts[_function_key(function_id)] += number
            if is_queued:
                counts[_QUEUE] += number
        self._counts = counts
        self._read_at = time.monotonic()
        self._next_read = self._read_at + PAUSE_RATIO * (
            self._read_at - start)


def _project_key(id: str) -> _Key:
    return 'Project', id


def _function_key(id: str) -> _Key:
    return 'Function', id
