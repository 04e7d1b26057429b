# SPDX-License-Identifier: Apache-2.0
"""Processes below the agent: start, limits, kill and removal of orphans."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import resource
import select
import signal
import socket
import struct
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence
    from typing import Any

    import agent_confinement

PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
FORK_SECONDS = 5  # for the answer of a process that forks
EMPTY_FRAME = struct.pack('>I', 2) + b'{}'
CREDENTIALS = struct.Struct('iII')  # pid, uid and gid of the sender
CHANNEL = 3  # descriptor of the socket to the agent, in an executor
KILL_SECONDS = 1.0  # of killing orphans, until the sandbox is cleared


def seal_descriptors(*sealed: Any) -> None:
    """Close all inherited descriptors except the standard streams.

    Python creates descriptors that children do not inherit, so afterwards
    programs inherit only what their start names.

    :param sealed: descriptors that stay open, but are no longer inherited;
        other values are ignored.
    """
    for name in os.listdir('/proc/self/fd'):
        number = int(name)
        if number in sealed:
            os.set_inheritable(number, False)
        elif number > 2:
            try:
                os.close(number)
            except OSError:
                pass  # the descriptor of the listing


def harden(uid: int | None = None) -> None:
    """Drop the privileges of the agent.

    Afterwards, no process of the same user can trace the agent or read its
    memory (with the secret), no program gains privileges, and orphans below
    the agent become its children.

    :param uid: new user and group id, for an agent started as root.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if uid is not None:
        change_user(libc, uid)
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1),
                          (PR_SET_CHILD_SUBREAPER, 1), (PR_SET_DUMPABLE, 0)):
        if libc.prctl(option, value, 0, 0, 0):
            number = ctypes.get_errno()
            raise OSError(number, 'prctl %d: %s'
                          % (option, os.strerror(number)))


def change_user(libc: ctypes.CDLL, uid: int) -> None:
    """Change user and group, and drop all capabilities permanently."""
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # the last capability of the kernel
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Version 3 of the structures, this process, all sets empty.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), 'capset')


def set_rlimits(pid: int, limits: Mapping[int, int]) -> None:
    """Set soft and hard rlimits of another process of the same user.

    :param limits: ``{resource.RLIMIT_...: value}``; a present hard limit
        bounds the value.
    """
    for kind, value in limits.items():
        hard_limit = resource.prlimit(pid, kind)[1]
        if hard_limit != resource.RLIM_INFINITY:
            value = min(value, hard_limit)
        resource.prlimit(pid, kind, (value, value))


def read_data_size(pid: int) -> int:
    """Return the bytes of a process that count for RLIMIT_DATA."""
    with open('/proc/%d/status' % pid, 'rb') as status:
        for line in status:
            if line.startswith(b'VmData:'):
                return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


