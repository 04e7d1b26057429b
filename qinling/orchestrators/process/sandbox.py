# SPDX-License-Identifier: Apache-2.0
"""Sandbox program: namespaces, a new root directory, then the program.

Started as ``python -I -S sandbox.py <fd>``.  The file descriptor has the
fields of :class:`..sandbox_spec.SandboxSpec` as JSON, with the inodes of each
tmpfs, and additionally ``directories``, ``root`` (an empty directory as mount
point), ``program``, and ``uid`` (user id inside a user namespace).

Replacement for bubblewrap, with the same rule: only without root, create a
user namespace.  As root, the program itself must change its user.

Uses only the standard library, and imports no other module of the service.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import stat
import struct
import sys

TYPE_CHECKING = False  # without the slow import of typing
if TYPE_CHECKING:
    from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_RELATIME = 0x200000
MNT_DETACH = 0x2

#: Flags of statvfs(3) -> flags that a remount must preserve.
PRESERVED_FLAGS = {
    os.ST_NOSUID: MS_NOSUID, os.ST_NODEV: MS_NODEV,
    os.ST_NOEXEC: MS_NOEXEC, os.ST_NOATIME: MS_NOATIME,
    os.ST_NODIRATIME: MS_NODIRATIME, os.ST_RELATIME: MS_RELATIME,
}

DEVICES = ('null', 'zero', 'full', 'random', 'urandom', 'tty')
DEVICE_LINKS = (('/proc/self/fd', 'fd'), ('/proc/self/fd/0', 'stdin'),
                ('/proc/self/fd/1', 'stdout'), ('/proc/self/fd/2', 'stderr'),
                ('pts/ptmx', 'ptmx'))

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, path: str | None = None) -> None:
    """Raise the error of the last call of libc.

    :raises OSError: the result is negative.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def mount(source: str | None, target: str, kind: str | None = None,
          flags: int = 0, data: str | None = None) -> None:
    """Mount a file system, see mount(2).

    :raises OSError: the kernel refuses the mount.
    """
    def encode(value: str | None) -> bytes | None:
        return None if value is None else os.fsencode(value)

    check(libc.mount(encode(source), encode(target), encode(kind),
                     ctypes.c_ulong(flags), encode(data)), target)


def unshare(spec: dict[str, Any]) -> None:
    """Create namespaces for this process, and a pid namespace for children.
    """
    uid, gid = os.geteuid(), os.getegid()
    flags = (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS
             | CLONE_NEWCGROUP)
    if not spec['network']:
        flags |= CLONE_NEWNET
    if uid != 0:
        flags |= CLONE_NEWUSER
    check(libc.unshare(flags))
    if uid != 0:
        write('/proc/self/setgroups', 'deny')
        write('/proc/self/uid_map', '%d %d 1' % (spec['uid'], uid))
        write('/proc/self/gid_map', '%d %d 1' % (spec['uid'], gid))


def write(path: str, text: str) -> None:
    """Write a file."""
    with open(path, 'w') as target:
        target.write(text)


