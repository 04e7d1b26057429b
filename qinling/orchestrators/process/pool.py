# SPDX-License-Identifier: Apache-2.0
"""Pool of idle workers of a runtime on this machine."""

import collections

from qinling.orchestrators import base
from qinling.orchestrators.process import worker as workers


class Pool:
    """Pool of a runtime; the lock of the driver guards the attributes.

    :param size: number of idle workers.
    :param installs: the workers install dependencies.
    :param offline: the workers have no network.
    """

    def __init__(self, runtime: base.RuntimeSpec, size: int,
                 installs: bool = False, offline: bool = False) -> None:
        self.runtime = runtime
        self.size = size
        self.installs = installs
        self.offline = offline
        self._offline_pool: Pool | None = None
        self.idle: collections.deque[workers.Process] = collections.deque()
        self.starting = 0
        self.waiting_claims = 0
        self.failures = 0    # consecutive
        self.error: str | None = None  # of the last start
        self.closed = False

    def get_offline_pool(self) -> 'Pool':
        """Return the pool of workers without a network, all on demand."""
        if self._offline_pool is None:
            self._offline_pool = Pool(self.runtime, 0, offline=True)
        return self._offline_pool

    def close(self) -> None:
        """Stop the idle workers."""
        self.closed = True
        for process in self.idle:
            process.stop()
        if self._offline_pool is not None:
            self._offline_pool.close()

    def explain_shortage(self, max_workers: int) -> str:
        """Return why no worker is idle, or about to be."""
        if self.closed:
            return 'Its pool was deleted.'
        if self.error:
            return f'None starts: {self.error}'
        return f'There are {max_workers} workers on this machine already.'
