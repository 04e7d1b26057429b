# SPDX-License-Identifier: Apache-2.0
"""Heartbeat of an engine: leases of executions, row of the engine."""

from collections.abc import Iterable
import contextlib
import datetime
import math
import time

from oslo_config import cfg

from qinling.core.execution import lifecycle
from qinling.db import engines
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.telemetry import metrics

#: Leases without a heartbeat after which the row of an engine is deleted.
STALLED_LEASES = 10
#: Leases of one transaction.
MAX_BATCH_ROWS = 100


class Heartbeat:
    """Proof of life of one engine.

    Only an engine with workers of its own has a row in the table of living
    engines.  Where all engines share the workers, any engine answers for all.

    The heartbeat has connections of its own, which nothing else occupies.

    :param has_row: whether the engine has workers of its own.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 owner: str, has_row: bool) -> None:
        self._conf = conf
        self._shared_db, self._db = db, db.separate()
        self._owner = owner
        self._has_row = has_row
        self._name: str | None = None
        self._address: engines.Address | None = None
        self._prune_at = -math.inf

    def start(self, name: str) -> None:
        """Register the engine under its name on the message bus."""
        if self._has_row:
            self._name = name
            self.beat()

    def publish(self, address: engines.Address | None) -> None:
        """Let the API connect to this engine, to an end if ``None``."""
        self._address = address
        # Without the database, a later beat writes the row, or the row
        # becomes too old.
        with contextlib.suppress(exception.Unavailable):
            if address is None:
                engines.withdraw_address(self._db, self._owner)
            else:
                self.announce()

    @property
    def is_published(self) -> bool:
        """Return whether the API may connect to this engine."""
        return self._address is not None

    def beat(self) -> None:
        """Record that the engine is alive."""
        if self._name:
            engines.heartbeat(self._db, self._name)

    def announce(self) -> None:
        """Record that the engine listens at its address."""
        if self._address is not None:
            engines.publish_address(self._db, self._address)

    def prune(self) -> None:
        """Delete the rows of engines that died long ago, once per lease."""
        now = time.monotonic()
        if now >= self._prune_at and (
                self._name or self._address is not None):
            lease = self._conf.engine.lease
            engines.prune_stalled(self._db, STALLED_LEASES * lease)
            self._prune_at = now + lease

    def renew(self, ids: Iterable[str]) -> list[str]:
        """Renew the leases of executions that this engine owns or queued.

        :returns: ids of executions lost to a cancellation, a deletion or
            another engine.
        """
        remaining = list(ids)
        lost_ids: list[str] = []
        for start in range(0, len(remaining), MAX_BATCH_ROWS):
            lost_ids += lifecycle.renew_leases(
                self._db, self._owner,
                remaining[start:start + MAX_BATCH_ROWS],
                models.now() + datetime.timedelta(
                    seconds=self._conf.engine.lease))
        metrics.leases_lost.inc(len(lost_ids))
        return lost_ids

    def stop(self) -> None:
        """Unregister the engine and drop the connections."""
        if self._name:
            # Without the database, another engine prunes the row.
            with contextlib.suppress(exception.Unavailable):
                engines.unregister(self._db, self._name)
        if self._db is not self._shared_db:
            self._db.close()
