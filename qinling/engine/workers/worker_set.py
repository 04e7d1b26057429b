# SPDX-License-Identifier: Apache-2.0
"""Workers that have loaded the same fingerprint of the same function."""

import dataclasses
import threading
import typing

from qinling.core import targets
from qinling.orchestrators import base


class WorkerSource(typing.Protocol):
    """Source of workers that have loaded a target."""

    def start(self, target: targets.Target) -> base.Worker:
        """Return a worker that has loaded a target.

        :raises TemporaryError: no worker is free at the moment.
        :raises PermanentError: the target can have no worker.
        """

    def release(self, worker: base.Worker, disconnected: bool = False
                ) -> base.ExitReason | None:
        """Destroy a worker.

        :param disconnected: find out why the worker died.
        """


@dataclasses.dataclass(eq=False)
class LoadedWorker:
    """A worker in its set; ``busy_slots`` executions run on the worker.

    ``idle_since`` is a time of ``time.monotonic()``.
    """

    worker: base.Worker
    worker_set: 'WorkerSet'
    busy_slots: int = 0
    idle_since: float = 0.0
    #: A retiring worker takes no execution, and ends with its last one.
    retiring: bool = False
    #: An idle worker whose reservation was lowered.
    resting: bool = False


class WorkerSet:
    """Workers of one fingerprint, guarded by the lock of ``Scaling``."""

    def __init__(self, target: targets.Target, lock: threading.Lock) -> None:
        self.target = target
        self.workers: list[LoadedWorker] = []
        #: Workers that neither expire nor give way to another function.
        self.minimum = 0
        self.starting = 0
        self.waiting = 0
        #: Notified when a slot may be free.
        self.slot_freed = threading.Condition(lock)
        #: Notified when no worker is starting.
        self.settled = threading.Condition(lock)

    def finish_start(self) -> None:
        """Count down the starting workers, after success or failure."""
        self.starting -= 1
        if not self.starting:
            self.settled.notify_all()

    def busiest_with_free_slot(self, slots: int) -> LoadedWorker | None:
        """Return the busiest worker with a free slot.

        The idle workers then stay idle, and expire.
        """
        busiest = None
        for loaded in self.workers:
            if not loaded.retiring and loaded.busy_slots < slots and (
                    busiest is None
                    or loaded.busy_slots > busiest.busy_slots):
                busiest = loaded
        return busiest

    def count_ready(self) -> int:
        """Return the number of workers that are not retiring."""
        return sum(not loaded.retiring for loaded in self.workers)
