# SPDX-License-Identifier: Apache-2.0
"""Which worker runs what: seats, queues, growth and shrinkage.

Workers that have loaded the same build of the same function are a *group*.
A worker has as many seats as it may run executions at once; who finds no
free seat makes the group grow, or waits for what is growing already.
"""

import threading
import time

from oslo_log import log

from qinling.engine.workers import worker_set
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds between two tries to get a worker from an orchestrator that has
#: none to give, when nothing says sooner that one may be free.
RETRY = 1
#: Seconds that workers which are starting are waited for.
SETTLING = 60


class NoWorker(Exception):
    """No worker was free in time; the message says why."""


class Scaling:
    """Hands out seats.

    :param seats: executions that one worker runs at once.
    :param start: function of a target that returns a loaded worker, or
        raises ``TemporaryError`` or ``PermanentError``.
    :param release: function of a worker that destroys it; with
        ``lost=True`` it says why the worker had died.
    """

    def __init__(self, seats, start, release):
        self._seats = seats
        self._start = start
        self._release = release
        self._lock = threading.Lock()
        self._groups = {}
        self._starving = set()

    def acquire(self, target, deadline):
        """A :class:`~.groups.Member` with a seat for the caller, who must
        give it back with :meth:`done`.

        :param deadline: on ``time.monotonic()``.
        :raises NoWorker: there was none in time.
        :raises PermanentError: there will never be one.
        """
        reason = 'all workers of the function are busy'
        while True:
            with self._lock:
                group = self._group(target)
                member = self._wait(group, deadline, reason)
                if member is not None:
                    return member
                group.starting += 1
            try:
                return self._grow(group, taken=1)
            except exception.TemporaryError as e:
                reason = str(e)
            if not self._evict(target):
                self._starve(group, deadline)

    def _wait(self, group, deadline, reason):
        """A member with a seat taken, or ``None``: the caller shall grow the
        group."""
        while True:
            member = group.free(self._seats)
            if member is not None:
                member.busy += 1
                return member
            if group.starting * self._seats <= group.waiting:
                if time.monotonic() >= deadline:
                    raise NoWorker(reason)
                return None
            group.waiting += 1
            try:
                if not group.changed.wait(deadline - time.monotonic()):
                    raise NoWorker(reason)
            finally:
                group.waiting -= 1

    def _grow(self, group, taken):
        try:
            worker = self._start(group.target)
        except BaseException:
            with self._lock:
                group.ended()
                # Somebody who waits for this worker must try himself.
                group.changed.notify()
            raise
        member = worker_set.Member(worker, group, taken, time.monotonic())
        with self._lock:
            group.members.append(member)
            group.ended()
            self._groups.setdefault(self._key(group.target), group)
            group.changed.notify(self._seats - taken)
        return member

    def _evict(self, target):
        """Destroy the idle worker of another group that was idle longest;
        whether there was one."""
        own = self._key(target)
        with self._lock:
            idle = [member for key, group in self._groups.items()
                    for member in group.members
                    if not member.busy and key != own
                    and len(group.members) > group.least]
            if not idle:
                return False
            member = min(idle, key=lambda m: m.idle_since)
            self._remove(member)
        LOG.info('Worker %s gives way to another function.',
                 member.worker.name)
        self._release(member.worker)
        return True

    def _starve(self, group, deadline):
        with self._lock:
            self._starving.add(group)
            group.waiting += 1
            try:
                group.changed.wait(
                    max(0, min(RETRY, deadline - time.monotonic())))
            finally:
                group.waiting -= 1
                if not group.waiting:
                    self._starving.discard(group)

    def done(self, member, broken=False, lost=False):
        """Give a seat back; a broken worker is destroyed.

        :param lost: its connection broke, and the caller wants to know why.
        :returns: what the orchestrator says of it.
        """
        with self._lock:
            member.busy -= 1
            member.retiring = member.retiring or broken
            member.idle_since = time.monotonic()
            gone = member.retiring and (broken or not member.busy)
            gone = gone and self._remove(member)
            member.group.changed.notify()
            if self._starving and not member.busy:
                for group in self._starving:
                    group.changed.notify()
        if lost:
            return self._release(member.worker, lost=True)
        if gone:
            self._release(member.worker)
        return None

    def drop(self, worker):
        """A worker died: nobody shall get it any more."""
        with self._lock:
            members = [member for group in self._groups.values()
                       for member in group.members
                       if member.worker.name == worker.name]
        self._retire(members)

    def busy(self):
        """The workers that run something."""
        with self._lock:
            return [member.worker for group in self._groups.values()
                    for member in group.members if member.busy]

    def _remove(self, member):
        """Take a member out of its group; whether it was still there."""
        group = member.group
        if member not in group.members:
            return False
        group.members.remove(member)
        if not (group.members or group.starting or group.waiting):
            self._groups.pop(self._key(group.target), None)
        return True

    def _key(self, target):
        return target.slot + target.build

    def _group(self, target):
        group = self._groups.get(self._key(target))
        if group is None:
            group = self._groups[self._key(target)] = worker_set.Group(
                target, self._lock)
        return group

    def scale_up(self, target):
        """Add one worker."""
        with self._lock:
            group = self._group(target)
            group.starting += 1
        self._grow(group, taken=0)

    def scale_down(self, target, count):
        """Retire up to ``count`` workers, the idle ones first; one
        remains.  Those that are starting are waited for: users see them
        already."""
        with self._lock:
            group = self._group(target)
            group.settled.wait_for(lambda: not group.starting, SETTLING)
            members = [m for m in group.members if not m.retiring]
            members.sort(key=lambda m: (m.busy, m.idle_since))
            chosen = members[:min(count, len(members) - 1)] \
                if members else []
        self._retire(chosen)

    def detach(self, chosen):
        """Retire every worker of the groups whose target is chosen."""
        with self._lock:
            members = [member for group in self._groups.values()
                       if chosen(group.target) for member in group.members]
        self._retire(members)

    def expire(self, seconds):
        """Destroy the workers that were idle for so long."""
        limit = time.monotonic() - seconds
        members = []
        with self._lock:
            for group in self._groups.values():
                idle = [member for member in group.members
                        if not member.busy and member.idle_since <= limit]
                members += idle[:max(0, len(group.members) - group.least)]
        self._retire(members)

    def keep(self, wanted):
        """Keep workers for some targets, and for no others.

        :param wanted: (target, number) pairs.
        :returns: the targets of the workers that are missing, one for each.
        """
        missing = []
        with self._lock:
            for group in self._groups.values():
                group.least = 0
            for target, number in wanted:
                group = self._group(target)
                group.least = number
                ready = sum(not each.retiring for each in group.members)
                lacking = number - ready - group.starting
                missing += [target] * max(0, lacking)
        return missing

    def _retire(self, members):
        gone = []
        with self._lock:
            for member in members:
                member.retiring = True
                if not member.busy and self._remove(member):
                    gone.append(member.worker)
        for worker in gone:
            self._release(worker)
