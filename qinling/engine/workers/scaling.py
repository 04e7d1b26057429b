# SPDX-License-Identifier: Apache-2.0
"""Choice of the worker for an execution: slots, growth, shrinkage.

Workers with the same fingerprint of the same function form a worker set, with
a slot for each simultaneous execution.  A caller without a free slot grows the
set, or waits for a starting worker.
"""

from collections.abc import Sequence
import operator
import threading
import time
import typing

from oslo_log import log

from qinling.core import targets
from qinling.engine.workers import worker_set
from qinling import exception
from qinling.orchestrators import base

LOG = log.getLogger(__name__)

#: Seconds between two tries of an exhausted orchestrator, and for workers to
#: start before a set shrinks.
RETRY_SECONDS, SETTLE_SECONDS = 1, 60


class NoWorker(Exception):
    """No worker was free in time; the message says why."""


class Scaling:
    """Assigns slots to executions.

    :param slots: executions that one worker runs at once.
    """

    def __init__(self, slots: int, source: worker_set.WorkerSource) -> None:
        self._slots, self._source = slots, source
        self._lock = threading.Lock()
        self._sets: dict[typing.Hashable, worker_set.WorkerSet] = {}
        self._starving: set[worker_set.WorkerSet] = set()
        self.evictions = 0

    def acquire_slot(self, target: targets.Target, deadline: float
                     ) -> worker_set.LoadedWorker:
        """Return a worker with one slot reserved for the caller.

        The caller gives the slot back with :meth:`release_slot`.

        :param deadline: time of ``time.monotonic()``.
        :raises NoWorker: no worker was free in time.
        :raises OutOfReach: there is no worker, and none can start now.
        :raises PermanentError: the target can have no worker.
        """
        reason = 'all workers of the function are busy'
        while True:
            with self._lock:
                workers = self._set_of(target)
                loaded = self._wait_for_slot(workers, deadline, reason)
                if loaded is not None:
                    return loaded
                workers.starting += 1
            try:
                return self._grow(workers, busy_slots=1)
            except exception.TemporaryError as e:
                reason = str(e)
                has_room = not isinstance(e, exception.NoRoom)
                if (isinstance(e, exception.OutOfReach)
                        and not workers.count_ready()):
                    raise
            if has_room or not self.evict(target):
                self._starve(workers, deadline)

    def _wait_for_slot(self, workers: worker_set.WorkerSet, deadline: float,
                       reason: str) -> worker_set.LoadedWorker | None:
        """Return a worker with a reserved slot.

        :returns: ``None`` when the caller has to grow the set.
        """
        while True:
            loaded = workers.busiest_with_free_slot(self._slots)
            if loaded is not None:
                loaded.busy_slots += 1
                return loaded
            if workers.starting * self._slots <= workers.waiting:
                if time.monotonic() >= deadline:
                    raise NoWorker(reason)
                return None
            workers.waiting += 1
            try:
                if not workers.slot_freed.wait(deadline - time.monotonic()):
                    raise NoWorker(reason)
            finally:
                workers.waiting -= 1

    def _grow(self, workers: worker_set.WorkerSet, busy_slots: int
              ) -> worker_set.LoadedWorker:
        try:
            worker = self._source.start(workers.target)
        except BaseException:
            with self._lock:
                workers.finish_start()
                # A caller that waits for this worker has to try itself.
                workers.slot_freed.notify()
            raise
        loaded = worker_set.LoadedWorker(
            worker, workers, busy_slots, time.monotonic())
        with self._lock:
            workers.workers.append(loaded)
            workers.finish_start()
            self._sets.setdefault(_key(workers.target), workers)
            workers.slot_freed.notify(self._slots - busy_slots)
        return loaded

    def evict(self, target: targets.Target | None = None,
              provisioned: bool = True) -> bool:
        """Destroy the worker that was idle longest.

        :param target: the workers of the target remain.
        :param provisioned: provisioned workers may end, too, if no other
            worker is idle: work that waits goes first.
        :returns: whether any worker was idle.
        """
        with self._lock:
            idle = [row for key, workers in self._sets.items()
                    for row in workers.workers if not row.busy_slots
                    and not (target and key == _key(target))]
            surplus = [row for row in idle if len(row.worker_set.workers)
                       > row.worker_set.minimum]
            if surplus or not provisioned:
                idle = surplus
            if not idle:
                return False
            loaded = min(idle, key=operator.attrgetter('idle_since'))
            self._remove(loaded)
            self.evictions += 1
        LOG.info('Evicting idle worker %s.', loaded.worker.name)
        self._source.release(loaded.worker)
        return True

    def _starve(self, workers: worker_set.WorkerSet, deadline: float) -> None:
        with self._lock:
            self._starving.add(workers)
            workers.waiting += 1
            try:
                workers.slot_freed.wait(max(0, min(
                    RETRY_SECONDS, deadline - time.monotonic())))
            finally:
                workers.waiting -= 1
                if not workers.waiting:
                    self._starving.discard(workers)

    def release_slot(self, loaded: worker_set.LoadedWorker,
                     is_broken: bool = False, is_lost: bool = False
                     ) -> base.ExitReason | None:
        """Give a slot back; a broken worker is destroyed.

        :param is_lost: the connection broke; find out why.
        :returns: what the orchestrator knows about a lost worker.
        """
        with self._lock:
            loaded.busy_slots -= 1
            loaded.retiring = loaded.retiring or is_broken
            loaded.idle_since = time.monotonic()
            ends = loaded.retiring and (is_broken or not loaded.busy_slots)
            ends = ends and self._remove(loaded)
            if loaded.worker_set.waiting:
                loaded.worker_set.slot_freed.notify()
            if self._starving and not loaded.busy_slots:
                for workers in self._starving:
                    workers.slot_freed.notify()
        if is_lost:
            return self._source.release(loaded.worker, disconnected=True)
        if ends:
            self._source.release(loaded.worker)
        return None

    def retire(self, worker: base.Worker, *workers: base.Worker) -> None:
        """Retire dead and outdated workers."""
        names = {row.name for row in (worker, *workers)}
        self._retire([row for row in self.list_workers()
                      if row.worker.name in names])

    def busy_workers(self) -> list[base.Worker]:
        """Return the workers that run executions."""
        return [row.worker for row in self.list_workers() if row.busy_slots]

    def list_workers(self) -> list[worker_set.LoadedWorker]:
        with self._lock:
            return [loaded for workers in self._sets.values()
                    for loaded in workers.workers]

    def _remove(self, loaded: worker_set.LoadedWorker) -> bool:
        """Remove a worker from its set.

        :returns: whether the worker was in the set.
        """
        workers = loaded.worker_set
        if loaded not in workers.workers:
            return False
        workers.workers.remove(loaded)
        if not (workers.workers or workers.starting or workers.waiting):
            self._sets.pop(_key(workers.target), None)
        return True

    def _set_of(self, target: targets.Target) -> worker_set.WorkerSet:
        workers = self._sets.get(_key(target))
        if workers is None:
            workers = self._sets[_key(target)] = worker_set.WorkerSet(
                target, self._lock)
        return workers

    def scale_up(self, target: targets.Target) -> None:
        """Add one worker; idle workers, unless provisioned, make room.

        :raises TemporaryError: no worker is free at the moment.
        """
        while True:
            with self._lock:
                workers = self._set_of(target)
                workers.starting += 1
            try:
                self._grow(workers, busy_slots=0)
                return
            except exception.NoRoom:
                # Other errors would not end with further room.
                if not self.evict(target, provisioned=False):
                    raise

    def scale_down(self, target: targets.Target, count: int, keep: int = 1
                   ) -> None:
        """Retire up to ``count`` workers, idle ones first; ``keep`` remain.

        Wait for starting workers, which users see already.
        """
        with self._lock:
            workers = self._set_of(target)
            workers.settled.wait_for(lambda: not workers.starting,
                                     SETTLE_SECONDS)
            ready = sorted(
                (loaded for loaded in workers.workers if not loaded.retiring),
                key=operator.attrgetter('busy_slots', 'idle_since'))
            retired = ready[:max(0, min(count, len(ready) - keep))]
        self._retire(retired)

    def detach(self, function_id: str, version: int | None) -> None:
        """Retire the workers of a version, of all versions if ``None``."""
        with self._lock:
            retired = [
                loaded for workers in self._sets.values()
                if workers.target.function_id == function_id
                and version in (None, workers.target.version)
                for loaded in workers.workers]
        self._retire(retired)

    def expire_idle(self, seconds: float) -> None:
        """Destroy the workers that were idle for ``seconds``."""
        limit = time.monotonic() - seconds
        expired = []
        with self._lock:
            for workers in self._sets.values():
                idle = [loaded for loaded in workers.workers
                        if not loaded.busy_slots
                        and loaded.idle_since <= limit]
                surplus = max(0, len(workers.workers) - workers.minimum)
                expired += idle[:surplus]
        self._retire(expired)

    def set_minimums(self, minimums: Sequence[tuple[targets.Target, int]]
                     ) -> list[targets.Target]:
        """Set the workers to keep warm; other sets have no minimum.

        :returns: the target of each missing worker.
        """
        missing = []
        with self._lock:
            for workers in self._sets.values():
                workers.minimum = 0
            for target, minimum in minimums:
                workers = self._set_of(target)
                workers.minimum = minimum
                count = minimum - workers.count_ready() - workers.starting
                missing += [target] * max(0, count)
        return missing

    def _retire(self, retired: Sequence[worker_set.LoadedWorker]) -> None:
        idle = []
        with self._lock:
            for loaded in retired:
                loaded.retiring = True
                if not loaded.busy_slots and self._remove(loaded):
                    idle.append(loaded.worker)
        for worker in idle:
            self._source.release(worker)


def _key(target: targets.Target) -> typing.Hashable:
    return target.function_key + target.fingerprint
