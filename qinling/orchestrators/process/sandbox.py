# SPDX-License-Identifier: Apache-2.0
"""Our own sandbox: namespaces, a root of its own, then the program.

Started as ``python -I -S sandbox.py <fd>``, with a file descriptor to read a
plan from (the fields of :class:`..plan.Plan`, with the inodes of each tmpfs,
its directories, an empty directory ``root`` to mount on, the ``program``, and
the ``uid`` to be inside a user namespace).  It stands in for bubblewrap where
that is not installed, and like that it makes a user namespace only when it is
not run by root: as root the program itself has to become somebody else.

Uses nothing but the standard library, and imports nothing of the service.
"""

import ctypes
import errno
import json
import os
import socket
import stat
import struct
import sys

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

#: What a mount made elsewhere may have and we must not take away.
KEPT_FLAGS = {
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


def check(result, *what):
    """Raise what the last call of libc complained of."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *what[:1])


def mount(source, target, kind=None, flags=0, data=None):
    def text(value):
        return None if value is None else os.fsencode(value)

    check(libc.mount(text(source), text(target), text(kind),
                     ctypes.c_ulong(flags), text(data)), target)


def unshare(plan):
    """Leave the namespaces of the host, but for that of the pids: the
    children of this process are in a new one."""
    uid, gid = os.geteuid(), os.getegid()
    flags = (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS
             | CLONE_NEWCGROUP)
    if not plan['network']:
        flags |= CLONE_NEWNET
    if uid != 0:
        flags |= CLONE_NEWUSER
    check(libc.unshare(flags))
    if uid != 0:
        write('/proc/self/setgroups', 'deny')
        write('/proc/self/uid_map', '%d %d 1' % (plan['uid'], uid))
        write('/proc/self/gid_map', '%d %d 1' % (plan['uid'], gid))


def write(path, text):
    with open(path, 'w') as target:
        target.write(text)


def build(plan):
    """Make the new root below ``plan['root']``."""
    root = plan['root']
    mount(None, '/', flags=MS_REC | MS_PRIVATE)
    mount('tmpfs', root, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=0755')
    for path in plan['directories']:
        os.mkdir(root + path, 0o755)
    for source, path in plan['binds']:
        bind(source, root + path)
        for each in mounts_below(root + path):
            protect(each)
    for target, path in plan['links']:
        os.symlink(target, root + path)
    for path, text in plan['files']:
        write(root + path, text)
    make_devices(root)
    for path, size, inodes in plan['tmpfs']:
        os.makedirs(root + path, exist_ok=True)
        mount('tmpfs', root + path, 'tmpfs', MS_NOSUID | MS_NODEV,
              'mode=1777,size=%d,nr_inodes=%d' % (size, inodes))
    os.mkdir(root + '/proc')
    mount('proc', root + '/proc', 'proc',
          MS_NOSUID | MS_NODEV | MS_NOEXEC)


def bind(source, target):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        write(target, '')
    mount(source, target, flags=MS_BIND | MS_REC)


def mounts_below(path):
    """A mount point and all others below it."""
    with open('/proc/self/mountinfo') as table:
        points = [line.split()[4] for line in table]
    # Blanks and the like are written as \040 there.
    points = [point.encode().decode('unicode_escape') for point in points]
    return [point for point in points
            if point == path or point.startswith(path + '/')]


def protect(path):
    """Make a mount read-only, with nothing on it that gives power."""
    try:
        present = os.statvfs(path).f_flag
    except OSError as error:
        if error.errno in (errno.EACCES, errno.ENOENT):
            return  # hidden from us, and so from those who come later
        raise
    flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
    for seen, kept in KEPT_FLAGS.items():
        if present & seen:
            flags |= kept
    mount(None, path, flags=flags)


def make_devices(root):
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


def enter(plan):
    """Make the new root the only one."""
    root = plan['root']
    for path in (root + '/dev', root):
        mount(None, path, flags=MS_REMOUNT | MS_RDONLY | MS_NOSUID
              | MS_BIND | (MS_NODEV if path == root else 0))
    os.chdir(root)
    # The old root comes to lie on the new one, and is taken away there.
    check(libc.pivot_root(b'.', b'.'))
    check(libc.umount2(b'.', MNT_DETACH))
    os.chdir('/')


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        import fcntl
        request = struct.pack('16sh22x', b'lo', 0)
        flags, = struct.unpack_from('h', fcntl.ioctl(
            any_socket, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS,
                    struct.pack('16sh22x', b'lo', flags | IFF_UP))


def run(plan):
    """Become the program, as first process of the sandbox."""
    os.setsid()
    name = plan['hostname'].encode()
    check(libc.sethostname(name, len(name)))
    if not plan['network']:
        raise_loopback()
    build(plan)
    enter(plan)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if os.geteuid() != 0:
        # Not root in here, so the program starts without capabilities; now
        # it cannot get any back.
        for capability in range(64):
            if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                break  # the kernel has no more of them
    os.execve(plan['program'][0], plan['program'], {})


def main(arguments):
    number = int(arguments[0])
    with open(number) as source:
        plan = json.load(source)
    os.umask(0o022)
    unshare(plan)
    child = os.fork()
    if child == 0:
        try:
            run(plan)
        except OSError as error:
            sys.stderr.write('The sandbox cannot be made: %s\n' % error)
        finally:
            os._exit(1)
    # Nothing is held that its owner may wait for the end of.
    for descriptor in (0, 1):
        os.close(descriptor)
    _pid, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xff)


if __name__ == '__main__':
    main(sys.argv[1:])
