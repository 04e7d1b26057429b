# SPDX-License-Identifier: Apache-2.0
"""The processes below the agent: start, confine, kill, leave none behind."""

import ctypes
import functools
import os
import resource
import signal
import threading
import time

PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
CONVERGENCE = 1.0  # seconds of killing until the whole sandbox is cleared


def harden(uid=None):
    """Give up what the agent does not need.

    Afterwards no process of the same user can trace the agent or read its
    memory (it knows the secret), no program gains privileges, and orphans
    below the agent become its children.

    :param uid: a number to become as user and group, for an agent that a
        sandbox started as root.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if uid is not None:
        become(libc, uid)
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1),
                          (PR_SET_CHILD_SUBREAPER, 1), (PR_SET_DUMPABLE, 0)):
        if libc.prctl(option, value, 0, 0, 0):
            number = ctypes.get_errno()
            raise OSError(number, 'prctl %d: %s'
                          % (option, os.strerror(number)))


def become(libc, uid):
    """Become an ordinary user without any capability, for good."""
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # the kernel has no more of them
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Version 3 of the structures, this process, and all sets empty.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), 'capset')


def confine(pid, limits):
    """Set the rlimits of another process of the same user, soft and hard.

    :param limits: ``{resource.RLIMIT_...: value}``; a value above the hard
        limit that is there already means that limit.
    """
    for kind, value in limits.items():
        present = resource.prlimit(pid, kind)[1]
        if present != resource.RLIM_INFINITY:
            value = min(value, present)
        resource.prlimit(pid, kind, (value, value))


def data_size(pid):
    """Bytes of a process that RLIMIT_DATA counts."""
    with open('/proc/%d/status' % pid, 'rb') as status:
        for line in status:
            if line.startswith(b'VmData:'):
                return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


class Family:
    """The agent's children: those that it started, and strays.

    A stray is an orphan that the agent inherited, being the first process of
    its namespace or a subreaper: something of the user's that outlived its
    parent.  Use it from the main thread first: orphans come to that one.

    :param confinement: what processes are started in, see
        :class:`agent_confinement.Confinement`.
    """

    def __init__(self, confinement):
        self._confinement = confinement
        self._lock = threading.Lock()
        self._own = set()
        self._ended = False
        try:
            self._list = os.open('/proc/self/task/%d/children'
                                 % threading.get_native_id(), os.O_RDONLY)
        except FileNotFoundError:
            self._list = None  # a kernel without CONFIG_PROC_CHILDREN

    def spawn(self, command, environment, descriptors):
        """Start ``command`` in a session of its own; returns its pid.

        :param descriptors: ours that become 0, 1, 2, ... of the new process;
            none of them may be lower than that.
        """
        actions = [(os.POSIX_SPAWN_DUP2, ours, theirs)
                   for theirs, ours in enumerate(descriptors)]
        with self._lock:
            if self._ended:
                raise RuntimeError('The worker is ending.')
            pid = self._confinement.call(functools.partial(
                os.posix_spawn, command[0], command, environment,
                file_actions=actions, setsid=True, setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)))
            self._own.add(pid)
        return pid

    def bury(self, pid):
        """Kill a process that :meth:`spawn` started, with its group; returns
        its wait status, which is its own if it had ended already."""
        kill_group(pid)
        status = os.waitpid(pid, 0)[1]
        with self._lock:
            self._own.discard(pid)
        return status

    def sweep(self):
        """Kill strays until none is left."""
        if not self._children() - self._own:
            return
        with self._lock:
            deadline = time.monotonic() + CONVERGENCE
            strays = self._children() - self._own
            while strays:
                for pid in strays:
                    kill(pid)
                for pid in strays:
                    reap(pid)
                if time.monotonic() > deadline:
                    self._clear_sandbox()
                strays = self._children() - self._own

    def end(self):
        """Kill every process below the agent."""
        with self._lock:
            self._ended = True
            own, self._own = self._own, set()
        for pid in own:
            kill_group(pid)
        self.sweep()

    def _clear_sandbox(self):
        # Something forks faster than we kill.  The kernel can end all of a
        # pid namespace in one step, which costs other executions, too.
        if os.getpid() == 1:
            os.kill(-1, signal.SIGKILL)

    def _children(self):
        if self._list is None:
            return children_by_scan(os.getpid())
        return set(map(int, os.pread(self._list, 1 << 16, 0).split()))


def children_by_scan(parent):
    """The pids of a process's children, from all of /proc."""
    found = set()
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open('/proc/%s/stat' % name, 'rb') as stat:
                fields = stat.read().rpartition(b')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.add(int(name))
    return found


def kill_group(pid):
    """SIGKILL a session leader and its group; a dead one is no error."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill(pid):
    """SIGKILL a process; a dead one is no error."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def reap(pid):
    """Wait for the end of a killed child."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass
