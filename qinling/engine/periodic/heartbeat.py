# SPDX-License-Identifier: Apache-2.0
"""Heartbeat of an engine that has workers of its own."""

import contextlib

from oslo_config import cfg

from qinling.db import engines
from qinling.db import session
from qinling import exception
from qinling.orchestrators import base

#: Leases without a heartbeat after which the row of an engine is deleted.
STALLED_LEASES = 10


class Heartbeat:
    """Row of one engine in the table of living engines.

    Where all engines share the workers, any engine answers for all, and no
    engine has a row.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 orchestrator: base.Orchestrator) -> None:
        self._conf = conf
        self._db = db
        self._has_row = not orchestrator.shared
        self._name: str | None = None

    def start(self, name: str) -> None:
        """Register the engine under its name on the message bus."""
        if self._has_row:
            self._name = name
            self.beat()

    def beat(self) -> None:
        """Record that the engine is alive, and prune stalled engines."""
        if self._name:
            engines.heartbeat(self._db, self._name)
            engines.prune_stalled(
                self._db, STALLED_LEASES * self._conf.engine.lease)

    def stop(self) -> None:
        """Unregister the engine."""
        if self._name:
            # Without the database, another engine prunes the row.
            with contextlib.suppress(exception.Unavailable):
                engines.unregister(self._db, self._name)
