# SPDX-License-Identifier: Apache-2.0
"""Engines without workers, for tests of the flow control."""

import collections
import heapq
import json
import threading

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import reaper
from qinling.engine.run import completion
from qinling.states import ExecutionStatus


class Crash(BaseException):
    """The engine dies."""


class Hall:
    """Executions that run at the moment, by key, and all that have run."""

    def __init__(self):
        self._lock = threading.Lock()
        self.running = collections.defaultdict(set)
        self.greatest = collections.Counter()
        self.order = collections.defaultdict(list)

    def enter(self, key, id):
        with self._lock:
            self.running[key].add(id)
            self.order[key].append(id)
            self.greatest[key] = max(self.greatest[key],
                                     len(self.running[key]))

    def leave(self, key, id):
        with self._lock:
            self.running[key].discard(id)


class Peer:
    """Engine with the shipped reaper and completion, and its own database.

    :param fate: called with the name of a step; may raise :class:`Crash`.
    """

    #: Executions that the engine claims in one turn, all without a limit.
    max_claims: int | None = None

    def __init__(self, conf, db, hall, name, fate=lambda step: None):
        self.conf = conf
        self.db = db
        self.hall = hall
        self.name = name
        self.fate = fate
        self.queue = collections.deque()
        self.timers = []
        self.completion = completion.Completion(conf, db, self, self)
        self.reaper = reaper.Reaper(conf, db, name, self.completion, self)

    def start(self, message, target):
        """Queue a message: what the bus and the engine do."""
        if message.start_at is not None:
            self.schedule(message.start_at, message.id)
        else:
            self.queue.append((message, target))

    def cancel(self, id):
        """Stop nothing: the runs of this engine end at once."""

    def schedule(self, at, id):
        heapq.heappush(self.timers, (at, id))

    def local_ids(self):
        return [message.id for message, _target in self.queue]

    def count_free_bytes(self):
        return 1 << 30

    def turn(self):
        """Sweep, start what is due, and run what is queued."""
        self.fate('sweep')
        self.reaper.run()
        while self.timers and self.timers[0][0] <= models.now():
            at, id = heapq.heappop(self.timers)
            self.fate('timer')
            self.reaper.resume(id, at)
        claimed = []
        try:
            for _ in range(min(len(self.queue),
                               self.max_claims or len(self.queue))):
                claimed += self.begin(*self.queue.popleft())
            while claimed:
                self.fate('end')
                message, target, key = claimed.pop(0)
                self.hall.leave(key, message.id)
                self.end(message, target)
        except Crash:
            # The process and its workers are dead.
            for message, _target, key in claimed:
                self.hall.leave(key, message.id)
            raise

    def begin(self, message, target):
        """Claim an execution, and run its function."""
        self.fate('claim')
        if not lifecycle.claim(self.db, message.id, self.name,
                               self.reaper._lease_until()):
            return []
        key = json.loads(message.input)['key']
        self.hall.enter(key, message.id)
        return [(message, target, key)]

    def end(self, message, target):
        """Write the end, then start what waited for the end."""
        end = self.completion.conclude(
            message.id, message.mark(outcomes.Outcome(
                ExecutionStatus.SUCCESS, '{}')), target,
            lifecycle.OWNED_BY_ME, params={'me': self.name})
        self.fate('ended')
        self.completion.start_next(end)

    def expire_leases(self):
        """End the leases of this dead engine, and of unclaimed executions.
        """
        row = models.Execution
        self.db.write(lambda tx: crud.update_all(
            tx, row, {'lease_until': models.now()},
            row.lease_until.is_not(None), row.next_attempt_at.is_(None),
            row.owner.is_(None) | (row.owner == self.name)))
