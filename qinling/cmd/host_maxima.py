# SPDX-License-Identifier: Apache-2.0
"""Maximum resources of functions on a single machine."""

import os

MIB = 1 << 20


def list_host_maxima() -> dict[str, int]:
    """Return the maximum resources of a function on this machine.

    Half of the memory, all cores, and 15 minutes; at least the maxima of a
    cloud.
    """
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return {'max_memory': max(128 * MIB, memory // 2 // MIB * MIB),
            'max_cpu': max(300, 1000 * (os.cpu_count() or 1)),
            'max_timeout': 900}
