# SPDX-License-Identifier: Apache-2.0
"""Room for pods on a full cluster."""

from collections.abc import Callable
import threading
import time

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import background as backgrounds
from qinling.orchestrators.kubernetes import pods

#: Seconds between two workers that give way: the scheduler needs a moment to
#: see the room of the first.
INTERVAL_SECONDS = 0.5


class Room:
    """Lets idle workers give way while a pod has no node.

    The pod stays, so that an autoscaler of the cluster sees it.

    :param make_room: asks the engine to destroy an idle worker.
    """

    def __init__(self, make_room: Callable[[], object],
                 background: backgrounds.Background,
                 changed: threading.Condition) -> None:
        self._make_room = make_room
        self._background = background
        self._changed = changed
        self._next = 0.0

    def wait(self, pod: apis.Resource | None, seconds: float) -> None:
        """Wait for a change of the view; the caller holds the condition."""
        if pod is not None and pods.has_no_node(pod):
            seconds = min(seconds, INTERVAL_SECONDS)
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + INTERVAL_SECONDS
                self._background.submit(self._make_room)
        self._changed.wait(seconds)
