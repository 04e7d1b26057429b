# SPDX-License-Identifier: Apache-2.0
"""Attempts to go on after the end, and to spoil what comes next."""

import builtins
import json
import os
import signal
import sys
import threading
import time

import hostile_floods

IGNORED = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


def ignore_all():
    for number in IGNORED:
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass  # libc keeps some for itself


def ignore_and_spin():
    ignore_all()
    signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    hostile_floods.spin()


def catch_exceptions_for_ever():
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass


def fork_twice_and_spin():
    ignore_all()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            hostile_floods.spin()
        os._exit(0)
    hostile_floods.spin()


def run_away():
    """A process that is always another one: each forks and ends."""
    ignore_all()
    if os.fork() == 0:
        os.setsid()
        while os.fork() == 0:
            pass
        os._exit(0)
    time.sleep(600)


def stop_oneself():
    os.kill(os.getpid(), signal.SIGSTOP)


def become_a_program():
    """Another program in one's place, with the channel open."""
    os.set_inheritable(3, True)
    os.execv('/bin/sleep', ['sleep', '600'])


def threads_that_never_end():
    for _ in range(4):
        threading.Thread(target=hostile_floods.spin).start()
    hostile_floods.spin()


def leave_daemon():
    """Return, and leave a process behind that lost its parent."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            ignore_all()
            time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)
    return 'left'


def witness():
    """How an execution finds its process."""
    print('heard')
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    umask = os.umask(0o022)
    os.umask(umask)
    return {
        'cwd': os.getcwd(),
        'umask': umask,
        'environment': dict(os.environ),
        'mask': sorted(mask),
        'handlers': [str(signal.getsignal(number)) for number in
                     (signal.SIGINT, signal.SIGTERM, signal.SIGALRM,
                      signal.SIGUSR1)],
        'timers': [signal.getitimer(each)[0] for each in (
            signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)],
        'length': len([1, 2]),
        'json': json.dumps([1]),
    }


def spoil(how):
    """Spoil this process in one of the ways below."""
    SPOILS[how]()
    return os.getpid()


def patch():
    builtins.len = lambda _value: 42
    json.dumps = lambda *_args, **_kwargs: 'patched'


def patch_channel():
    os.write = os.read = lambda *_args: 1 / 0


def arm_timers():
    for number in (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF):
        signal.signal(number, lambda *_args: os._exit(9))
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL,
                  signal.ITIMER_PROF):
        signal.setitimer(timer, 3600)


def replace_environment():
    os.environ.clear()
    os.environ = {'PATH': '/tmp', 'LD_PRELOAD': '/tmp/evil.so'}


def close_streams():
    sys.stdout.close()
    sys.stderr.close()
    os.closerange(0, 3)


def redirect_streams():
    nothing = os.open('/dev/null', os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    sys.stdout = sys.stderr = sys.__stdout__ = None


def leave_thread():
    threading.Thread(target=hostile_floods.spin, daemon=True).start()


def remove_directory():
    os.mkdir('/tmp/gone')
    os.chdir('/tmp/gone')
    os.rmdir('/tmp/gone')


SPOILS = {
    'directory': lambda: os.chdir('/tmp'),
    'removed directory': remove_directory,
    'umask': lambda: os.umask(0o777),
    'handlers': ignore_all,
    'mask': lambda: signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED),
    'timers': arm_timers,
    'environment': replace_environment,
    'closed streams': close_streams,
    'redirected streams': redirect_streams,
    'thread': leave_thread,
    'channel': lambda: os.close(3),
    'patched channel': patch_channel,
    'patched builtins': patch,
}
