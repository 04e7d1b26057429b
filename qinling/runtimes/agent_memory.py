# SPDX-License-Identifier: Apache-2.0
"""Memory of executions: usage, and kills by the kernel.

RLIMIT_DATA counts reserved memory, such as the stacks of threads and the
buffers of numeric libraries, of which programs use a small part.  The agent
therefore measures the used memory of an executor and its descendants while an
execution runs.  Control groups, where available, limit all memory of a worker.
"""

from __future__ import annotations

import os
import resource
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    import agent_processes

# Memory of the kernel and priorities, which functions do not need.
FIXED_LIMITS = {resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 1 << 16,
                resource.RLIMIT_MSGQUEUE: 1 << 16,
                resource.RLIMIT_SIGPENDING: 1024,
                resource.RLIMIT_RTPRIO: 0, resource.RLIMIT_NICE: 0}
# Seconds between measurements: short at first, then with little overhead, and
# of a process that stands still.
MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS = 0.02, 0.1
STILL_INTERVAL_SECONDS = 0.25
COST_FACTOR = 4  # least interval, in durations of the last measurement
PAGE_BYTES = resource.getpagesize()
INSPECTED_PAGES = (8 << 20) // PAGE_BYTES  # growth until an inspection
ANONYMOUS_SHARED = b'/dev/zero (deleted)'  # name of a mapping
MAX_PROCESSES = 1000  # to measure
EVENTS_BYTES = 4096
STATUS_BYTES = 8192


class MemoryWatch:
    """Meter of the memory of executions.

    Measurements miss short peaks.  So a soft limit of the reserved memory
    follows the part of the reserved memory that is not in use.

    :param tree: process tree of the agent.
    :param limit: bytes of an executor with its descendants.
    :param slack: bytes that an executor may reserve between two measurements,
        beside its memory; 0 for no soft limit.
    """

    def __init__(self, tree: agent_processes.ProcessTree, limit: int,
                 slack: int = 0) -> None:
        self._tree = tree
        self._limit = limit
        self._slack = slack
        #: pid -> pages of shared memory, and private bytes among the pages,
        #: at the last inspection.
        self._shared: dict[int, tuple[int, int]] = {}

    def is_exceeded(self, pid: int, deadline: float) -> bool:
        """Return whether an executor exceeds its memory.

        :param deadline: monotonic seconds, after which the measurement ends:
            many processes may keep the agent from the processor.
        """
        pids = self._tree.list_descendants(pid, MAX_PROCESSES)
        used = memory_files(take_before(deadline, pids)) + sum(
            map(self._read_shared, take_before(deadline, pids)))
        if used + sum(map(read_anonymous, take_before(deadline, pids))
                      ) <= self._limit:
            return False
        # Processes share pages after a fork.
        return len(pids) == 1 or used + sum(map(
            read_proportional, take_before(deadline, pids))) > self._limit

    def set_soft_limit(self, pid: int, lower: bool) -> None:
        """Limit the reserved memory of an executor.

        :param lower: also lower the present limit.
        """
        if not self._slack:
            return
        private, _shared, reserved = read_pages(pid)
        value = ((reserved - private) * PAGE_BYTES + self._limit
                 + self._slack)
        try:
            soft, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            if value > soft or lower:
                resource.prlimit(pid, resource.RLIMIT_DATA,
                                 (min(value, hard), hard))
        except OSError:
            pass  # the process has ended

    def read_activity(self, pid: int) -> list[bytes] | None:
        """Return what changes when an executor works or grows.

        :returns: processor time and pages, ``None`` with descendants.
        """
        if len(self._tree.list_descendants(pid, 1)) > 1:
            return None
        try:
            with open('/proc/%d/stat' % pid, 'rb', 0) as file:
                fields = file.read(STATUS_BYTES).rpartition(b')')[2].split()
        except OSError:
            return None  # the process has ended
        return fields[11:13] + fields[20:22]

    def _read_shared(self, pid: int) -> int:
        """Return the bytes of anonymous shared memory of a process.

        The inspection is slow, and repeated only when the memory grows.
        """
        pages = read_pages(pid)[1]
        inspected_pages, size = self._shared.get(pid, (0, 0))
        if pages > inspected_pages + INSPECTED_PAGES:
            size = inspect_shared(pid)
            self._shared[pid] = (pages, size)
        return size


