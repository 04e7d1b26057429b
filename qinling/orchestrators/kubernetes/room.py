# SPDX-License-Identifier: Apache-2.0
"""Room for pods on a full cluster."""

from collections.abc import Collection
import threading
import time
import typing

from qinling import exception
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import background as backgrounds
from qinling.orchestrators.kubernetes import outages
from qinling.orchestrators.kubernetes import pods

#: Seconds between two workers that give way: the scheduler needs a moment to
#: see the room of the first.
INTERVAL_SECONDS = 0.5


def check_maximum(maximum: int, claimed: Collection[str],
                  own_names: set[str], ended: Collection[str]) -> None:
    """Refuse a further worker if there are too many.

    :param claimed: names of the claimed pods in the view.
    :param own_names: pods that this engine claims or has claimed.
    :param ended: names of pods in the view that do not count, unless in
        ``own_names``.
    :raises NoRoom: there are ``maximum`` workers.
    """
    count = (len(claimed) + sum(name not in claimed for name in own_names)
             - sum(name in claimed and name not in own_names
                   for name in ended))
    if count >= maximum:
        raise exception.NoRoom(
            f'There are {maximum} workers already, the most that '
            '[kubernetes] max_workers allows.')


class Owner(typing.Protocol):
    """Orchestrator whose workers may give way."""

    def make_room(self) -> None:
        """Ask the engine to destroy an idle worker."""


class Room:
    """Lets idle workers give way while a pod has no node.

    The pod stays, so that an autoscaler of the cluster sees it.

    :param owner: asks the engine to destroy an idle worker.
    :param current: the outages, in which nothing gives way.
    """

    def __init__(self, owner: Owner,
                 background: backgrounds.Background,
                 changed: threading.Condition,
                 current: outages.Outages) -> None:
        self._owner = owner
        self._background = background
        self._changed = changed
        self._outages = current
        self._next = 0.0

    def wait(self, pod: apis.Resource | None, seconds: float) -> None:
        """Wait for a change of the view; the caller holds the condition."""
        if (pod is not None and pods.has_no_node(pod)
                and not self._outages.is_present):
            seconds = min(seconds, INTERVAL_SECONDS)
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + INTERVAL_SECONDS
                self._background.submit(self._owner.make_room)
        self._changed.wait(seconds)
