# SPDX-License-Identifier: Apache-2.0
"""Throttle for workers that use most of the processor time.

CPU weights are not enough: a worker with little work still waits for the time
slices of every busy worker.  While processors are short, the heaviest workers
therefore run at the idle priority of the scheduler: other workers run
immediately, and the heaviest workers still use all otherwise idle time.
"""

from collections.abc import Sequence
import os
import threading
import time
import typing

from qinling.orchestrators.process import cgroups

INTERVAL_SECONDS = 0.1
#: Shares of all processors: usage above the first starts to throttle, usage
#: below the second stops to throttle.
START_SHARE, STOP_SHARE = 0.5, 0.25
ACTIVE_PROCESSORS = 0.01   # use of a worker that is not idle
HEAVY_SHARE = 0.5          # share of the mean use of active workers


class GroupSource(typing.Protocol):
    """Owner of the control groups of claimed workers."""

    def list_claimed_groups(self) -> Sequence[cgroups.NoGroup]:
        """Return the groups of the claimed workers."""


class CpuThrottle:
    """Periodic throttling of workers, in a thread.

    :param source: owner of the control groups.
    :param total: clock of the processor time of at least all workers.
    :param closing: event that stops the thread.
    """

    def __init__(self, source: GroupSource, total: cgroups.Clock,
                 closing: threading.Event) -> None:
        self._source = source
        self._total = total
        self._closing = closing
        self._total_time = 0.0
        self._cpu_times: dict[cgroups.NoGroup, float] = {}
        self._measured_at = time.monotonic()
        self._throttled: set[cgroups.NoGroup] = set()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name='cpu-throttle',
                         daemon=True).start()

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL_SECONDS):
            self.adjust_priorities()

    def adjust_priorities(self) -> None:
        """Throttle the heavy workers, and no other workers."""
        now, total_time = time.monotonic(), self._total.read_cpu_time()
        elapsed = max(now - self._measured_at, INTERVAL_SECONDS / 10)
        total = (total_time - self._total_time) / elapsed
        self._measured_at, self._total_time = now, total_time
        # A thousand idle workers cost one measurement.
        cpu_times = {} if total < STOP_SHARE * _count_processors() else {
            group: group.read_cpu_time()
            for group in self._source.list_claimed_groups()}
        usage = {group: (seconds - self._cpu_times[group]) / elapsed
                 for group, seconds in cpu_times.items()
                 if group in self._cpu_times}
        self._cpu_times = cpu_times
        heavy = self._select_heavy(usage)
        for group in heavy ^ self._throttled:
            group.set_idle(group in heavy)
        self._throttled = heavy

    def _select_heavy(self, usage: dict[cgroups.NoGroup, float]
                      ) -> set[cgroups.NoGroup]:
        """Return the groups to throttle.

        :param usage: processors in use, by group.
        """
        total = sum(usage.values())
        processors = _count_processors()
        if total > START_SHARE * processors:
            active = [use for use in usage.values() if use > ACTIVE_PROCESSORS]
            return self._throttled & set(usage) | {
                group for group, use in usage.items()
                if use > HEAVY_SHARE * total / len(active)}
        if total < STOP_SHARE * processors:
            return set()
        return self._throttled & set(usage)


def _count_processors() -> int:
    return os.cpu_count() or 1
