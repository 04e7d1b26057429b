# SPDX-License-Identifier: Apache-2.0
"""End of a claimed worker."""

from qinling.orchestrators import base
from qinling.orchestrators.process import worker as workers
from qinling.runtimes import agent_outcome

#: Seconds until a worker that does not stop is killed.
STOP_TIMEOUT_SECONDS = 3.0


def destroy(process: workers.Process, disconnected: bool
            ) -> base.ExitReason | None:
    """Destroy a claimed worker.

    :param disconnected: the worker may have died already.
    :returns: the reason of a death for lack of memory.
    """
    reason = None
    if disconnected and process.group.has_oom_kills():
        reason = base.ExitReason(agent_outcome.out_of_memory(
            process.memory_size), own_fault=True)
    process.group.set_idle(False)  # the end takes processor time
    process.destroy(STOP_TIMEOUT_SECONDS)
    return reason
