# SPDX-License-Identifier: Apache-2.0
"""Counter of rejected deliveries, at a cost that attackers cannot raise.

A flood of rejected deliveries causes a write and a few log lines per window,
not per delivery.
"""

import collections
import threading

from oslo_log import log

from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

LOG = log.getLogger(__name__)

#: webhook id -> sentence -> number of rejections
Counts = dict[str, collections.Counter[str]]


class RejectionCounter:
    """Rejected deliveries of all webhooks in this process.

    The first rejection is written at once and opens a window; further
    rejections are written at the end of the window.  A killed process loses
    the rejections of a window.

    :param window: seconds.
    """

    def __init__(self, db: session.Database, window: float = 10) -> None:
        self._db = db
        self._window = window
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._buffer: Counts = {}

    def count(self, id: str, error: Exception) -> None:
        """Count one rejection, and log the reason.

        :param error: an error without data of the sender in the text.
        """
        with self._lock:
            self._buffer.setdefault(
                id, collections.Counter())[str(error)] += 1
            if self._timer is not None:
                return
            counts = self._open_window()
        self._write(counts)

    def close(self) -> None:
        """Write the buffered rejections."""
        with self._lock:
            if self._timer is None:
                return
            self._timer.cancel()
            self._timer = None
            counts, self._buffer = self._buffer, {}
        self._write(counts)

    def _open_window(self) -> Counts:
        """Open a window, and return the rejections before it."""
        self._timer = threading.Timer(self._window, self._end_window)
        self._timer.daemon = True
        self._timer.start()
        counts, self._buffer = self._buffer, {}
        return counts

    def _end_window(self) -> None:
        with self._lock:
            if not self._buffer:
                self._timer = None
                return
            counts = self._open_window()
        self._write(counts)

    def _write(self, counts: Counts) -> None:
        for id, reasons in counts.items():
            for reason, number in reasons.items():
                LOG.warning('Rejected %d deliveries of webhook %s: %s',
                            number, id, reason)

        def increment(tx: session.Connection) -> None:
            for id, reasons in sorted(counts.items()):
                crud.increment(tx, models.Webhook, 'refused', reasons.total(),
                               id=id)
        try:
            self._db.write(increment, durable=False)
        except exception.Unavailable as e:
            LOG.warning('Could not count rejected deliveries: %s', e)
        except Exception:
            LOG.exception('Could not count rejected deliveries.')
