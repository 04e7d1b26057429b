# SPDX-License-Identifier: Apache-2.0
"""Attempts to use up what others need, too."""

import ctypes
import errno
import os
import resource
import select
import signal
import socket
import subprocess
import threading
import time

BLOCK = b'x' * (1 << 20)


def used_up(make):
    """How often something can be made, and the error that ends it."""
    kept = []
    try:
        while len(kept) < 200000:
            kept.append(make())
    except (OSError, RuntimeError, MemoryError) as error:
        code = errno.errorcode.get(getattr(error, 'errno', None))
        return [len(kept), code or type(error).__name__]
    return [len(kept), None]


def descriptors():
    opened = []

    def make():
        opened.append(os.open('/dev/null', os.O_RDONLY))
    try:
        return used_up(make)
    finally:
        for number in opened:
            os.close(number)


def pipes():
    """Each pipe holds 64 KiB of memory of the kernel."""
    opened = []

    def make():
        opened.extend(os.pipe())
        os.set_blocking(opened[-1], False)
        os.write(opened[-1], BLOCK)
    try:
        return used_up(make)
    finally:
        for number in opened:
            os.close(number)


def sockets():
    """What is written to a socket and never read stays in the kernel."""
    opened = []

    def make():
        pair = socket.socketpair()
        opened.append(pair)
        pair[0].setblocking(False)
        pair[0].send(BLOCK[:100000])
    try:
        return used_up(make)
    finally:
        for pair in opened:
            pair[0].close()
            pair[1].close()


def epolls():
    opened = []

    def make():
        opened.append(select.epoll())
    try:
        return used_up(make)
    finally:
        for each in opened:
            each.close()


def inodes(directory):
    """Empty files, which take no block."""
    base = os.path.join(directory, 'inodes')
    os.mkdir(base)
    numbers = iter(range(1 << 30))

    def make():
        os.close(os.open('%s/%d' % (base, next(numbers)),
                         os.O_CREAT | os.O_WRONLY))
    try:
        return used_up(make)
    finally:
        for name in os.listdir(base):
            os.remove(os.path.join(base, name))
        os.rmdir(base)


def disk(directory):
    path = os.path.join(directory, 'filler')
    with open(path, 'wb', 0) as target:
        def make():
            if target.write(BLOCK) < len(BLOCK):
                raise OSError(errno.ENOSPC, 'short')
        try:
            return used_up(make)
        finally:
            os.remove(path)


def big_file(path):
    """A file that says to be larger than any may be."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open(path, 'wb') as target:
        try:
            os.truncate(target.fileno(), 1 << 40)
        finally:
            os.remove(path)


def locked_memory():
    memory = ctypes.create_string_buffer(4 << 20)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlock(memory, len(memory)):
        raise OSError(ctypes.get_errno(), 'mlock')
    return 'locked'


def message_queue():
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = (ctypes.c_long * 8)(0, 10, 8192)
    name = b'/hostile'
    if libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o600, attributes) < 0:
        raise OSError(ctypes.get_errno(), 'mq_open')
    libc.mq_unlink(name)
    return 'opened'


def timers():
    libc = ctypes.CDLL(None, use_errno=True)

    def make():
        if libc.timer_create(0, None, ctypes.byref(ctypes.c_void_p())):
            raise OSError(ctypes.get_errno(), 'timer_create')
    return used_up(make)


def threads():
    done = threading.Event()
    try:
        return used_up(lambda: threading.Thread(
            target=done.wait, daemon=True).start())
    finally:
        done.set()


def forks():
    children = []

    def make():
        child = os.fork()
        if child == 0:
            time.sleep(600)
            os._exit(0)
        children.append(child)
    try:
        return used_up(make)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def zombies():
    """Leave dead children without a wait."""
    def make():
        if os.fork() == 0:
            os._exit(0)
    return used_up(make)


def programs():
    return used_up(lambda: subprocess.Popen(['/bin/sleep', '600']))


def memory():
    """Use memory for as long as possible, and hold it."""
    kept = []
    while True:
        kept.append(bytearray(BLOCK))


def memory_files():
    """Files in memory, which no rlimit counts."""
    while True:
        file = os.memfd_create('file')
        for _each in range(16):
            os.write(file, BLOCK)


def memory_of_children():
    """Each child stays below the limit of one process; all together not."""
    for _ in range(20):
        if os.fork() == 0:
            kept = bytearray(24 << 20)
            time.sleep(600)
            os._exit(len(kept) & 1)
    time.sleep(600)


def recursion():
    def deeper(depth):
        return deeper(depth + 1)
    try:
        deeper(0)
    except RecursionError:
        return 'RecursionError'


def print_for_ever():
    while True:
        os.write(1, BLOCK)


def print_much(mebibytes):
    for _ in range(mebibytes):
        print('x' * (1 << 20), end='')
    return 'printed'


def large_result(mebibytes):
    return 'x' * (mebibytes << 20)


def deep_result():
    deep = []
    for _ in range(100000):
        deep = [deep]
    return deep


def large_error():
    raise ValueError('x' * (4 << 20))


def spin():
    while True:
        pass


def spin_in_processes(number=8):
    for _ in range(number):
        if os.fork() == 0:
            spin()
    spin()


def write_files_for_ever():
    while True:
        with open('/tmp/rewritten', 'wb') as target:
            target.write(BLOCK)


def core_dump():
    """The size of core files, which hold memory."""
    return resource.getrlimit(resource.RLIMIT_CORE)[1]
