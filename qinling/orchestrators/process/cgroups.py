# SPDX-License-Identifier: Apache-2.0
"""Control groups: limits on all processes of a worker together.

Each worker has a group below the group of the service: created at the start
of the worker, limited by the claim.  A group is one directory per controller
in version 1, one directory in version 2; see Documentation/admin-guide/
cgroup-v1 and cgroup-v2.rst of Linux for the files.
"""

from collections.abc import Mapping
import contextlib
import logging
import os
import re
import time
import typing

from oslo_config import cfg

from qinling.orchestrators import base
from qinling.orchestrators.process import cgroup_limits
from qinling.orchestrators.process import sandbox_spec
from qinling.runtimes import agent_memory

LOG = logging.getLogger(__name__)

CONTROLLERS = ('memory', 'pids', 'cpu')
#: Controller, file whose first line ends with the processor time, and units
#: of the file per second.
CLOCKS = (('cpuacct', 'cpuacct.usage', 1e9), ('cpu', 'cpu.stat', 1e6))
#: Files with the kills by the kernel, in version 2 and 1.
MEMORY_EVENTS = ('memory.events', 'memory.oom_control')
SERVICE_LEAF = 'qinling-service'
#: Groups of the memory of a worker. The limit of the executors is reached
#: first, and lets the kernel kill only executors: the kernel frees the files
#: in memory of a killed process last, and until then kills the next process.
AGENT_LEAF, EXECUTORS_LEAF = 'agent', 'executors'
WORKER_NAME = re.compile(r'qinling-(\d+)-(\d+)-\w+')
#: Tries to remove a group whose last process ends, and seconds between tries.
REMOVE_TRIES, REMOVE_INTERVAL_SECONDS = 5, 0.02


class Clock(typing.Protocol):
    """Clock of the processor time of processes."""

    def read_cpu_time(self) -> float:
        """Return the processor seconds of all processes; 0 if unknown."""


class NoGroup:
    """Group of a worker on a machine without control groups."""

    def add_process(self, pid: int) -> None:
        """Move a process and its future children into the group."""

    def set_limits(self, limits: base.Limits) -> None:
        """Apply the limits of a claim."""

    def read_cpu_time(self) -> float:
        """Return the processor seconds of all processes; 0 if unknown."""
        return 0

    def open_memory_events(self) -> int | None:
        """Return a descriptor of the file with the kills by the kernel."""
        return None

    def open_executors(self) -> int | None:
        """Return a descriptor that moves executors away from the agent."""
        return None

    def has_oom_kills(self) -> bool:
        """Return whether the kernel killed a process for lack of memory."""
        return False

    def set_idle(self, idle: bool) -> None:
        """Run the worker only on processors that are otherwise idle."""

    def remove(self) -> None:
        """Delete the group after the end of all processes."""


class NoCgroups:
    """Replacement for control groups on a machine without usable groups.

    :param reason: why control groups are not usable.
    """

    controllers: tuple[str, ...] = ()

    def __init__(self, reason: str) -> None:
        self.description = f'no cgroup ({reason})'

    def create_group(self, name: str) -> NoGroup:
        """Return a group without effect."""
        return NoGroup()

    def read_cpu_time(self) -> float:
        """Return 0: unknown."""
        return 0


