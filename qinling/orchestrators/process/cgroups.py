# SPDX-License-Identifier: Apache-2.0
"""Control groups: what all processes of a worker may use together.

Each worker has a group of its own below the one of the service, made when it
starts and limited when it is claimed.  In version 1 that is one directory in
the hierarchy of each controller, in version 2 a single one; see
Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of Linux for the files.
"""

import logging
import os
import re
import time

LOG = logging.getLogger(__name__)

MIB = 1 << 20
CONTROLLERS = ('memory', 'pids', 'cpu')
AGENT_MEMORY = 32 * MIB         # the agent, while it unpacks a package
INTERPRETER_MEMORY = 48 * MIB   # the largest executor that has loaded nothing
AGENT_PROCESSES = 80            # launcher, agent and its connections
CPU_PERIOD = 20000              # microseconds: how long a throttled one waits
SMALLEST_QUOTA = 1000           # microseconds, by the kernel
#: Controller, file whose first line ends with the processor time, and its
#: parts of a second.
CLOCKS = (('cpuacct', 'cpuacct.usage', 1e9), ('cpu', 'cpu.stat', 1e6))
SERVICE_LEAF = 'qinling-service'
WORKER = re.compile(r'qinling-(\d+)-(\d+)-\w+')
BUSY_TRIES, BUSY_PAUSE = 5, 0.02  # removing a group whose last process ends


class NoGroup:
    """The group of a worker where there are none."""

    def add(self, pid):
        """Move a process, and all that it will start, to the group."""

    def limit(self, limits):
        """Set the :class:`..base.Limits` of a claimed worker."""

    def processor_time(self):
        """Seconds that all processes have used so far; 0 where nobody
        counts them."""
        return 0

    def let_others_first(self, yielding):
        """Whether everybody else is to run before this worker."""

    def remove(self):
        """Delete the group, whose processes are gone."""


class NoCgroups:
    """What stands for control groups that cannot be used.

    :param reason: why they cannot.
    """

    def __init__(self, reason):
        self.description = f'no cgroup ({reason})'
        self.controllers = ()

    def make(self, name):
        return NoGroup()


class Group(NoGroup):
    """The group of a worker.

    :param directories: its own directory for each controller.
    :param settings: function of limits that returns the files to write.
    """

    def __init__(self, directories, settings):
        self._directories = directories
        self._settings = settings

    def add(self, pid):
        for directory in set(self._directories.values()):
            self._write(os.path.join(directory, 'cgroup.procs'), str(pid))

    def limit(self, limits):
        for controller, name, value in self._settings(limits):
            self._set(controller, name, value)

    def processor_time(self):
        for controller, name, parts in CLOCKS:
            path = os.path.join(self._directories.get(controller, ''), name)
            try:
                with open(path) as source:
                    return int(source.readline().split()[-1]) / parts
            except OSError:
                continue  # of the other version, or gone
        return 0

    def let_others_first(self, yielding):
        self._set('cpu', 'cpu.idle', int(yielding))

    def _set(self, controller, name, value):
        if controller in self._directories:
            path = os.path.join(self._directories[controller], name)
            # Not every kernel has swap accounting and CPU bursts.
            if os.path.exists(path):
                self._write(path, str(value))

    def remove(self):
        for directory in set(self._directories.values()):
            remove(directory)

    def _write(self, path, text):
        # A worker without a limit is better than none: rlimits remain.
        try:
            write(path, text)
        except ProcessLookupError:
            pass  # the worker has ended
        except OSError as error:
            LOG.warning('A limit is not in force: writing %s to %s: %s',
                        text, path, error)


class Cgroups:
    """Control groups for workers.

    :param bases: the directory to make groups in, for each controller.
    :param settings: see :class:`Group`.
    :param description: what is in force, for the operator.
    """

    def __init__(self, bases, settings, description):
        self._bases = bases
        self._settings = settings
        self.description = description
        self.controllers = tuple(bases)
        self._prefix = f'qinling-{os.getpid()}-{start_time(os.getpid())}-'

    def make(self, name):
        """A new group for the worker ``name``.

        :raises OSError: it cannot be made.
        """
        directories = {controller: os.path.join(base, self._prefix + name)
                       for controller, base in self._bases.items()}
        group = Group(directories, self._settings)
        try:
            for directory in set(directories.values()):
                os.mkdir(directory)
        except OSError:
            group.remove()
            raise
        return group

    def remove_stale(self):
        """Remove what services that are dead have left."""
        for base in set(self._bases.values()):
            for name in os.listdir(base):
                match = WORKER.fullmatch(name)
                if match and start_time(match[1]) != int(match[2]):
                    remove(os.path.join(base, name), tries=1)


