# SPDX-License-Identifier: Apache-2.0
"""Counting what webhooks refuse, at a price that an attacker cannot raise.

A flood of refused deliveries makes one write and a few lines in the log in
each window, not one for each.
"""

import collections
import threading

from oslo_log import log

from qinling.db import crud
from qinling.db import models

LOG = log.getLogger(__name__)


class Refusals:
    """The refused deliveries of all webhooks, of this process.

    The first one is written at once and opens a window; those that come
    within it are written together at its end.  A process that is killed
    loses what one window holds.

    :param window: seconds.
    """

    def __init__(self, db, window=10):
        self._db = db
        self._window = window
        self._lock = threading.Lock()
        self._timer = None
        #: webhook id -> sentence -> how often
        self._waiting = collections.defaultdict(collections.Counter)

    def note(self, id, error):
        """Count one more, and say why in the log.

        :param error: its kind and its sentence tell nothing that the sender
            has sent.
        """
        with self._lock:
            self._waiting[id][str(error)] += 1
            if self._timer is not None:
                return
            found = self._open()
        self._write(found)

    def close(self):
        """Write what is waiting."""
        with self._lock:
            if self._timer is None:
                return
            self._timer.cancel()
            self._timer = None
            found, self._waiting = (
                self._waiting, collections.defaultdict(collections.Counter))
        self._write(found)

    def _open(self):
        """Open a window, and return what was waiting for it."""
        self._timer = threading.Timer(self._window, self._end)
        self._timer.daemon = True
        self._timer.start()
        found, self._waiting = (
            self._waiting, collections.defaultdict(collections.Counter))
        return found

    def _end(self):
        with self._lock:
            if not self._waiting:
                self._timer = None
                return
            found = self._open()
        self._write(found)

    def _write(self, found):
        for id, reasons in found.items():
            for reason, number in reasons.items():
                LOG.warning('Webhook %s, deliveries refused: %d. %s',
                            id, number, reason)
        try:
            self._db.write(lambda tx: [
                crud.add(tx, models.Webhook, 'refused', reasons.total(),
                         id=id) for id, reasons in sorted(found.items())],
                durable=False)
        except Exception:
            LOG.exception('Refused deliveries are in the log only.')
