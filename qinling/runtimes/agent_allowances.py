# SPDX-License-Identifier: Apache-2.0
"""Allowances of a process: what the kernel grants, and user code can reduce.

A function that lowers an rlimit, its priority or its processors would
otherwise do so for all later executions in the process.
"""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# RLIMIT_DATA is missing: the agent changes that limit during executions.
KINDS = tuple(getattr(resource, name) for name in (
    'RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_FSIZE', 'RLIMIT_NOFILE',
    'RLIMIT_NPROC', 'RLIMIT_STACK'))


class Allowance:
    """Allowances of a process at the beginning of its first execution.

    :param pid: process of the same user.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        try:
            self._granted: Any = self._read()
        except OSError:
            self._granted = None  # dead, or the sandbox forbids the calls

    def restore(self) -> bool:
        """Restore what an execution has reduced; return success.

        A hard limit and a priority stay reduced: only another process has
        the former ones.
        """
        if self._granted is None:
            return True
        try:
            present = self._read()
            if present == self._granted:
                return True
            limits, processors, priority = self._granted
            for kind, limit in zip(KINDS, limits):
                resource.prlimit(self._pid, kind, limit)
            os.sched_setaffinity(self._pid, processors)
            os.setpriority(os.PRIO_PROCESS, self._pid, priority)
        except (OSError, ValueError):
            return False
        return True

    def _read(self) -> tuple[Any, ...]:
        return ([resource.prlimit(self._pid, kind) for kind in KINDS],
                os.sched_getaffinity(self._pid),
                os.getpriority(os.PRIO_PROCESS, self._pid))