class MemoryChecks:
    """Measurements of an executor during one execution.

    A process that waits for a network or a clock cannot grow, and costs
    little.

    :param watch: ``None`` for no measurement.
    """

    def __init__(self, watch: MemoryWatch | None, pid: int) -> None:
        self._watch = watch
        self._pid = pid
        self._interval = MIN_INTERVAL_SECONDS
        self._activity: list[bytes] | None = None
        #: monotonic seconds of the next measurement
        self.at = float('inf') if watch is None else (
            time.monotonic() + self._interval)

    def is_exceeded(self, deadline: float, follow: bool) -> bool:
        """Measure if it is time; return whether the memory is exceeded.

        :param deadline: monotonic seconds, after which the measurement ends.
        :param follow: let the soft limit follow the memory.
        """
        if self._watch is None or (now := time.monotonic()) < self.at:
            return False
        activity = self._watch.read_activity(self._pid)
        is_still = activity is not None and activity == self._activity
        self._activity = activity
        if not is_still:
            if self._watch.is_exceeded(self._pid, deadline):
                return True
            if follow:
                self._watch.set_soft_limit(self._pid, lower=False)
        self._interval = next_interval(
            self._interval, time.monotonic() - now,
            STILL_INTERVAL_SECONDS if is_still else MAX_INTERVAL_SECONDS)
        self.at = time.monotonic() + self._interval
        return False


def next_interval(interval: float, duration: float, longest: float) -> float:
    """Return the seconds until the next measurement.

    :param duration: seconds of the last measurement.
    :param longest: seconds after short measurements.
    """
    return max(COST_FACTOR * duration, min(2 * interval, longest))


def take_before(deadline: float, pids: Iterable[int]) -> Iterator[int]:
    """Yield pids until a monotonic time."""
    for pid in pids:
        if time.monotonic() > deadline:
            return
        yield pid


def read_pages(pid: int) -> tuple[int, int, int]:
    """Return the private, shared and reserved pages of a process.

    Private and shared pages are in memory; reserved pages count for
    RLIMIT_DATA.
    """
    try:
        with open('/proc/%d/statm' % pid, 'rb', 0) as file:
            _size, resident, shared, _text, _lib, reserved = map(
                int, file.read(STATUS_BYTES).split()[:6])
    except OSError:
        return 0, 0, 0  # the process has ended
    return resident - shared, shared, reserved


def read_anonymous(pid: int) -> int:
    """Return the bytes of private memory that a process uses."""
    return read_pages(pid)[0] * PAGE_BYTES


class PeakMeter:
    """Meter of the largest resident memory of a process so far.

    The files stay open, since opening takes longer than reading.
    """

    def __init__(self, pid: int) -> None:
        self._files: list[int] = []
        try:
            self._files.append(os.open('/proc/%d/status' % pid, os.O_RDONLY))
            self._files.append(os.open(
                '/proc/%d/task/%d/children' % (pid, pid), os.O_RDONLY))
        except OSError:
            pass  # the process has ended, or the kernel lists no children

    def read(self) -> int | None:
        """Return the bytes of the process and of its children.

        :returns: ``None`` if the process has ended.
        """
        try:
            status, *children = (os.pread(number, STATUS_BYTES, 0)
                                 for number in self._files)
        except (OSError, ValueError):
            return None
        total = parse_peak(status)
        for pid in b' '.join(children).split():
            try:
                with open(b'/proc/%s/status' % pid, 'rb') as file:
                    total += parse_peak(file.read())
            except OSError:
                pass  # the child has ended
        return total or None

    def close(self) -> None:
        """Close the files."""
        while self._files:
            os.close(self._files.pop())


def parse_peak(status: bytes) -> int:
    """Return the bytes in a status of /proc, 0 for a zombie."""
    _before, _name, rest = status.partition(b'VmHWM:')
    return int(rest.split(None, 1)[0]) * 1024 if rest else 0


def inspect_shared(pid: int) -> int:
    """Return the bytes of shared memory that belongs to no file.

    A process has a share of the memory that processes have in common.
    """
    size, is_counted = 0, False
    try:
        with open('/proc/%d/smaps' % pid, 'rb') as file:
            for line in file:
                words = line.split(None, 5)
                if not words[0].endswith(b':'):
                    is_counted = words[-1].startswith(ANONYMOUS_SHARED)
                elif is_counted and words[0] == b'Pss:':
                    size += int(words[1]) * 1024
    except OSError:
        pass  # the process has ended
    return size


def read_proportional(pid: int) -> int:
    """Return the bytes of private memory, with shares of shared pages."""
    try:
        with open('/proc/%d/smaps_rollup' % pid, 'rb') as file:
            for line in file:
                if line.startswith(b'Pss_Anon:'):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # the process has ended, or the kernel is older than 5.9
    return read_anonymous(pid)


def memory_files(pids: Iterable[int]) -> int:
    """Return the bytes of the memory files that processes have open."""
    files = {}
    for pid in pids:
        directory = '/proc/%d/fd/' % pid
        try:
            for name in os.listdir(directory):
                if os.readlink(directory + name).startswith('/memfd:'):
                    status = os.stat(directory + name)
                    files[status.st_ino] = status.st_blocks * 512
        except OSError:
            continue  # the process has ended
    return sum(files.values())


class OomEvents:
    """Counter of processes that the kernel killed for lack of memory.

    :param source: descriptor or path of ``memory.events`` or
        ``memory.oom_control`` of the control group, or ``None``.
    """

    def __init__(self, source: int | str | None) -> None:
        self._number: int | None = None
        if isinstance(source, int):
            self._number = source
        elif source is not None:
            try:
                self._number = os.open(source, os.O_RDONLY)
            except OSError:
                pass  # no control group, or version 1
        self._seen = self._read() or 0

    def is_known(self) -> bool:
        """Return whether there is a counter."""
        return self._number is not None

    def has_new(self) -> bool:
        """Return whether the counter has changed since the last call."""
        before, self._seen = self._seen, self._read() or 0
        return self._seen > before

    def _read(self) -> int | None:
        if self._number is None:
            return None
        try:
            return parse_oom_kills(os.pread(self._number, EVENTS_BYTES, 0))
        except OSError:
            self._number = None
            return None


def parse_oom_kills(events: bytes) -> int:
    """Return the number of killed processes in a file of a control group."""
    for line in events.splitlines():
        words = line.split()
        if words[:1] == [b'oom_kill'] and len(words) == 2:
            return int(words[1])
    return 0


def prefer_for_kill(pid: int) -> None:
    """Let the kernel kill a process before the agent for lack of memory."""
    try:
        with open('/proc/%d/oom_score_adj' % pid, 'wb', 0) as file:
            file.write(b'1000')
    except OSError:
        pass  # the process has ended


def create_limits(settings: dict[str, Any], memory: int) -> dict[int, int]:
    """Return the rlimits of executors.

    :param memory: bytes of data.
    """
    limits = {resource.RLIMIT_DATA: memory + settings['memory_reserve'],
              **FIXED_LIMITS}
    for name, kind in (('processes', resource.RLIMIT_NPROC),
                       ('open_files', resource.RLIMIT_NOFILE),
                       ('file_size', resource.RLIMIT_FSIZE)):
        if settings[name]:
            limits[kind] = settings[name]
    return limits
