# SPDX-License-Identifier: Apache-2.0
"""Deletion of rows that are older than their retention."""

from collections.abc import Callable
import datetime
import threading
import time

from oslo_config import cfg
from oslo_log import log

from qinling.core import engine_client
from qinling.core.execution import failures
from qinling.core.execution import lifecycle
from qinling.core.function import retention
from qinling.core import idempotency
from qinling.core.operation import operations
from qinling.core import services
from qinling.core.trigger import ledger
from qinling.db import models
from qinling.db import session

LOG = log.getLogger(__name__)

#: Rows that one transaction deletes, so that other writers wait briefly.
MAX_BATCH_ROWS = 500
#: Seconds of one turn, so that other periodic tasks wait briefly.
MAX_TURN_SECONDS = 1
#: Seconds between two purges.
INTERVAL_SECONDS = 60


class Purge:
    """Deletes rows in batches, a bounded number per turn.

    :param delete_batch: a function of the maximum number of rows; returns
        the number of rows deleted.
    :param stopped: event after which the remaining rows stay.
    """

    def __init__(self, noun: str, delete_batch: Callable[[int], int],
                 stopped: threading.Event) -> None:
        self._noun = noun
        self._delete_batch = delete_batch
        self._stopped = stopped
        self._next = time.monotonic()
        self._total = 0

    def run(self) -> bool:
        """Delete old rows; return whether some are left for the next turn."""
        now = time.monotonic()
        if now < self._next:
            return False
        while not self._stopped.is_set():
            count = self._delete_batch(MAX_BATCH_ROWS)
            self._total += count
            if count < MAX_BATCH_ROWS:
                break
            if time.monotonic() >= now + MAX_TURN_SECONDS:
                return True
        self._next = time.monotonic() + INTERVAL_SECONDS
        if self._total:
            LOG.info('Deleted %d old %s.', self._total, self._noun)
        self._total = 0
        return False


def create_purges(conf: cfg.ConfigOpts, db: session.Database,
                  stopped: threading.Event, backends: services.Backends,
                  engine: engine_client.EngineClient
                  ) -> list[Callable[[], bool]]:
    """Return the turns of all purges.

    Executions, fire times and operations older than ``execution_retention``,
    failures without later executions, expired idempotency keys, and versions
    that their functions do not keep.
    """
    versions = retention.VersionRetention(db, engine, backends.packages)

    def delete_executions(limit: int) -> int:
        before = _retained_since(conf)
        return lifecycle.purge_ended(db, before, limit) if before else 0

    def delete_failures(limit: int) -> int:
        before = _retained_since(conf)
        return failures.purge(db, before, limit) if before else 0

    def delete_operations(limit: int) -> int:
        before = _retained_since(conf)
        return operations.purge(db, before, limit) if before else 0

    def delete_fires(limit: int) -> int:
        before = _retained_since(conf)
        return ledger.purge(db, before, limit) if before else 0

    def delete_keys(limit: int) -> int:
        return idempotency.purge(db, limit)

    def delete_versions(_limit: int) -> int:
        return versions.run()
    return [Purge('executions', delete_executions, stopped).run,
            Purge('failures', delete_failures, stopped).run,
            Purge('operations', delete_operations, stopped).run,
            Purge('idempotency keys', delete_keys, stopped).run,
            Purge('versions', delete_versions, stopped).run,
            Purge('fire times', delete_fires, stopped).run]


def _retained_since(conf: cfg.ConfigOpts) -> datetime.datetime | None:
    """Return the time before which executions are deleted, if any are."""
    seconds = conf.engine.execution_retention
    if not seconds:
        return None
    return models.now() - datetime.timedelta(seconds=seconds)
