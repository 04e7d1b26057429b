# SPDX-License-Identifier: Apache-2.0
"""Upkeep of the workers and pools of one engine."""

from qinling.engine import background as background_module
from qinling.engine.workers import idleness as idleness_module
from qinling.engine.workers import pools as pools_module
from qinling.engine.workers import scaling as scaling_module
from qinling.engine.workers import worker_set


class Upkeep:
    """Ends workers without use, and brings pools to their rows."""

    def __init__(self, idleness: idleness_module.Idleness,
                 scaling: scaling_module.Scaling,
                 pools: pools_module.Pools, source: worker_set.WorkerSource,
                 background: background_module.Background) -> None:
        self._idleness = idleness
        self._scaling = scaling
        self._pools = pools
        self._source = source
        self._background = background

    def run(self) -> None:
        """Tend all workers and pools once."""
        self._idleness.tend()
        self._pools.tend(self._background)
        self._pools.retire_outdated(self._scaling)
        for worker in self._pools.orphaned_workers():
            self._background.submit(self._source.release, worker)
