# SPDX-License-Identifier: Apache-2.0
"""Hourly sweeps: deletion of packages, trusts and builds without use."""

import time

from qinling.core import services
from qinling.engine import background as background_module
from qinling.engine.workers import builds as builds_module

INTERVAL_SECONDS = 3600


class Sweeps:
    """Sweeps of one engine.

    The sweeps of storage and Keystone run in the background, since periodic
    tasks must not wait for other services.
    """

    def __init__(self, backends: services.Backends,
                 builds: builds_module.Builds,
                 background: background_module.Background) -> None:
        self._tasks = (backends.packages.sweep, backends.trusts.sweep,
                       builds.purge)
        self._background = background
        self._next = time.monotonic()

    def run(self) -> None:
        """Start all sweeps at the first call, and then every hour."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + INTERVAL_SECONDS
        for task in self._tasks:
            self._background.submit(task)
