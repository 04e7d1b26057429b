# SPDX-License-Identifier: Apache-2.0
"""Attempts on processes: the agent, neighbours, the service, the kernel."""

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import pty
import resource
import signal
import struct
import termios
import time

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    """Make a system call by number; raise OSError on failure."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each
             for each in args]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), str(number))
    return 'done'


def io_uring(number):
    return call(number, 1, ctypes.create_string_buffer(120))


def bpf(number):
    """A map of one element."""
    return call(number, 0, ctypes.create_string_buffer(
        struct.pack('IIII', 2, 4, 4, 1), 72), 72)


def perf(number):
    return call(number, ctypes.create_string_buffer(
        struct.pack('IIQ', 1, 112, 0), 112), 0, -1, -1, 0)


def share_memory(number):
    """A System V segment, which is removed again."""
    result = libc.syscall(number, 0, 4096, 0o600 | 0o1000)
    if result < 0:
        raise OSError(ctypes.get_errno(), 'shmget')
    libc.shmctl(result, 0, None)
    return 'done'


def clone_namespace(number, flags):
    """A child in namespaces of its own, which ends at once."""
    result = libc.syscall(ctypes.c_long(number), ctypes.c_long(
        flags | signal.SIGCHLD), None, None, None, None)
    if result < 0:
        raise OSError(ctypes.get_errno(), 'clone')
    if result == 0:
        os._exit(0)
    os.waitpid(result, 0)
    return 'done'


def clone3(number):
    return call(number, ctypes.create_string_buffer(8), 8)


def machine_code(code):
    """What a function of machine code returns."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ
                       | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(bytes.fromhex(code))
    function = ctypes.CFUNCTYPE(ctypes.c_int)(
        ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    result = function()
    if result < 0:
        raise OSError(-result, 'int 0x80')
    return 'done'


def old_calls():
    """getpid of 32-bit programs, which has another number: a filter of
    numbers alone would let it pass."""
    if platform.machine() != 'x86_64':
        return 'EPERM'
    return machine_code('b814000000cd80c3')


def push_into_terminal(command):
    """Type a character for the reader of a terminal."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, command, b'x')
    finally:
        os.close(ours)
        os.close(theirs)
    return 'done'


def signal_to(pid, number):
    os.kill(pid, number)
    return 'done'


def kill_everybody():
    return signal_to(-1, signal.SIGKILL)


def limit_of(pid):
    """Take another process its files away."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))
    return 'done'


def raise_limit(name):
    kind = getattr(resource, name)
    _soft, hard = resource.getrlimit(kind)
    try:
        resource.setrlimit(kind, (hard + 1, hard + 1))
    except ValueError:
        raise PermissionError(errno.EPERM, name) from None
    return 'done'


def open_pidfd_file(pid):
    """A descriptor of another process."""
    return call(438, os.pidfd_open(pid), 0, 0)


def read_memory(pid):
    with open('/proc/%d/mem' % pid, 'rb') as source:
        source.read(0)
    return 'opened'


def listing(pid, name):
    return os.listdir('/proc/%d/%s' % (pid, name)) and 'listed'


def raise_capability():
    """CAP_SYS_ADMIN in the ambient set."""
    if libc.prctl(47, 2, 21, 0, 0):
        raise OSError(ctypes.get_errno(), 'prctl')
    return 'done'


def become(uid):
    os.setuid(uid)
    return os.getuid()


def join_namespace(pid, kind, number):
    with open('/proc/%d/ns/%s' % (pid, kind)) as space:
        return call(number, space.fileno(), 0)


def favour_oneself():
    os.nice(-5)
    return 'done'


def real_time():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return 'done'


def become_undying():
    with open('/proc/self/oom_score_adj', 'w') as target:
        target.write('-1000')
    return 'done'


def map_users():
    with open('/proc/self/uid_map', 'w') as target:
        target.write('0 0 4294967295')
    return 'done'


def pids():
    return sorted(int(name) for name in os.listdir('/proc')
                  if name.isdigit())


def myself():
    return os.getpid()


def stop_agent():
    os.kill(1, signal.SIGSTOP)
    return 'sent'


def wait_for_file(path):
    """Run until a file exists."""
    while not os.path.exists(path):
        time.sleep(0.005)
    return os.getpid()


def make_file(path):
    with open(path, 'w'):
        return 'made'


def steal_terminal_setting():
    return termios.tcgetattr(0) and 'done'