def find(options, plan):
    """The control groups that this machine lets us use: :class:`Cgroups` or
    :class:`NoCgroups`.

    :param options: the configuration group ``process``.
    :param plan: the :class:`..plan.Plan` of workers, whose tmpfs are memory.
    """
    if options.cgroup == 'off':
        return NoCgroups('switched off')
    own = own_directories('/proc/self/mountinfo', '/proc/self/cgroup')
    version = 1 if 'memory' in own else 2
    try:
        if version == 1:
            bases = {each: own[each] for each in (*CONTROLLERS, 'cpuacct')
                     if each in own}
        else:
            bases = delegate(own.get('unified'))
        settings = (settings_v1, settings_v2)[version - 1]
        spare = AGENT_MEMORY + sum(size for _path, size in plan.tmpfs)
        found = Cgroups(
            bases, lambda limits: settings(limits, spare, options.processes),
            f'cgroup v{version} ({", ".join(sorted(bases))})')
        found.remove_stale()
        found.make('probe').remove()
    except OSError as error:
        return NoCgroups(str(error))
    return found


def settings_v1(limits, spare, processes):
    """What to write for a worker: (controller, file, value)."""
    memory = memory_limit(limits, spare)
    quota = cpu_quota(limits)
    return (('memory', 'memory.limit_in_bytes', memory),
            ('memory', 'memory.memsw.limit_in_bytes', memory),
            ('pids', 'pids.max', processes + AGENT_PROCESSES),
            ('cpu', 'cpu.cfs_period_us', CPU_PERIOD),
            ('cpu', 'cpu.cfs_quota_us', quota),
            ('cpu', 'cpu.cfs_burst_us', quota))


def settings_v2(limits, spare, processes):
    """The same for version 2."""
    quota = cpu_quota(limits)
    return (('memory', 'memory.max', memory_limit(limits, spare)),
            ('memory', 'memory.swap.max', 0),
            ('pids', 'pids.max', processes + AGENT_PROCESSES),
            ('cpu', 'cpu.max', f'{quota} {CPU_PERIOD}'),
            ('cpu', 'cpu.max.burst', quota))


def memory_limit(limits, spare):
    """Bytes of all executors and of the worker around them; one executor
    alone is bounded by its rlimit."""
    return limits.slots * (limits.memory_size + INTERPRETER_MEMORY) + spare


def cpu_quota(limits):
    """Microseconds of CPU time in each period."""
    return max(SMALLEST_QUOTA, CPU_PERIOD * limits.cpu * limits.slots // 1000)


def own_directories(mounts, membership):
    """Where this process's groups are: ``{controller: directory}`` of
    version 1, and ``unified`` for version 2.

    :param mounts: a file like /proc/self/mountinfo.
    :param membership: a file like /proc/self/cgroup.
    """
    paths = {}
    with open(membership) as lines:
        for line in lines:
            _number, controllers, path = line.rstrip('\n').split(':', 2)
            for controller in controllers.split(','):
                paths[controller or 'unified'] = path
    found = {}
    with open(mounts) as lines:
        for line in lines:
            before, _dash, after = line.partition(' - ')
            root, point = before.split()[3:5]
            kind, _source, options = after.split()[:3]
            names = {'cgroup': options.split(','),
                     'cgroup2': ['unified']}.get(kind, ())
            for name in set(names) & set(paths):
                # A container may see its own part of the tree only.
                below = paths[name].removeprefix(root).lstrip('/')
                path = os.path.join(point, below)
                found[name] = path if os.path.isdir(path) else point
    return found


def delegate(own):
    """Make a group of version 2 fit to have groups of workers in it: it may
    then hold no process itself, so the service moves to a leaf.

    :param own: the directory of the service's group, or ``None``.
    :returns: ``{controller: directory}``.
    :raises OSError: that is not possible.
    """
    if own is None:
        raise OSError('cgroups are not mounted')
    if os.path.basename(own) == SERVICE_LEAF:
        own = os.path.dirname(own)
    wanted = set(CONTROLLERS) & set(read(own, 'cgroup.controllers'))
    if 'memory' not in wanted:
        raise OSError('the memory controller is not delegated to the service')
    if not wanted <= set(read(own, 'cgroup.subtree_control')):
        if set(read(own, 'cgroup.procs')) - {str(os.getpid())}:
            raise OSError('other processes are in the cgroup of the service')
        leaf = os.path.join(own, SERVICE_LEAF)
        os.makedirs(leaf, exist_ok=True)
        write(os.path.join(leaf, 'cgroup.procs'), str(os.getpid()))
        write(os.path.join(own, 'cgroup.subtree_control'),
              ' '.join(f'+{each}' for each in sorted(wanted)))
    return dict.fromkeys(wanted, own)


def start_time(pid):
    """When a process was started, in ticks since the boot; ``None`` if there
    is no such process.  With the pid it names a process for good."""
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return int(stat.read().rpartition(')')[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def remove(directory, tries=BUSY_TRIES):
    """Remove a group; one that is gone or stays busy is left."""
    for _each in range(tries):
        try:
            os.rmdir(directory)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(BUSY_PAUSE)


def read(directory, name):
    """The words in a file of a group."""
    with open(os.path.join(directory, name)) as source:
        return source.read().split()


def write(path, text):
    """Write to a file of a group, which takes all or nothing."""
    number = os.open(path, os.O_WRONLY)
    try:
        os.write(number, text.encode())
    finally:
        os.close(number)
