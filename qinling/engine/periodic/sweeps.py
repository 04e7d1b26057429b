# SPDX-License-Identifier: Apache-2.0
"""Hourly sweeps: deletion of packages, trusts, builds and keys without use."""

from qinling.core import idempotency
from qinling.core import services
from qinling.db import session
from qinling.engine import background as background_module
from qinling.engine.workers import builds as builds_module


class Sweeps:
    """Sweeps of one engine.

    The sweeps of storage and Keystone run in the background, since leases
    must not wait for other services.
    """

    def __init__(self, db: session.Database, backends: services.Backends,
                 builds: builds_module.Builds,
                 background: background_module.Background) -> None:
        self._db = db
        self._tasks = (backends.packages.sweep, backends.trusts.sweep,
                       builds.purge)
        self._background = background

    def run(self) -> None:
        """Start all sweeps."""
        for task in self._tasks:
            self._background.submit(task)
        idempotency.purge(self._db)