class ProcessTree:
    """Children of the agent: started processes and orphans.

    An orphan is a process of the user that outlived its parent.  The agent
    inherits orphans as first process of a pid namespace, or as subreaper.
    Create the object in the main thread, whose children orphans become.

    :param confinement: starts confined processes.
    :param group: descriptor of ``cgroup.procs`` of the group of started
        processes.
    :param niceness: of started processes.  Many busy processes would keep the
        agent from the processor for seconds.
    """

    def __init__(self, confinement: agent_confinement.Confinement,
                 group: int | None = None, niceness: int = 0) -> None:
        self._confinement = confinement
        self._group = group
        self._niceness = niceness
        self._lock = threading.Lock()
        self._started: set[int] = set()
        self._stopped = False
        self._children_file: int | None
        try:
            self._children_file = os.open(
                '/proc/self/task/%d/children' % threading.get_native_id(),
                os.O_RDONLY)
        except FileNotFoundError:
            self._children_file = None  # no CONFIG_PROC_CHILDREN

    def spawn(self, command: list[str], environment: Mapping[str, str],
              descriptors: Sequence[int]) -> int:
        """Start a command in a new session, and return its pid.

        :param descriptors: descriptors that become 0, 1, 2, ... of the new
            process, and are not lower than these numbers.
        """
        actions = [(os.POSIX_SPAWN_DUP2, source, target)
                   for target, source in enumerate(descriptors)]
        with self._lock:
            if self._stopped:
                raise RuntimeError('The worker is ending.')
            pid = self._confinement.call(functools.partial(
                os.posix_spawn, command[0], command, environment,
                file_actions=actions, setsid=True, setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)))
            self._started.add(pid)
        # A new process runs no code of the user yet.
        if self._niceness:
            os.setpriority(os.PRIO_PROCESS, pid, self._niceness)
        if self._group is not None:
            try:
                os.write(self._group, b'%d' % pid)
            except OSError:
                pass  # old kernels check the rights of the writer
        return pid

    def fork(self, pid: int, channel: socket.socket, request: bytes,
             descriptors: Sequence[int]) -> int:
        """Let a started process fork; return the pid of the new process.

        The new process is a child of the agent, and the leader of a session.

        :param channel: socket to the process.
        :param request: frame that asks for a fork.
        :param descriptors: descriptors for the new process: the output, the
            standard error and the channel.
        :raises OSError: there is no new process.
        """
        rights = list(descriptors)
        if self._confinement.ruleset is not None:
            rights.append(self._confinement.ruleset)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        # Until the process is registered, it looks like an orphan.
        with self._lock:
            if self._stopped:
                raise OSError(errno.ESRCH, 'The worker is ending.')
            channel.send(request)
            socket.send_fds(channel, [b'\0'], rights)
            child = receive_pid(channel)
            if child == pid or child in self._started:
                raise OSError(errno.EAGAIN, 'The process does not fork.')
            if child not in self._list_children():
                raise OSError(errno.ECHILD, 'The process left the agent.')
            self._started.add(child)
        return child

    def destroy(self, pid: int) -> int:
        """Kill the group of a started process.

        :returns: the wait status, also of a process that ended before.
        """
        kill_group(pid)
        status = os.waitpid(pid, 0)[1]
        with self._lock:
            self._started.discard(pid)
        return status

    def kill_orphans(self) -> None:
        """Kill all orphans."""
        if not self._list_children() - self._started:
            return
        with self._lock:
            deadline = time.monotonic() + KILL_SECONDS
            orphans = self._list_children() - self._started
            while orphans:
                for pid in orphans:
                    kill(pid)
                for pid in orphans:
                    reap(pid)
                if time.monotonic() > deadline:
                    self._clear_sandbox()
                orphans = self._list_children() - self._started

    def list_descendants(self, pid: int, limit: int) -> list[int]:
        """Return a started process, its descendants, and all orphans.

        :param limit: maximum number of processes.
        """
        pids = [pid]
        if self._children_file is None:
            return pids  # a scan would be slow
        pids += self._list_children() - self._started
        for parent in pids:  # grows
            if len(pids) > limit:
                break
            pids += read_children(parent)
        return pids

    def stop(self) -> None:
        """Kill every process below the agent."""
        with self._lock:
            self._stopped = True
            started, self._started = self._started, set()
        for pid in started:
            kill_group(pid)
        self.kill_orphans()

    def _clear_sandbox(self) -> None:
        # A process forks faster than the agent kills.  The kernel can kill a
        # whole pid namespace at once, including other executions.
        if os.getpid() == 1:
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass  # the last process has ended

    def _list_children(self) -> set[int]:
        if self._children_file is None:
            return scan_children(os.getpid())
        return set(map(int, os.pread(self._children_file, 1 << 16, 0).split()))


class Program:
    """Command that starts executors.

    :param tree: process tree of the agent.
    :param command: command of the bootstrap, without the channel number.
    """

    is_imported = False

    def __init__(self, tree: ProcessTree, command: list[str],
                 environment: Mapping[str, str]) -> None:
        self._tree = tree
        self._command = command + [str(CHANNEL)]
        self._environment = environment

    def start(self, descriptors: Sequence[int]) -> int:
        """Start a process, and return its pid.

        :param descriptors: descriptors that become 0, 1, 2 and the channel.
        """
        return self._tree.spawn(self._command, self._environment, descriptors)


def receive_pid(channel: socket.socket) -> int:
    """Return the pid of the process that sends an empty object.

    :raises OSError: no such message comes in time.
    """
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    if not poller.poll(FORK_SECONDS * 1000):
        raise TimeoutError(errno.ETIMEDOUT, 'The process does not answer.')
    data, ancillary, _flags, _address = channel.recvmsg(
        len(EMPTY_FRAME), socket.CMSG_SPACE(CREDENTIALS.size))
    if data != EMPTY_FRAME or not ancillary:
        raise OSError(errno.EPROTO, 'The process does not fork.')
    return CREDENTIALS.unpack(ancillary[0][2][:CREDENTIALS.size])[0]


def read_children(pid: int) -> list[int]:
    """Return the pids of the children of a process."""
    directory = '/proc/%d/task/' % pid
    pids: list[int] = []
    try:
        for thread in os.listdir(directory):
            with open(directory + thread + '/children', 'rb', 0) as file:
                pids += map(int, file.read().split())
    except OSError:
        pass  # the process or a thread has ended
    return pids


def scan_children(parent: int) -> set[int]:
    """Return the pids of the children of a process, by reading /proc."""
    children = set()
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open('/proc/%s/stat' % name, 'rb') as stat:
                fields = stat.read().rpartition(b')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            children.add(int(name))
    return children


def kill_group(pid: int) -> None:
    """Kill a session leader and its group; ignore an absent process."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill(pid: int) -> None:
    """Kill a process; ignore an absent process."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def reap(pid: int) -> None:
    """Wait for the end of a killed child."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass
