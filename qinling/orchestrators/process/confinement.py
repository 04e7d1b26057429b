# SPDX-License-Identifier: Apache-2.0
"""Confinement of workers beside namespaces: seccomp, Landlock, inodes."""

import base64
from collections.abc import Collection
from collections.abc import Iterator
import os
import socket
import typing

from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import seccomp
from qinling.runtimes import agent_confinement

if typing.TYPE_CHECKING:
    from qinling.orchestrators.process import sandbox_backends

BYTES_PER_INODE = 4096  # of a tmpfs: an empty file uses memory, too
DEVICES = ('null', 'zero', 'full', 'random', 'urandom', 'tty')
SECCOMP = '/proc/sys/kernel/seccomp/actions_avail'

#: Element of strict isolation -> how to enable the element.
REMEDIES = {
    'namespaces': (
        'install bubblewrap, run the service as root, or let users create '
        'namespaces (the sysctls user.max_user_namespaces, '
        'kernel.unprivileged_userns_clone and '
        'kernel.apparmor_restrict_unprivileged_userns)'),
    'seccomp': 'use a kernel with CONFIG_SECCOMP_FILTER on x86_64 or aarch64',
    'control groups of': (
        'run the service as root with /sys/fs/cgroup writable, or as a unit '
        'of systemd with Delegate=yes, and leave [process] cgroup at auto'),
}

#: Pairs of a path and a key of ``agent_confinement.GRANTS``.
Rules = list[tuple[str, str]]


class Confinement:
    """Confinement that the agents of a driver apply to themselves.

    :param spec: sandbox of the workers.
    :param backend: backend that starts the sandboxes.
    :param controllers: control groups in force.
    """

    def __init__(self, spec: sandbox_spec.SandboxSpec,
                 backend: 'sandbox_backends.Backend',
                 controllers: Collection[str] = ()) -> None:
        self._spec = spec
        self._backend = backend
        self._filters: list[str] = []
        if backend.confined and os.path.exists(SECCOMP):
            families: tuple[int, ...] = seccomp.FAMILIES
            if not backend.sandboxed:
                # Without namespaces, sockets of the other families connect to
                # services of the machine.
                families = (socket.AF_NETLINK,) + (
                    (socket.AF_INET, socket.AF_INET6) if spec.network else ())
            self._filters = [base64.b64encode(program).decode() for program in
                             seccomp.build_filters(
                                 families=families,
                                 memory_files='memory' in controllers)]

    def create_settings(self, code: str, temporary: str
                        ) -> dict[str, typing.Any]:
        """Return the settings of an agent about confinement.

        :param code: directory of the code, of a worker without a sandbox.
        :param temporary: directory of other files, likewise.
        """
        rules: Rules = []
        if self._backend.sandboxed:
            rules = list_sandbox_rules(self._spec)
        elif self._backend.confined:
            rules = list_host_rules(self._spec, (code, temporary))
        inodes = {}
        # Only root can pass the necessary capability to the agent.
        if (self._backend.sandboxed and not self._backend.counts_inodes
                and os.geteuid() == 0):
            inodes = {path: count_inodes(size)
                      for path, size in self._spec.tmpfs}
        return {'inodes': inodes, 'seccomp': self._filters,
                'landlock': rules}

    def describe(self) -> dict[str, str]:
        """Return the confinement in force, as texts for operators."""
        version = agent_confinement.landlock_version()
        landlock = 'none (this kernel has no usable version)'
        if not self._backend.confined:
            landlock = 'none'
        elif version >= agent_confinement.USABLE_SINCE:
            landlock = f'version {version}'
            if version < agent_confinement.SCOPES_SINCE:
                landlock += ', which lets executions of a worker signal others'
        return {
            'namespaces': ', '.join(self._list_namespaces()) or 'none',
            'seccomp': 'deny list' if self._filters else 'none',
            'landlock': landlock,
        }

    def _list_namespaces(self) -> Iterator[str]:
        if not self._backend.sandboxed:
            return
        yield from ('mount', 'pid', 'ipc', 'uts', 'cgroup')
        if not self._spec.network:
            yield 'net'
        if os.geteuid() != 0:
            yield 'user'

    def list_missing(self, controllers: Collection[str],
                     required: Collection[str]) -> list[str]:
        """Return a sentence for each missing element of strict isolation.

        :param controllers: control groups in force.
        :param required: control groups of strict isolation.
        """
        missing = []
        if not self._backend.sandboxed:
            missing.append(f'namespaces: {REMEDIES["namespaces"]}')
        if not self._filters:
            missing.append(f'seccomp: {REMEDIES["seccomp"]}')
        absent = sorted(set(required) - set(controllers))
        if absent:
            missing.append(f'control groups of {", ".join(absent)}: '
                           + REMEDIES['control groups of'])
        return missing


def list_sandbox_rules(spec: sandbox_spec.SandboxSpec) -> Rules:
    """Return the Landlock rules that repeat the mounts of a sandbox."""
    return ([('/', 'list'), ('/etc', 'read'), ('/proc', 'read'),
             ('/dev', 'use')]
            + [(path, 'read') for _source, path in spec.binds]
            + [(path, 'write') for path, _size in spec.tmpfs])


def list_host_rules(spec: sandbox_spec.SandboxSpec,
                    private: Collection[str]) -> Rules:
    """Return the Landlock rules of a worker that sees the files of the host.

    :param private: writable directories of the worker.
    """
    return ([('/proc', 'read')]
            + [(source, 'read') for source, _path in spec.binds]
            + [('/dev/' + name, 'use') for name in DEVICES]
            + [(path, 'write') for path in private])


def can_confine_without_namespaces() -> bool:
    """Return whether this machine can confine workers without namespaces."""
    return (os.path.exists(SECCOMP) and bool(seccomp.build_filters())
            and agent_confinement.landlock_version()
            >= agent_confinement.SCOPES_SINCE)


def count_inodes(size: int) -> int:
    """Return the maximum number of files of a tmpfs with ``size`` bytes."""
    return max(1024, size // BYTES_PER_INODE)
