# SPDX-License-Identifier: Apache-2.0
"""Processes that want to outlive their execution."""

import os
import subprocess
import time

PID = os.getpid()  # no template, however slow the import is


def daemon():
    """A daemon by the book; returns its pid."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writing, str(os.getpid()).encode())
            for number in (0, 1, 2):
                os.close(number)
            time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reading, 20))


def session_then_sleep():
    """A child in a session of its own, whose pid is printed."""
    child = subprocess.Popen(['/bin/sleep', '600'], start_new_session=True)
    print(child.pid, flush=True)
    time.sleep(600)


def daemon_then_sleep():
    print(daemon(), flush=True)
    time.sleep(600)


def fork_and_return():
    return [os.fork() >= 0, os.getpid()]


def die_with_child():
    """The child keeps the channel of its parent open."""
    if os.fork() == 0:
        time.sleep(600)
    os._exit(7)
