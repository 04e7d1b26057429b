# SPDX-License-Identifier: Apache-2.0
"""The controller manager: everything that follows from what is stored."""

import logging
import threading
import time
import traceback

LOG = logging.getLogger(__name__)


class Manager(threading.Thread):
    """Calls each controller's ``sync`` whenever something has changed, in one
    transaction each; what it returns is when it wants to be called again, in
    seconds of the monotonic clock, if it does."""

    def __init__(self, store, controllers):
        super().__init__(name='controllers', daemon=True)
        self._store = store
        self._controllers = controllers
        self.troubles = []

    def run(self):
        seen, due = 0, None
        changed = self._store.changed
        while True:
            with changed:
                wait = None if due is None else max(
                    0, due - time.monotonic())
                changed.wait_for(lambda seen=seen: self._store.closed
                                 or self._store.version != seen, wait)
                if self._store.closed:
                    return
                seen = self._store.version
            found = [self._sync(each) for each in self._controllers]
            due = min([each for each in found if each is not None],
                      default=None)

    def _sync(self, controller):
        try:
            with self._store.changed:
                return controller.sync()
        except Exception:
            LOG.exception('%s failed', type(controller).__name__)
            self.troubles.append(traceback.format_exc())
            return time.monotonic() + 0.1
