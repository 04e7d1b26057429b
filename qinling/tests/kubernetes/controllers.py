# SPDX-License-Identifier: Apache-2.0
"""Controller manager: the consequences of stored objects."""

import logging
import threading
import time
import traceback

LOG = logging.getLogger(__name__)


class Manager(threading.Thread):
    """Caller of the ``sync`` of every controller after every change, in one
    transaction per controller.  ``sync`` returns the time of the next call in
    seconds of the monotonic clock, or ``None``."""

    def __init__(self, store, controllers):
        super().__init__(name='controllers', daemon=True)
        self._store = store
        self._controllers = controllers
        self.troubles = []

    def run(self):
        synced_version, due = 0, None
        changed = self._store.changed
        while True:
            with changed:
                wait = None if due is None else max(
                    0, due - time.monotonic())
                changed.wait_for(lambda synced_version=synced_version:
                                 self._store.closed or self._store.version
                                 != synced_version, wait)
                if self._store.closed:
                    return
                synced_version = self._store.version
            times = [self._sync(controller)
                     for controller in self._controllers]
            due = min([time for time in times if time is not None],
                      default=None)

    def _sync(self, controller):
        try:
            with self._store.changed:
                return controller.sync()
        except Exception:
            LOG.exception('%s failed', type(controller).__name__)
            self.troubles.append(traceback.format_exc())
            return time.monotonic() + 0.1
