# SPDX-License-Identifier: Apache-2.0
"""Functions that use, reserve and share memory."""

import mmap
import os
import threading
import time

MIB = 1 << 20


def used(mebibytes):
    """Return memory in use, never with a copy."""
    memory = bytearray(mebibytes * MIB)
    block = os.urandom(4096)
    for offset in range(0, len(memory), len(block)):
        memory[offset:offset + len(block)] = block
    return memory


def wait_with(mebibytes, seconds=0):
    time.sleep(seconds)
    memory = used(mebibytes)
    print('used')
    time.sleep(600)
    return len(memory)


RESERVED = mmap.mmap(-1, 512 * MIB, flags=mmap.MAP_PRIVATE)


def reserved_size():
    return len(RESERVED)


def reserve(steps, mebibytes):
    """Reserve memory without a use; each step waits for its turn."""
    memory = []
    while len(memory) < steps:
        try:
            memory.append(mmap.mmap(-1, mebibytes * MIB,
                                    flags=mmap.MAP_PRIVATE))
        except OSError:
            time.sleep(0.01)
    return sum(map(len, memory))


def threads(number):
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _each in range(number)]
    for thread in threads:
        thread.start()
    done.set()
    return len(threads)


def children(number, mebibytes):
    for _each in range(number):
        if os.fork() == 0:
            memory = used(mebibytes)
            time.sleep(600)
            os._exit(len(memory))
    time.sleep(600)


def orphan(mebibytes):
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            wait_with(mebibytes)
        os._exit(0)
    time.sleep(600)


def shared(number, mebibytes):
    """Share memory with children, in which nothing changes."""
    memory = used(mebibytes)
    pids = []
    for _each in range(number):
        pids.append(os.fork())
        if pids[-1] == 0:
            time.sleep(600)
            os._exit(0)
    time.sleep(0.5)  # for measurements
    for pid in pids:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return len(memory) // MIB


def shared_mapping(mebibytes):
    memory = mmap.mmap(-1, mebibytes * MIB)
    for offset in range(0, len(memory), 4096):
        memory[offset] = 1
    time.sleep(600)


def files(number, mebibytes):
    """Fill files in memory, which no process maps."""
    for each in range(number):
        file = os.memfd_create('file%d' % each)
        for _number in range(mebibytes):
            os.write(file, b'x' * MIB)
    time.sleep(600)


def variables():
    return {name: value for name, value in os.environ.items()
            if name.endswith(('_THREADS', 'PROCS'))}
