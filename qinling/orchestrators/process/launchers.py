# SPDX-License-Identifier: Apache-2.0
"""Commands that start a program in a sandbox made after a plan."""

import dataclasses
import json
import os
import shutil

from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import plan as plans

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass(frozen=True)
class Command:
    """What to execute; ``descriptors`` are files that it inherits, which
    the caller closes when it is started."""

    words: list
    descriptors: list = dataclasses.field(default_factory=list)


class Bubblewrap:
    """The program ``bwrap``."""

    name = 'bubblewrap'
    sandboxed = confined = True
    counts_inodes = False

    def __init__(self, path):
        self._path = path

    def command(self, plan, program):
        words = [self._path, '--unshare-ipc', '--unshare-pid',
                 '--unshare-uts', '--unshare-cgroup-try', '--as-pid-1',
                 '--new-session', '--hostname', plan.hostname, '--clearenv',
                 *self._user()]
        if not plan.network:
            words.append('--unshare-net')
        for path in plan.directories:
            words += ('--perms', '0755', '--dir', path)
        for source, path in plan.binds:
            words += ('--ro-bind', source, path)
        for target, path in plan.links:
            words += ('--symlink', target, path)
        descriptors = [memory_file(text) for _path, text in plan.files]
        for (path, _text), number in zip(plan.files, descriptors):
            words += ('--perms', '0644', '--file', str(number), path)
        words += ('--proc', '/proc', '--dev', '/dev')
        for path, size in plan.tmpfs:
            words += ('--perms', '1777', '--size', str(size), '--tmpfs', path)
        words += ('--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/',
                  '--', *program)
        return Command(words, descriptors)

    def _user(self):
        if os.geteuid() != 0:
            uid = str(plans.SANDBOX_UID)
            return '--unshare-user', '--uid', uid, '--gid', uid
        # As root it makes the mounts, also of what only root can reach; the
        # agent then becomes somebody else, and needs only these.
        return ('--cap-drop', 'ALL', '--cap-add', 'CAP_SETUID',
                '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP',
                '--cap-add', 'CAP_SYS_ADMIN')


class Namespaces:
    """Our own ``sandbox.py``, for machines without bubblewrap.

    :param interpreter: path of the Python that runs it.
    :param directory: an empty directory of the service, to mount on.
    """

    name = 'namespaces'
    sandboxed = confined = True
    counts_inodes = True

    def __init__(self, interpreter, directory):
        self._interpreter = interpreter
        self._directory = directory

    def command(self, plan, program):
        number = memory_file(json.dumps(dict(
            dataclasses.asdict(plan), directories=plan.directories,
            tmpfs=[(path, size, confinement.inodes_of(size))
                   for path, size in plan.tmpfs],
            root=self._directory, program=program, uid=plans.SANDBOX_UID)))
        return Command([self._interpreter, '-I', '-S',
                        os.path.join(HERE, 'sandbox.py'), str(number)],
                       [number])


class Plain:
    """No sandbox at all."""

    name = 'none'
    sandboxed = confined = False

    def command(self, plan, program):
        return Command(list(program))


class Confined(Plain):
    """No sandbox, but an agent that confines its executors: see
    :mod:`.confinement`.  Not for root, who may change the modes of files
    wherever they are."""

    name = 'landlock'
    confined = True


def candidates(isolation, interpreter, directory):
    """The launchers that the option ``isolation`` lets us try, best
    first."""
    if isolation == 'none':
        return [Plain()]
    found = [Namespaces(interpreter, directory)]
    bwrap = shutil.which('bwrap')
    if bwrap:
        found.insert(0, Bubblewrap(bwrap))
    if isolation == 'auto':
        if os.geteuid() != 0 and confinement.can_stand_alone():
            found.append(Confined())
        found.append(Plain())
    return found


def memory_file(text):
    """A file descriptor to read ``text`` from."""
    number = os.memfd_create('plan')
    os.write(number, text.encode())
    os.lseek(number, 0, os.SEEK_SET)
    return number
