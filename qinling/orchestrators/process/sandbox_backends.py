# SPDX-License-Identifier: Apache-2.0
"""Backends that start a program in a sandbox."""

import abc
from collections.abc import Sequence
import dataclasses
import json
import os
import shutil

from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import sandbox_spec

DIRECTORY = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass(frozen=True)
class Command:
    """Command to execute.

    ``descriptors`` are inherited files, which the caller closes after the
    start.
    """

    words: list[str]
    descriptors: list[int] = dataclasses.field(default_factory=list)


class Backend(abc.ABC):
    """Way to start a program in a sandbox.

    ``sandboxed``: the program has its own namespaces.  ``confined``: the agent
    confines executors, see :mod:`.confinement`.  ``counts_inodes``: the
    backend limits the inodes of each tmpfs.
    """

    name: str
    sandboxed: bool
    confined: bool
    counts_inodes: bool = False

    @abc.abstractmethod
    def create_command(self, spec: sandbox_spec.SandboxSpec,
                       program: Sequence[str]) -> Command:
        """Return the command that starts a program in a sandbox."""


class Bubblewrap(Backend):
    """Backend for the program ``bwrap``."""

    name = 'bubblewrap'
    sandboxed = confined = True

    def __init__(self, path: str) -> None:
        self._path = path

    def create_command(self, spec: sandbox_spec.SandboxSpec,
                       program: Sequence[str]) -> Command:
        words = [self._path, '--unshare-ipc', '--unshare-pid',
                 '--unshare-uts', '--unshare-cgroup-try', '--as-pid-1',
                 '--new-session', '--hostname', spec.hostname, '--clearenv',
                 *self._user_options()]
        if not spec.network:
            words.append('--unshare-net')
        for path in spec.directories:
            words += ('--perms', '0755', '--dir', path)
        for source, path in spec.binds:
            words += ('--ro-bind', source, path)
        for target, path in spec.links:
            words += ('--symlink', target, path)
        descriptors = [create_memory_file(text) for _path, text in spec.files]
        for (path, _text), number in zip(spec.files, descriptors):
            words += ('--perms', '0644', '--file', str(number), path)
        words += ('--proc', '/proc', '--dev', '/dev')
        for path, size in spec.tmpfs:
            words += ('--perms', '1777', '--size', str(size), '--tmpfs', path)
        words += ('--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/',
                  '--', *program)
        return Command(words, descriptors)

    def _user_options(self) -> tuple[str, ...]:
        if os.geteuid() != 0:
            uid = str(sandbox_spec.SANDBOX_UID)
            return '--unshare-user', '--uid', uid, '--gid', uid
        # As root, bwrap can mount paths that only root can access.  The agent
        # then changes its user, for which these capabilities suffice.
        return ('--cap-drop', 'ALL', '--cap-add', 'CAP_SETUID',
                '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP',
                '--cap-add', 'CAP_SYS_ADMIN')


class Namespaces(Backend):
    """Backend ``sandbox.py``, for machines without bubblewrap.

    :param interpreter: path of the Python that runs ``sandbox.py``.
    :param directory: an empty directory of the service, as mount point.
    """

    name = 'namespaces'
    sandboxed = confined = counts_inodes = True

    def __init__(self, interpreter: str, directory: str) -> None:
        self._interpreter = interpreter
        self._directory = directory

    def create_command(self, spec: sandbox_spec.SandboxSpec,
                       program: Sequence[str]) -> Command:
        number = create_memory_file(json.dumps(dict(
            dataclasses.asdict(spec), directories=spec.directories,
            tmpfs=[(path, size, confinement.count_inodes(size))
                   for path, size in spec.tmpfs],
            root=self._directory, program=program,
            uid=sandbox_spec.SANDBOX_UID)))
        return Command([self._interpreter, '-I', '-S',
                        os.path.join(DIRECTORY, 'sandbox.py'), str(number)],
                       [number])


class Plain(Backend):
    """Backend without a sandbox."""

    name = 'none'
    sandboxed = confined = False

    def create_command(self, spec: sandbox_spec.SandboxSpec,
                       program: Sequence[str]) -> Command:
        return Command(list(program))


class Confined(Plain):
    """Backend without a sandbox, but with confined executors.

    Not for root, who may change the modes of files everywhere.
    """

    name = 'landlock'
    confined = True


def list_candidates(isolation: str, interpreter: str, directory: str
                    ) -> list[Backend]:
    """Return the backends that the option ``isolation`` permits, best first.

    See :class:`Namespaces` for the other parameters.
    """
    if isolation == 'none':
        return [Plain()]
    backends: list[Backend] = [Namespaces(interpreter, directory)]
    bwrap = shutil.which('bwrap')
    if bwrap:
        backends.insert(0, Bubblewrap(bwrap))
    if isolation == 'auto':
        if os.geteuid() != 0 and confinement.can_confine_without_namespaces():
            backends.append(Confined())
        backends.append(Plain())
    return backends


def create_memory_file(text: str) -> int:
    """Return a descriptor of a file in memory, positioned at the start."""
    number = os.memfd_create('spec')
    os.write(number, text.encode())
    os.lseek(number, 0, os.SEEK_SET)
    return number
