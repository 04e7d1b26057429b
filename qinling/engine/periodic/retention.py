# SPDX-License-Identifier: Apache-2.0
"""Deletion of rows that are older than their retention."""

import abc
from collections.abc import Callable
from collections.abc import Mapping
import datetime
import threading
import time
import typing

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


class Purge(abc.ABC):
    """Deletes rows in batches, a bounded number per turn.

    :param stopped: event after which the remaining rows stay.
    :cvar noun: name of the rows in the log.
    """

    noun: str
    interval = INTERVAL_SECONDS

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 stopped: threading.Event) -> None:
        self._conf = conf
        self._db = db
        self._stopped = stopped
        self._next = time.monotonic()
        self._total = 0

    @abc.abstractmethod
    def delete_batch(self, limit: int) -> int:
        """Delete at most ``limit`` rows; return the number of rows."""

    def run(self) -> bool:
        """Delete old rows; return whether some are left for the next turn."""
        now = time.monotonic()
        if now < self._next:
            return False
        while not self._stopped.is_set():
            count = self.delete_batch(MAX_BATCH_ROWS)
            self._total += count
            if count < MAX_BATCH_ROWS:
                break
            if time.monotonic() >= now + MAX_TURN_SECONDS:
                return True
        self._next = time.monotonic() + self.interval
        if self._total:
            LOG.info('Deleted %d old %s.', self._total, self.noun)
        self._total = 0
        return False


class Record(typing.Protocol):
    """Module of rows about executions."""

    def purge(self, db: session.Database, before: datetime.datetime,
              limit: int) -> int:
        """Delete rows from before a time; return the number of rows."""


#: Name -> rows with the retention of executions.
RECORDS: Mapping[str, Record] = {
    'executions': lifecycle, 'failures': failures, 'operations': operations,
    'fire times': ledger}


class _RecordPurge(Purge):

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 stopped: threading.Event, noun: str) -> None:
        super().__init__(conf, db, stopped)
        self.noun = noun

    def delete_batch(self, limit: int) -> int:
        seconds = self._conf.engine.execution_retention
        return RECORDS[self.noun].purge(
            self._db, _before(seconds), limit) if seconds else 0


class _KeyPurge(Purge):
    noun = 'idempotency keys'

    def delete_batch(self, limit: int) -> int:
        return idempotency.purge(self._db, limit)


class _StartPurge(Purge):
    noun = 'starts of lines'
    interval = STARTS_SECONDS

    def delete_batch(self, limit: int) -> int:
        before = _before(flow_control.MAX_PERIOD_SECONDS)
        return self._db.write(
            lambda tx: flow_queries.purge(tx, before, limit))


class _VersionPurge(Purge):
    noun = 'versions'

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 stopped: threading.Event,
                 versions: retention.VersionRetention) -> None:
        super().__init__(conf, db, stopped)
        self._versions = versions

    def delete_batch(self, limit: int) -> int:
        return self._versions.run()


class _DeliveryPurge(Purge):
    noun = 'deliveries'

    def delete_batch(self, limit: int) -> int:
        seconds = self._conf.webhooks.delivery_retention
        return delivery_retention.purge(self._db, _before(seconds), limit)


class _LetterPurge(Purge):
    noun = 'dead letters'

    def delete_batch(self, limit: int) -> int:
        seconds = self._conf.event_sources.dead_letter_retention
        return dead_letters.purge(
            self._db, _before(seconds), limit) if seconds else 0


class _SurplusPurge(Purge):
    noun = 'superfluous deliveries'

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 stopped: threading.Event) -> None:
        super().__init__(conf, db, stopped)
        self._trimmer = delivery_retention.Trimmer(conf, db)

    def delete_batch(self, limit: int) -> int:
        return self._trimmer.trim(limit)


def _before(seconds: int) -> datetime.datetime:
    return models.now() - datetime.timedelta(seconds=seconds)


def create_purges(conf: cfg.ConfigOpts, db: session.Database,
                  stopped: threading.Event, backends: services.Backends,
                  engine: engine_client.EngineClient
                  ) -> list[Callable[[], bool]]:
    """Return the turns of all purges.

    Executions and other rows older than their retention, and versions that
    their functions do not keep.
    """
    versions = _VersionPurge(conf, db, stopped, retention.VersionRetention(
        db, engine, backends.packages))
    purges = [*(_RecordPurge(conf, db, stopped, noun) for noun in RECORDS),
              versions,
              *(kind(conf, db, stopped) for kind in (
                  _KeyPurge, _StartPurge, _DeliveryPurge, _LetterPurge,
                  _SurplusPurge))]
    return [purge.run for purge in purges]
