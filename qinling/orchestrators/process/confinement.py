# SPDX-License-Identifier: Apache-2.0
"""What confines workers beside their namespaces, and what is in force."""

import base64
import os
import socket

from qinling.orchestrators.process import seccomp
from qinling.runtimes import agent_confinement

BYTES_PER_INODE = 4096  # of a tmpfs: an empty file takes memory, too
DEVICES = ('null', 'zero', 'full', 'random', 'urandom', 'tty')
SECCOMP = '/proc/sys/kernel/seccomp/actions_avail'

#: What strict isolation demands, and how one gets it.
REMEDIES = {
    'namespaces': (
        'install bubblewrap, run the service as root, or let users make '
        'namespaces (the sysctls user.max_user_namespaces, '
        'kernel.unprivileged_userns_clone and '
        'kernel.apparmor_restrict_unprivileged_userns)'),
    'seccomp': 'it takes CONFIG_SECCOMP_FILTER on x86_64 or aarch64',
    'control groups of': (
        'run the service as root with /sys/fs/cgroup writable, or as a unit '
        'of systemd with Delegate=yes, and leave [process] cgroup at auto'),
}


class Confinement:
    """What the agents of one driver are told to do to themselves.

    :param plan: the :class:`.plan.Plan` of workers.
    :param launcher: see :mod:`.launchers`.
    """

    def __init__(self, plan, launcher):
        self._plan = plan
        self._launcher = launcher
        self._filters = []
        if launcher.confined and os.path.exists(SECCOMP):
            families = seccomp.FAMILIES
            if not launcher.sandboxed:
                # Without a namespace these lead to services of the machine.
                families = (socket.AF_NETLINK,) + (
                    (socket.AF_INET, socket.AF_INET6) if plan.network else ())
            self._filters = [base64.b64encode(each).decode() for each in
                             seccomp.filters(families=families)]

    def settings(self, code, temporary):
        """The settings of an agent that are about this.

        :param code: where a worker without a sandbox has its code.
        :param temporary: and its other files.
        """
        rules = []
        if self._launcher.sandboxed:
            rules = sandbox_rules(self._plan)
        elif self._launcher.confined:
            rules = host_rules(self._plan, (code, temporary))
        inodes = {}
        # It takes a capability, which only root can hand on to the agent.
        if (self._launcher.sandboxed and not self._launcher.counts_inodes
                and os.geteuid() == 0):
            inodes = {path: inodes_of(size) for path, size in self._plan.tmpfs}
        return {'inodes': inodes, 'seccomp': self._filters,
                'landlock': rules}

    def report(self):
        """A flat dict of texts."""
        version = agent_confinement.landlock_version()
        landlock = 'none (this kernel has none that can be used)'
        if not self._launcher.confined:
            landlock = 'none'
        elif version >= agent_confinement.USABLE_SINCE:
            landlock = f'version {version}'
            if version < agent_confinement.SCOPES_SINCE:
                landlock += ', which lets executions of a worker signal others'
        return {
            'namespaces': ', '.join(self._namespaces()) or 'none',
            'seccomp': 'deny list' if self._filters else 'none',
            'landlock': landlock,
        }

    def _namespaces(self):
        if not self._launcher.sandboxed:
            return
        yield from ('mount', 'pid', 'ipc', 'uts', 'cgroup')
        if not self._plan.network:
            yield 'net'
        if os.geteuid() != 0:
            yield 'user'

    def missing(self, controllers, wanted):
        """What strict isolation lacks, a sentence for each thing.

        :param controllers: the control groups that are in force.
        :param wanted: those that there should be.
        """
        lacks = []
        if not self._launcher.sandboxed:
            lacks.append('namespaces')
        if not self._filters:
            lacks.append('seccomp')
        absent = sorted(set(wanted) - set(controllers))
        if absent:
            lacks.append('control groups of')
        return [f'{each}{" " + ", ".join(absent) if " of" in each else ""}: '
                f'{REMEDIES[each]}' for each in lacks]


def sandbox_rules(plan):
    """The Landlock rules that say again what the mounts of a sandbox say."""
    return ([('/', 'list'), ('/etc', 'read'), ('/proc', 'read'),
             ('/dev', 'use')]
            + [(path, 'read') for _source, path in plan.binds]
            + [(path, 'write') for path, _size in plan.tmpfs])


def host_rules(plan, private):
    """The same where all files of the host are seen.

    :param private: the directories of a worker.
    """
    return ([('/proc', 'read')]
            + [(source, 'read') for source, _path in plan.binds]
            + [('/dev/' + name, 'use') for name in DEVICES]
            + [(path, 'write') for path in private])


def can_stand_alone():
    """Whether this machine can confine workers without namespaces."""
    return (os.path.exists(SECCOMP) and bool(seccomp.filters())
            and agent_confinement.landlock_version()
            >= agent_confinement.SCOPES_SINCE)


def inodes_of(size):
    """How many files a tmpfs of so many bytes may have."""
    return max(1024, size // BYTES_PER_INODE)
