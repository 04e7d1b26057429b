# SPDX-License-Identifier: Apache-2.0
"""Which new executions are accepted: the limits of what runs at once."""

import collections
import contextlib
import threading
import time

from qinling.core.execution import concurrency
from qinling.db import models
from qinling.db import queries
from qinling import exception

_MODEL = models.Execution
#: Waits for an engine.
_WAITS = _MODEL.owner.is_(None) & _MODEL.sync.is_(False)
#: Waits or runs; what waits for its next attempt does neither.
_LIVES = (_MODEL.lease_until.is_not(None), _MODEL.next_attempt_at.is_(None))
_QUEUE = object()
#: Seconds after which the database is asked again at the latest.
AGE = 1
#: How many times as long as a question took the next one is put off.
PAUSE = 10
RETRY_AFTER = 1


class Admission:
    """Keeps the limits for one process that accepts executions.

    With a limit, the database is asked once in a second how much there is,
    and what this process accepts is added meanwhile.  When that is too much,
    it is asked again before anything is refused.
    """

    def __init__(self, conf, db):
        self._limits = conf.resource_limits
        self._db = db
        self._shares = concurrency.Shares(conf.api.threads)
        self._lock = threading.Lock()
        self._counts = collections.Counter()
        #: What was accepted and may not be in the database yet.
        self._pending = collections.Counter()
        self._asked = self._next = 0

    @contextlib.contextmanager
    def slot(self, target):
        """One of the threads of this process, for as long as it takes.

        :raises TooManyExecutions: the function or its project would leave
            too few of them to others.
        """
        with self._shares.one(
                target.project_id, target.function_id,
                exception.TooManyExecutions(
                    what=f'Function {target.function_id}, or its project,',
                    limit='its share of this API process',
                    retry_after=RETRY_AFTER)):
            yield

    @contextlib.contextmanager
    def counted(self, target, sync):
        """Around the writing of an execution.

        :raises TooManyExecutions, Unavailable: there are too many.
        """
        limits = self._of(target, sync)
        if not limits:
            yield
            return
        with self._lock:
            self._check(limits)
            self._counts.update(limits.keys())
            self._pending.update(limits.keys())
        try:
            yield
        finally:
            with self._lock:
                self._pending.subtract(limits.keys())

    def _of(self, target, sync):
        """What counts it -> how many there may be."""
        found = {target.project_id: self._limits.project_executions,
                 (target.function_id,): self._limits.function_executions,
                 _QUEUE: 0 if sync else self._limits.queue_length}
        return {key: limit for key, limit in found.items() if limit}

    def _check(self, limits):
        if time.monotonic() >= self._asked + AGE:
            self._ask()
        if self._full(limits) and time.monotonic() >= self._next:
            self._ask()
        key = self._full(limits)
        if key is _QUEUE:
            raise exception.Unavailable(
                reason=f'{limits[key]} executions wait already; try again '
                       'later.')
        if key is not None:
            what = (f'Function {key[0]}' if isinstance(key, tuple)
                    else f'Project {key}')
            raise exception.TooManyExecutions(
                what=what, limit=limits[key], retry_after=RETRY_AFTER)

    def _full(self, limits):
        return next((key for key, limit in limits.items()
                     if self._counts[key] >= limit), None)

    def _ask(self):
        begun = time.monotonic()
        self._pending = +self._pending
        found = collections.Counter(self._pending)
        for project_id, function_id, waits, number in self._db.read(
                lambda tx: queries.tally(
                    tx, (_MODEL.project_id, _MODEL.function_id, _WAITS),
                    *_LIVES)):
            found[project_id] += number
            found[(function_id,)] += number
            if waits:
                found[_QUEUE] += number
        self._counts = found
        self._asked = time.monotonic()
        self._next = self._asked + PAUSE * (self._asked - begun)
