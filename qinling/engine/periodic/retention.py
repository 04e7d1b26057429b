# SPDX-License-Identifier: Apache-2.0
"""Removing executions that ended long ago."""

import datetime
import time

from oslo_log import log

from qinling.db import crud
from qinling.db import models
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: Rows that one transaction removes, so that nobody waits for it long.
BATCH = 500
#: Seconds between two looks.
INTERVAL = 60


class Retention:
    """Removes old executions for one engine; others may do so as well.

    :param stopped: function that tells whether to leave the rest.
    """

    def __init__(self, conf, db, stopped):
        self._conf = conf
        self._db = db
        self._stopped = stopped
        self._next = time.monotonic()

    def purge(self):
        """Remove what is older than ``execution_retention``, once a minute;
        returns how many there were."""
        seconds = self._conf.engine.execution_retention
        if not seconds or time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + INTERVAL
        limit = models.now() - datetime.timedelta(seconds=seconds)
        # It ended after it began; the first condition is the one that has
        # an index.
        old = (_MODEL.created_at < limit, _MODEL.updated_at < limit,
               _MODEL.status != ExecutionStatus.RUNNING.value)
        total = 0
        while not self._stopped():
            ids = [row.id for row in self._db.read(lambda tx: crud.find(
                tx, _MODEL, *old, limit=BATCH, order=(_MODEL.created_at,),
                only=(_MODEL.id,)))]
            if not ids:
                break
            total += self._db.write(lambda tx: crud.delete_all(
                tx, _MODEL, _MODEL.id.in_(ids), *old))
        if total:
            LOG.info('%d executions older than %d s are removed.', total,
                     seconds)
        return total
