# SPDX-License-Identifier: Apache-2.0
"""Workers that have loaded the same build of the same function."""

import dataclasses
import threading


@dataclasses.dataclass(eq=False)
class Member:
    """A worker in its group."""

    worker: object
    group: object
    busy: int = 0
    idle_since: float = 0.0
    #: It takes nothing new, and goes when it is done.
    retiring: bool = False


class Group:
    """The workers of one build of a function; guarded by the lock of
    :class:`Scaling`."""

    def __init__(self, target, lock):
        self.target = target
        self.members = []
        #: Members that neither expire nor give way to another function.
        self.least = 0
        self.starting = 0
        self.waiting = 0
        self.changed = threading.Condition(lock)
        #: Notified when none is starting any more.
        self.settled = threading.Condition(lock)

    def ended(self):
        """One that was starting is a member, or will not be."""
        self.starting -= 1
        if not self.starting:
            self.settled.notify_all()

    def free(self, seats):
        """The busiest member with a free seat, so that others can go idle
        and expire."""
        best = None
        for member in self.members:
            if not member.retiring and member.busy < seats and (
                    best is None or member.busy > best.busy):
                best = member
        return best
