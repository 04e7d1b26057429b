# SPDX-License-Identifier: Apache-2.0
"""Idle workers: what they reserve, and how long they live.

Both are looked after between executions, so an execution on a warm worker pays
nothing for them.
"""

import time

from oslo_config import cfg
from oslo_log import log

from qinling.engine.workers import loader as loader_module
from qinling.engine.workers import scaling as scaling_module
from qinling.orchestrators import base

LOG = log.getLogger(__name__)

#: Seconds without executions after which a worker reserves little.
REST_SECONDS = 60
#: Shortest lifetime of an idle worker while there is no room.
MIN_LIFETIME_SECONDS = 60


class Idleness:
    """Idle workers of one engine."""

    def __init__(self, conf: cfg.ConfigOpts, orchestrator: base.Orchestrator,
                 scaling: scaling_module.Scaling,
                 loader: loader_module.Loader) -> None:
        self._options = conf.engine
        self._orchestrator = orchestrator
        self._scaling = scaling
        self._loader = loader
        self._lifetime: float = self._options.function_service_expiration
        self._evictions = 0

    def tend(self) -> None:
        """Expire idle workers, and adapt what the remaining ones reserve."""
        self._scaling.expire_idle(self._adapt_lifetime())
        now = time.monotonic()
        for loaded in self._scaling.list_workers():
            is_idle = (not loaded.busy_slots
                       and now - loaded.idle_since >= REST_SECONDS)
            if is_idle != loaded.resting:
                loaded.resting = is_idle
                self._orchestrator.reserve(
                    loaded.worker,
                    self._loader.limits_of(loaded.worker_set.target), is_idle)

    def _adapt_lifetime(self) -> float:
        """Return the seconds after which idle workers end.

        Idle workers that had to give way since the last turn halve the time,
        and each other turn doubles it up to the option.
        """
        longest = self._options.function_service_expiration
        evictions = self._scaling.evictions
        if evictions == self._evictions:
            self._lifetime *= 2
        else:
            self._evictions = evictions
            self._lifetime = max(MIN_LIFETIME_SECONDS, self._lifetime / 2)
            LOG.info('There is no room; idle workers end after %d seconds.',
                     min(self._lifetime, longest))
        self._lifetime = min(self._lifetime, longest)
        return self._lifetime