def build_root(spec: dict[str, Any]) -> None:
    """Create the new root below ``spec['root']``."""
    root = spec['root']
    mount(None, '/', flags=MS_REC | MS_PRIVATE)
    mount('tmpfs', root, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=0755')
    for path in spec['directories']:
        os.mkdir(root + path, 0o755)
    for source, path in spec['binds']:
        bind(source, root + path)
        for point in list_mounts(root + path):
            protect_mount(point)
    for target, path in spec['links']:
        os.symlink(target, root + path)
    for path, text in spec['files']:
        write(root + path, text)
    create_devices(root)
    for path, size, inodes in spec['tmpfs']:
        os.makedirs(root + path, exist_ok=True)
        mount('tmpfs', root + path, 'tmpfs', MS_NOSUID | MS_NODEV,
              'mode=1777,size=%d,nr_inodes=%d' % (size, inodes))
    os.mkdir(root + '/proc')
    mount('proc', root + '/proc', 'proc',
          MS_NOSUID | MS_NODEV | MS_NOEXEC)


def bind(source: str, target: str) -> None:
    """Mount a file or directory of the host."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        write(target, '')
    mount(source, target, flags=MS_BIND | MS_REC)


def list_mounts(path: str) -> list[str]:
    """Return the mount points at and below a path."""
    with open('/proc/self/mountinfo') as table:
        points = [line.split()[4] for line in table]
    # The table has blanks as \040.
    points = [point.encode().decode('unicode_escape') for point in points]
    return [point for point in points
            if point == path or point.startswith(path + '/')]


def protect_mount(path: str) -> None:
    """Remount a mount read-only, without devices and set-user-id programs."""
    try:
        present = os.statvfs(path).f_flag
    except OSError as error:
        if error.errno in (errno.EACCES, errno.ENOENT):
            return  # hidden from this process, and so from its children
        raise
    flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
    for flag, preserved in PRESERVED_FLAGS.items():
        if present & flag:
            flags |= preserved
    mount(None, path, flags=flags)


def create_devices(root: str) -> None:
    """Create a minimal /dev."""
    directory = root + '/dev'
    os.makedirs(directory, exist_ok=True)
    mount('tmpfs', directory, 'tmpfs', MS_NOSUID | MS_NOEXEC,
          'mode=0755,size=64k')
    for name in DEVICES:
        source = '/dev/' + name
        if stat.S_ISCHR(os.stat(source).st_mode):
            bind(source, os.path.join(directory, name))
    for target, name in DEVICE_LINKS:
        os.symlink(target, os.path.join(directory, name))
    os.mkdir(directory + '/shm')
    os.mkdir(directory + '/pts')
    mount('devpts', directory + '/pts', 'devpts', MS_NOSUID | MS_NOEXEC,
          'newinstance,ptmxmode=0666,mode=620')


def enter_root(spec: dict[str, Any]) -> None:
    """Change to the new root, and unmount the old root."""
    root = spec['root']
    for path in (root + '/dev', root):
        mount(None, path, flags=MS_REMOUNT | MS_RDONLY | MS_NOSUID
              | MS_BIND | (MS_NODEV if path == root else 0))
    os.chdir(root)
    # The call mounts the old root on top of the new root.
    check(libc.pivot_root(b'.', b'.'))
    check(libc.umount2(b'.', MNT_DETACH))
    os.chdir('/')


def enable_loopback() -> None:
    """Enable the loopback interface of a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        import fcntl
        request = struct.pack('16sh22x', b'lo', 0)
        flags, = struct.unpack_from('h', fcntl.ioctl(
            any_socket, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS,
                    struct.pack('16sh22x', b'lo', flags | IFF_UP))


def run_program(spec: dict[str, Any]) -> None:
    """Execute the program as first process of the sandbox.

    :raises OSError: the sandbox could not be created.
    """
    os.setsid()
    name = spec['hostname'].encode()
    check(libc.sethostname(name, len(name)))
    if not spec['network']:
        enable_loopback()
    build_root(spec)
    enter_root(spec)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if os.geteuid() != 0:
        # The program starts without capabilities, since it is not root;
        # prevent it from gaining capabilities.
        for capability in range(64):
            if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                break  # the last capability of the kernel
    os.execve(spec['program'][0], spec['program'], {})


def main(arguments: list[str]) -> None:
    """Run a program in a sandbox, and exit with the same exit code."""
    number = int(arguments[0])
    with open(number) as source:
        spec = json.load(source)
    os.umask(0o022)
    unshare(spec)
    child = os.fork()
    if child == 0:
        try:
            run_program(spec)
        except OSError as error:
            sys.stderr.write('Could not create the sandbox: %s\n' % error)
        finally:
            os._exit(1)
    # The service waits for the end of these pipes.
    for descriptor in (0, 1):
        os.close(descriptor)
    _pid, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xff)


if __name__ == '__main__':
    main(sys.argv[1:])