class Group(NoGroup):
    """Group of a worker.

    :param directories: directory of the group, by controller.
    :param limit_files: translation of limits to files.
    """

    def __init__(self, directories: Mapping[str, str],
                 limit_files: cgroup_limits.LimitFiles) -> None:
        self._directories = directories
        self._limit_files = limit_files
        self._executors: str | None = None

    def create(self) -> None:
        """Create the directories.

        :raises OSError: the kernel rejects the group.
        """
        for directory in set(self._directories.values()):
            os.mkdir(directory)
        memory = self._directories.get('memory')
        if memory is None:
            return
        if self._limit_files.version == 2:
            # A group with child groups must not contain processes.
            write_file(os.path.join(memory, 'cgroup.subtree_control'),
                       '+memory')
        for name in (AGENT_LEAF, EXECUTORS_LEAF):
            os.mkdir(os.path.join(memory, name))
        self._executors = os.path.join(memory, EXECUTORS_LEAF)

    def add_process(self, pid: int) -> None:
        memory = self._directories.get('memory')
        for directory in set(self._directories.values()):
            if directory == memory and self._executors:
                directory = os.path.join(directory, AGENT_LEAF)
            self._write(os.path.join(directory, 'cgroup.procs'), str(pid))

    def open_executors(self) -> int | None:
        if self._executors is None:
            return None
        return os.open(os.path.join(self._executors, 'cgroup.procs'),
                       os.O_WRONLY | os.O_CLOEXEC)

    def set_limits(self, limits: base.Limits) -> None:
        for controller, name, value in self._limit_files.list_files(limits):
            self._set(controller, name, value)
        if self._executors:
            for name, value in self._limit_files.list_memory_files(
                    self._limit_files.memory_limit(limits)):
                path = os.path.join(self._executors, name)
                if os.path.exists(path):
                    self._write(path, str(value))

    def read_cpu_time(self) -> float:
        return read_clock(self._directories)

    def open_memory_events(self) -> int | None:
        directory = self._executors or self._directories.get('memory')
        for name in MEMORY_EVENTS if directory else ():
            with contextlib.suppress(OSError):
                return os.open(os.path.join(directory or '', name),
                               os.O_RDONLY | os.O_CLOEXEC)
        return None

    def has_oom_kills(self) -> bool:
        number = self.open_memory_events()
        if number is None:
            return False
        with open(number, 'rb') as events:
            return agent_memory.parse_oom_kills(events.read()) > 0

    def set_idle(self, idle: bool) -> None:
        self._set('cpu', 'cpu.idle', int(idle))

    def remove(self) -> None:
        for directory in set(self._directories.values()):
            remove_group(directory)

    def _set(self, controller: str, name: str, value: int | str) -> None:
        if controller in self._directories:
            path = os.path.join(self._directories[controller], name)
            # Not every kernel has swap accounting and CPU bursts.
            if os.path.exists(path):
                self._write(path, str(value))

    def _write(self, path: str, text: str) -> None:
        # rlimits remain in force without the limit of a group.
        try:
            write_file(path, text)
        except ProcessLookupError:
            pass  # the worker has ended
        except OSError as error:
            LOG.warning('Could not write limit %s to %s: %s', text, path,
                        error)


class Cgroups:
    """Control groups for workers.

    :param bases: parent directory of the groups, by controller.
    :param limit_files: translation of limits to files.
    :param description: control groups in force, for operators.
    """

    def __init__(self, bases: Mapping[str, str],
                 limit_files: cgroup_limits.LimitFiles,
                 description: str) -> None:
        self._bases = bases
        self._limit_files = limit_files
        self.description = description
        self.controllers = tuple(bases)
        pid = os.getpid()
        self._prefix = f'qinling-{pid}-{read_start_time(pid)}-'

    def create_group(self, name: str) -> NoGroup:
        """Create the group of the worker ``name``.

        :raises OSError: the kernel rejects the group.
        """
        directories = {controller: os.path.join(base, self._prefix + name)
                       for controller, base in self._bases.items()}
        group = Group(directories, self._limit_files)
        try:
            group.create()
        except OSError:
            group.remove()
            raise
        return group

    def read_cpu_time(self) -> float:
        """Return the processor seconds of this service and all workers."""
        return read_clock(self._bases)

    def remove_stale(self) -> None:
        """Remove the groups of dead services."""
        for directory in set(self._bases.values()):
            for name in os.listdir(directory):
                match = WORKER_NAME.fullmatch(name)
                if match and read_start_time(match[1]) != int(match[2]):
                    remove_group(os.path.join(directory, name), tries=1)


def detect_cgroups(options: cfg.ConfigOpts.GroupAttr,
                   spec: sandbox_spec.SandboxSpec) -> Cgroups | NoCgroups:
    """Return the usable control groups of this machine.

    :param options: the configuration group ``process``.
    :param spec: sandbox of the workers, whose tmpfs count as memory.
    """
    if options.cgroup == 'off':
        return NoCgroups('switched off')
    present = find_own_directories('/proc/self/mountinfo', '/proc/self/cgroup')
    version = 1 if 'memory' in present else 2
    try:
        if version == 1:
            bases = {controller: present[controller]
                     for controller in (*CONTROLLERS, 'cpuacct')
                     if controller in present}
        else:
            bases = delegate_controllers(present.get('unified'))
        files = dict(spec.tmpfs)
        cgroups = Cgroups(bases, cgroup_limits.LimitFiles(
            version, sum(files.values()), options.processes, options.idle_cpu,
            # The agent unpacks the code.
            cgroup_limits.AGENT_MEMORY_BYTES
            + files.get(sandbox_spec.CODE, 0)),
                          f'cgroup v{version} ({", ".join(sorted(bases))})')
        cgroups.remove_stale()
        cgroups.create_group('probe').remove()
    except OSError as error:
        return NoCgroups(str(error))
    return cgroups


