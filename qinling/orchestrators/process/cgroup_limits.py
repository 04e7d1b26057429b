# SPDX-License-Identifier: Apache-2.0
"""Translation of the limits of a worker to files of control groups."""

import dataclasses

from qinling.orchestrators import base

MIB = 1 << 20
AGENT_MEMORY_BYTES = 32 * MIB         # an agent that unpacks a package
INTERPRETER_MEMORY_BYTES = 48 * MIB   # the largest executor without a function
AGENT_PROCESSES = 80                  # launcher, agent and its connections
CPU_PERIOD_MICROSECONDS = 20000       # longest wait of a throttled process
MIN_QUOTA_MICROSECONDS = 1000         # minimum of the kernel


@dataclasses.dataclass(frozen=True)
class LimitFiles:
    """Translation of limits to files of control groups.

    :param version: version of control groups, 1 or 2.
    :param files: bytes of the files that executors may write.
    :param agent: bytes of memory beside the executors.
    :param processes: maximum number of processes of the executors.
    :param idle_cpu: thousandths of a core that a worker may use in any case,
        while the machine has idle processors.
    """

    version: int
    files: int
    processes: int
    idle_cpu: int = 0
    agent: int = 0

    def list_files(self, limits: base.Limits
                   ) -> tuple[tuple[str, str, int | str], ...]:
        """Return (controller, file, value) of each file to write."""
        memory = self.memory_limit(limits) + self.agent
        quota = cpu_quota(limits, self.idle_cpu)
        weight = limits.cpu * limits.slots
        pids = ('pids', 'pids.max', self.processes + AGENT_PROCESSES)
        files = tuple(('memory', name, value) for name, value
                      in self.list_memory_files(memory))
        if self.version == 1:
            return (*files, pids,
                    ('cpu', 'cpu.cfs_period_us', CPU_PERIOD_MICROSECONDS),
                    ('cpu', 'cpu.cfs_quota_us', quota),
                    ('cpu', 'cpu.cfs_burst_us', quota),
                    ('cpu', 'cpu.shares', max(2, weight * 1024 // 1000)))
        return (*files, pids,
                ('cpu', 'cpu.max', f'{quota} {CPU_PERIOD_MICROSECONDS}'),
                ('cpu', 'cpu.max.burst', quota),
                ('cpu', 'cpu.weight', min(10000, max(1, weight // 10))))

    def list_memory_files(self, size: int) -> tuple[tuple[str, int], ...]:
        """Return (file, value) of each file to write for a limit."""
        if self.version == 1:
            return (('memory.limit_in_bytes', size),
                    ('memory.memsw.limit_in_bytes', size))
        return ('memory.max', size), ('memory.swap.max', 0)

    def memory_limit(self, limits: base.Limits) -> int:
        """Return the bytes of all executors; rlimits bound each executor."""
        return limits.slots * (
            limits.memory_size + INTERPRETER_MEMORY_BYTES) + self.files


def cpu_quota(limits: base.Limits, idle_cpu: int = 0) -> int:
    """Return the microseconds of CPU time in each period."""
    return max(MIN_QUOTA_MICROSECONDS, CPU_PERIOD_MICROSECONDS
               * max(limits.cpu * limits.slots, idle_cpu) // 1000)
