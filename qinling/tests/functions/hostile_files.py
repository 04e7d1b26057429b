# SPDX-License-Identifier: Apache-2.0
"""Attempts on files: of the service, of other functions, of the host."""

import os
import socket
import stat
import subprocess


def read(path):
    with open(path, 'rb') as source:
        return source.read(1000).decode('utf-8', 'replace')


def append(path, text='x'):
    with open(path, 'a') as target:
        target.write(text)
    return 'written'


def names(path):
    return sorted(os.listdir(path))


def read_by_symlink(path):
    link = '/tmp/link-%d' % os.getpid()
    os.symlink(path, link)
    try:
        return read(link)
    finally:
        os.remove(link)


def read_by_hard_link(path):
    link = '/tmp/hard-%d' % os.getpid()
    os.link(path, link)
    try:
        return read(link)
    finally:
        os.remove(link)


def read_by_dots(path):
    return read('/tmp' + '/..' * 20 + path)


def read_by_root_of(pid, path):
    return read('/proc/%s/root%s' % (pid, path))


def read_by_cwd_of(pid, path):
    return read('/proc/%s/cwd%s' % (pid, '/..' * 20 + path))


def read_by_task_of(pid, path):
    return read('/proc/self/task/%s/root%s' % (pid, path))


def read_by_descriptors(path):
    """Return a file by an open descriptor of a directory, if any."""
    for name in os.listdir('/proc/self/fd'):
        try:
            if stat.S_ISDIR(os.fstat(int(name)).st_mode) and os.readlink(
                    '/proc/self/fd/' + name) != '/proc/%d/fd' % os.getpid():
                return read('/proc/self/fd/%s%s' % (name, '/..' * 20 + path))
        except OSError:
            continue
    return 'EBADF'


def read_by_handle(path):
    """Not the name but the inode: what open_by_handle_at is for."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    handle = (ctypes.c_uint32 * 34)(8, 1, 2, 0)
    number = libc.open_by_handle_at(-100, handle, 0)
    if number < 0:
        raise OSError(ctypes.get_errno(), 'open_by_handle_at')
    return os.read(number, 1000).decode()


def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(path)
    return 'connected'


def make_device(kind, major, minor):
    path = '/tmp/device'
    os.mknod(path, (stat.S_IFBLK if kind == 'block' else stat.S_IFCHR)
             | 0o666, os.makedev(major, minor))
    return read(path)


def become_by_setuid_file():
    """The user that a set-user-id copy of a program runs as, changed to
    root's before."""
    path = '/tmp/copy'
    with open('/usr/bin/id', 'rb') as source, open(path, 'wb') as target:
        target.write(source.read())
    os.chmod(path, 0o4755)
    os.chown(path, 0, 0)
    return int(subprocess.check_output([path, '-u']))


def become_by_system_program():
    """The user that a set-user-id program of the system runs as."""
    done = subprocess.run(['/bin/su', '-c', 'id -u'],
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise PermissionError(1, 'su')
    return int(done.stdout)


def replace_system_program():
    os.rename('/usr/bin/env', '/tmp/env')


def plant_module(directory):
    """Code that the next interpreter on this machine would run."""
    return append(os.path.join(directory, 'sitecustomize.py'))


def swap_directory_for_link(path):
    """A race: a name that is a directory when it is looked at, and a link
    to elsewhere when it is used."""
    os.mkdir('/code/race-a')
    os.symlink(path, '/code/race-b')
    os.rename('/code/race-a', '/code/race-c')
    os.rename('/code/race-b', '/code/race-a')
    try:
        return read('/code/race-a')
    finally:
        os.remove('/code/race-a')
        os.rmdir('/code/race-c')
