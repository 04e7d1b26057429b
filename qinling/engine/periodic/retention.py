# SPDX-License-Identifier: Apache-2.0
"""Deletion of executions that ended long ago."""

import datetime
import threading
import time

from oslo_config import cfg
from oslo_log import log

from qinling.core.execution import lifecycle
from qinling.db import models
from qinling.db import session

LOG = log.getLogger(__name__)

#: Rows that one transaction deletes, so that other writers wait briefly.
MAX_BATCH_ROWS = 500
#: Seconds between two purges.
INTERVAL_SECONDS = 60


class Retention:
    """Deletes old executions for one engine; other engines may as well.

    :param stopped: event after which the remaining rows stay.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 stopped: threading.Event) -> None:
        self._conf = conf
        self._db = db
        self._stopped = stopped
        self._next = time.monotonic()

    def purge(self) -> int:
        """Delete executions older than ``execution_retention``.

        :returns: the number of rows deleted, 0 within a minute of the last
            purge.
        """
        seconds = self._conf.engine.execution_retention
        if not seconds or time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + INTERVAL_SECONDS
        before = models.now() - datetime.timedelta(seconds=seconds)
        total = 0
        while not self._stopped.is_set():
            count = lifecycle.purge_ended(self._db, before, MAX_BATCH_ROWS)
            if not count:
                break
            total += count
        if total:
            LOG.info('Deleted %d executions older than %d s.', total, seconds)
        return total
