# SPDX-License-Identifier: Apache-2.0
"""Control groups: limits on all processes of a worker together.

Each worker has a group below the group of the service: created at the start
of the worker, limited by the claim.  A group is one directory per controller
in version 1, one directory in version 2; see Documentation/admin-guide/
cgroup-v1 and cgroup-v2.rst of Linux for the files.
"""

from collections.abc import Mapping
import contextlib
import dataclasses
import logging
import os
import re
import time

from oslo_config import cfg

from qinling.orchestrators import base
from qinling.orchestrators.process import sandbox_spec
from qinling.runtimes import agent_memory

LOG = logging.getLogger(__name__)

MIB = 1 << 20
CONTROLLERS = ('memory', 'pids', 'cpu')
AGENT_MEMORY_BYTES = 32 * MIB         # an agent that unpacks a package
INTERPRETER_MEMORY_BYTES = 48 * MIB   # the largest executor without a function
AGENT_PROCESSES = 80                  # launcher, agent and its connections
CPU_PERIOD_MICROSECONDS = 20000       # longest wait of a throttled process
MIN_QUOTA_MICROSECONDS = 1000         # minimum of the kernel
#: Controller, file whose first line ends with the processor time, and units
#: of the file per second.
CLOCKS = (('cpuacct', 'cpuacct.usage', 1e9), ('cpu', 'cpu.stat', 1e6))
#: Files with the kills by the kernel, in version 2 and 1.
MEMORY_EVENTS = ('memory.events', 'memory.oom_control')
SERVICE_LEAF = 'qinling-service'
WORKER_NAME = re.compile(r'qinling-(\d+)-(\d+)-\w+')
#: Tries to remove a group whose last process ends, and seconds between tries.
REMOVE_TRIES, REMOVE_INTERVAL_SECONDS = 5, 0.02


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

    def has_oom_kills(self) -> bool:
        """Return whether the kernel killed a process for lack of memory."""
        return False

    def set_idle(self, idle: bool) -> None:
        """Run the worker only on processors that are otherwise idle."""

    def remove(self) -> None:
        """Delete the group after the end of its processes."""


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


@dataclasses.dataclass(frozen=True)
class LimitFiles:
    """Translation of limits to files of control groups.

    :param version: version of control groups, 1 or 2.
    :param spare: bytes of memory beside the executors.
    :param processes: maximum number of processes of the executors.
    :param idle_cpu: thousandths of a core that a worker may use in any case,
        while the machine has idle processors.
    """

    version: int
    spare: int
    processes: int
    idle_cpu: int = 0

    def list_files(self, limits: base.Limits
                   ) -> tuple[tuple[str, str, int | str], ...]:
        """Return (controller, file, value) of each file to write."""
        memory = self.memory_limit(limits)
        quota = cpu_quota(limits, self.idle_cpu)
        weight = limits.cpu * limits.slots
        pids = ('pids', 'pids.max', self.processes + AGENT_PROCESSES)
        if self.version == 1:
            return (('memory', 'memory.limit_in_bytes', memory),
                    ('memory', 'memory.memsw.limit_in_bytes', memory), pids,
                    ('cpu', 'cpu.cfs_period_us', CPU_PERIOD_MICROSECONDS),
                    ('cpu', 'cpu.cfs_quota_us', quota),
                    ('cpu', 'cpu.cfs_burst_us', quota),
                    ('cpu', 'cpu.shares', max(2, weight * 1024 // 1000)))
        return (('memory', 'memory.max', memory),
                ('memory', 'memory.swap.max', 0), pids,
                ('cpu', 'cpu.max', f'{quota} {CPU_PERIOD_MICROSECONDS}'),
                ('cpu', 'cpu.max.burst', quota),
                ('cpu', 'cpu.weight', min(10000, max(1, weight // 10))))

    def memory_limit(self, limits: base.Limits) -> int:
        """Return the bytes of a worker; rlimits bound each executor."""
        return limits.slots * (
            limits.memory_size + INTERPRETER_MEMORY_BYTES) + self.spare


class Group(NoGroup):
    """Group of a worker.

    :param directories: directory of the group, by controller.
    :param limit_files: translation of limits to files.
    """

    def __init__(self, directories: Mapping[str, str],
                 limit_files: LimitFiles) -> None:
        self._directories = directories
        self._limit_files = limit_files

    def add_process(self, pid: int) -> None:
        for directory in set(self._directories.values()):
            self._write(os.path.join(directory, 'cgroup.procs'), str(pid))

    def set_limits(self, limits: base.Limits) -> None:
        for controller, name, value in self._limit_files.list_files(limits):
            self._set(controller, name, value)

    def read_cpu_time(self) -> float:
        for controller, name, units in CLOCKS:
            path = os.path.join(self._directories.get(controller, ''), name)
            # The file is absent in the other version and after removal.
            with contextlib.suppress(OSError), open(path) as file:
                return int(file.readline().split()[-1]) / units
        return 0

    def open_memory_events(self) -> int | None:
        directory = self._directories.get('memory')
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

    def __init__(self, bases: Mapping[str, str], limit_files: LimitFiles,
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
            for directory in set(directories.values()):
                os.mkdir(directory)
        except OSError:
            group.remove()
            raise
        return group

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
        spare = AGENT_MEMORY_BYTES + sum(size for _path, size in spec.tmpfs)
        cgroups = Cgroups(bases, LimitFiles(
            version, spare, options.processes, options.idle_cpu),
                          f'cgroup v{version} ({", ".join(sorted(bases))})')
        cgroups.remove_stale()
        cgroups.create_group('probe').remove()
    except OSError as error:
        return NoCgroups(str(error))
    return cgroups


def cpu_quota(limits: base.Limits, idle_cpu: int = 0) -> int:
    """Return the microseconds of CPU time in each period."""
    return max(MIN_QUOTA_MICROSECONDS, CPU_PERIOD_MICROSECONDS
               * max(limits.cpu * limits.slots, idle_cpu) // 1000)


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
