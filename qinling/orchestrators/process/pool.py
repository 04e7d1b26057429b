# SPDX-License-Identifier: Apache-2.0
"""Pool of idle workers of a runtime on this machine."""

import collections

from qinling.orchestrators import base
from qinling.orchestrators.process import worker as workers


class Pool:
    """Pool of a runtime; the lock of the driver guards the attributes.

    :param size: number of idle workers.
    :param installs: the workers install dependencies.
    """

    def __init__(self, runtime: base.RuntimeSpec, size: int,
                 installs: bool = False) -> None:
        self.runtime = runtime
        self.size = size
        self.installs = installs
        self.idle: collections.deque[workers.Process] = collections.deque()
        self.starting = 0
        self.waiting_claims = 0
        self.failures = 0    # consecutive
        self.error: str | None = None  # of the last start
        self.closed = False
