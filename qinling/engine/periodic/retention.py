# SPDX-License-Identifier: Apache-2.0
"""Deletion of rows that are older than their retention."""

from collections.abc import Callable
import datetime
import functools
import threading
import time

from oslo_config import cfg
from oslo_log import log

from qinling.core import engine_client
from qinling.core.execution import failures
from qinling.core.execution import lifecycle
from qinling.core.function import flow_control
from qinling.core.function import retention
from qinling.core import idempotency
from qinling.core.operation import operations
from qinling.core import services
from qinling.core.trigger import dead_letters
from qinling.core.trigger import delivery_retention
from qinling.core.trigger import ledger
from qinling.db import flow_queries
from qinling.db import models
from qinling.db import session

LOG = log.getLogger(__name__)

#: Rows that one transaction deletes, so that other writers wait briefly.
MAX_BATCH_ROWS = 500
#: Seconds of one turn, so that other periodic tasks wait briefly.
MAX_TURN_SECONDS = 1
#: Seconds between two purges, and between two of the starts of lines, which
#: turns of their lines delete as well.
INTERVAL_SECONDS, STARTS_SECONDS = 60, 3600
_RATE_PERIOD = datetime.timedelta(seconds=flow_control.MAX_PERIOD_SECONDS)


class Purge:
    """Deletes rows in batches, a bounded number per turn.

    :param delete_batch: a function of the maximum number of rows; returns
        the number of rows deleted.
    :param stopped: event after which the remaining rows stay.
    """

    def __init__(self, noun: str, delete_batch: Callable[[int], int],
                 stopped: threading.Event,
                 interval: int = INTERVAL_SECONDS) -> None:
        self._interval = interval
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
        self._next = time.monotonic() + self._interval
        if self._total:
            LOG.info('Deleted %d old %s.', self._total, self._noun)
        self._total = 0
        return False


def create_purges(conf: cfg.ConfigOpts, db: session.Database,
                  stopped: threading.Event, backends: services.Backends,
                  engine: engine_client.EngineClient
                  ) -> list[Callable[[], bool]]:
    """Return the turns of all purges.

    Executions and other rows older than their retention, and versions that
    their functions do not keep.
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

    def delete_versions(_limit: int) -> int:
        return versions.run()
    return [Purge('executions', delete_executions, stopped).run,
            Purge('failures', delete_failures, stopped).run,
            Purge('operations', delete_operations, stopped).run,
            Purge('idempotency keys', functools.partial(
                idempotency.purge, db), stopped).run,
            Purge('starts of lines', functools.partial(_delete_starts, db),
                  stopped, STARTS_SECONDS).run,
            Purge('versions', delete_versions, stopped).run,
            Purge('fire times', delete_fires, stopped).run,
            Purge('deliveries', functools.partial(
                _delete_deliveries, conf, db), stopped).run,
            Purge('dead letters', functools.partial(
                _delete_letters, conf, db), stopped).run,
            Purge('superfluous deliveries', delivery_retention.Trimmer(
                conf, db).trim, stopped).run]


def _delete_deliveries(conf: cfg.ConfigOpts, db: session.Database,
                       limit: int) -> int:
    return delivery_retention.purge(db, models.now() - datetime.timedelta(
        seconds=conf.webhooks.delivery_retention), limit)


def _delete_letters(conf: cfg.ConfigOpts, db: session.Database, limit: int
                    ) -> int:
    seconds = conf.event_sources.dead_letter_retention
    return dead_letters.purge(db, models.now() - datetime.timedelta(
        seconds=seconds), limit) if seconds else 0


def _delete_starts(db: session.Database, limit: int) -> int:
    return db.write(lambda tx: flow_queries.purge(
        tx, models.now() - _RATE_PERIOD, limit))


def _retained_since(conf: cfg.ConfigOpts) -> datetime.datetime | None:
    """Return the time before which executions are deleted, if any are."""
    seconds = conf.engine.execution_retention
    if not seconds:
        return None
    return models.now() - datetime.timedelta(seconds=seconds)