def find_own_directories(mounts: str, membership: str) -> dict[str, str]:
    """Return the directories of the groups of this process.

    :param mounts: a file like /proc/self/mountinfo.
    :param membership: a file like /proc/self/cgroup.
    :returns: ``{controller: directory}`` of version 1; version 2 has the key
        ``unified``.
    """
    paths = {}
    with open(membership) as lines:
        for line in lines:
            _number, controllers, path = line.rstrip('\n').split(':', 2)
            for controller in controllers.split(','):
                paths[controller or 'unified'] = path
    directories = {}
    with open(mounts) as lines:
        for line in lines:
            before, _dash, after = line.partition(' - ')
            root, point = before.split()[3:5]
            kind, _source, options = after.split()[:3]
            names = {'cgroup': options.split(','),
                     'cgroup2': ['unified']}.get(kind, ())
            for name in set(names) & set(paths):
                # A container may see only its part of the tree.
                below = paths[name].removeprefix(root).lstrip('/')
                path = os.path.join(point, below)
                directories[name] = path if os.path.isdir(path) else point
    return directories


def delegate_controllers(parent: str | None) -> dict[str, str]:
    """Prepare a group of version 2 for child groups.

    A group with child groups must not contain processes, so the service moves
    to a leaf.

    :param parent: directory of the group of the service.
    :returns: ``{controller: directory}``.
    :raises OSError: the kernel or the delegation does not permit groups.
    """
    if parent is None:
        raise OSError('cgroups are not mounted')
    if os.path.basename(parent) == SERVICE_LEAF:
        parent = os.path.dirname(parent)
    controllers = set(CONTROLLERS) & set(
        read_words(parent, 'cgroup.controllers'))
    if 'memory' not in controllers:
        raise OSError('the memory controller is not delegated to the service')
    if not controllers <= set(read_words(parent, 'cgroup.subtree_control')):
        if set(read_words(parent, 'cgroup.procs')) - {str(os.getpid())}:
            raise OSError('other processes are in the cgroup of the service')
        leaf = os.path.join(parent, SERVICE_LEAF)
        os.makedirs(leaf, exist_ok=True)
        write_file(os.path.join(leaf, 'cgroup.procs'), str(os.getpid()))
        write_file(os.path.join(parent, 'cgroup.subtree_control'),
                   ' '.join(f'+{name}' for name in sorted(controllers)))
    return dict.fromkeys(controllers, parent)


def read_clock(directories: Mapping[str, str]) -> float:
    """Return the processor seconds of a group and the groups below.

    :param directories: directory of the group, by controller.
    :returns: 0 if unknown.
    """
    for controller, name, units in CLOCKS:
        path = os.path.join(directories.get(controller, ''), name)
        # The file is absent in the other version and after removal.
        with contextlib.suppress(OSError), open(path) as file:
            return int(file.readline().split()[-1]) / units
    return 0


def read_start_time(pid: int | str) -> int | None:
    """Return the start of a process in clock ticks since boot.

    Pid and start identify a process permanently.

    :returns: ``None`` without such a process.
    """
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return int(stat.read().rpartition(')')[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def remove_group(directory: str, tries: int = REMOVE_TRIES) -> None:
    """Remove a group; ignore an absent group, and a group that stays busy."""
    for _number in range(tries):
        for name in (AGENT_LEAF, EXECUTORS_LEAF):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(directory, name))
        try:
            os.rmdir(directory)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(REMOVE_INTERVAL_SECONDS)


def read_words(directory: str, name: str) -> list[str]:
    """Return the words in a file of a group."""
    with open(os.path.join(directory, name)) as file:
        return file.read().split()


def write_file(path: str, text: str) -> None:
    """Write to a file of a group in a single call, as the kernel requires."""
    number = os.open(path, os.O_WRONLY)
    try:
        os.write(number, text.encode())
    finally:
        os.close(number)
