# SPDX-License-Identifier: Apache-2.0
"""Confinement of the agent and its executors: seccomp, Landlock, inodes.

It holds also where a sandbox has no namespaces, and behind them where it has.
The filters are made by the service, see ``orchestrators/process/seccomp.py``;
Landlock is described in Documentation/userspace-api/landlock.rst of Linux.
"""

import base64
import ctypes
import errno
import os
import stat
import struct
import threading

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SCHED_SETATTR = {'x86_64': 314, 'aarch64': 274}
TURN = 100000  # nanoseconds, the shortest that there is
MS_NOSUID, MS_NODEV, MS_REMOUNT = 0x2, 0x4, 0x20

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
#: How many rights each version of the interface knows, from the first on.
RIGHTS = (13, 14, 15, 15, 16)
USABLE_SINCE = 2  # before, no file could be moved to another directory
SCOPES_SINCE = 6
ABSTRACT_SOCKETS, SIGNALS = 1, 2
#: What a rule may grant.
GRANTS = {
    'list': READ_DIR,
    'read': EXECUTE | READ_FILE | READ_DIR,
    'use': READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV | READ_DIR,
    'write': ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV),
}

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    """The result of a function of libc that must not be negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, '%s: %s' % (what, os.strerror(number)))
    return result


def limit_inodes(numbers):
    """Limit the files of mounted tmpfs: ``{path: inodes}``; it takes
    CAP_SYS_ADMIN."""
    for path, number in numbers.items():
        check(libc.mount(None, path.encode(), None,
                         ctypes.c_ulong(MS_REMOUNT | MS_NOSUID | MS_NODEV),
                         b'nr_inodes=%d' % number), 'mount ' + path)


def take_short_turns():
    """Have the scheduler give this process, and all that it starts, short
    turns on a processor: workers that want all of it then delay others by
    fractions of a millisecond.  Linux before 6.12 takes no notice, and
    nothing depends on it."""
    number = SCHED_SETATTR.get(os.uname().machine)
    if number is not None:
        attributes = struct.pack('=IIQiIQQQ', 48, os.SCHED_OTHER, 0, 0, 0,
                                 TURN, 0, 0)
        libc.syscall(number, 0, attributes, 0)


def filter_calls(program):
    """Have the kernel filter the calls of this thread, and of all that it
    starts, for good; it needs no_new_privs."""
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack('HxxxxxxP', len(program) // 8, ctypes.addressof(code))
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                     ctypes.create_string_buffer(head, len(head)), 0, 0),
          'seccomp')


def landlock_version():
    """The version of Landlock's interface, 0 where there is none."""
    return max(0, libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0),
                               VERSION))


def make_ruleset(rules):
    """A descriptor of a Landlock ruleset; ``None`` where there is none.

    :param rules: pairs of a path and a key of :data:`GRANTS`; everything
        else is forbidden.
    """
    version = landlock_version()
    if version < USABLE_SINCE:
        return None
    known = (1 << RIGHTS[min(version, len(RIGHTS)) - 1]) - 1
    words = [known]
    if version >= SCOPES_SINCE:
        words += [0, ABSTRACT_SOCKETS | SIGNALS]
    attributes = struct.pack('=%dQ' % len(words), *words)
    ruleset = check(libc.syscall(
        CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0),
        'landlock_create_ruleset')
    for path, grant in rules:
        add_rule(ruleset, path, GRANTS[grant] & known)
    return ruleset


def add_rule(ruleset, path, rights):
    try:
        number = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # what is not there needs no right
    try:
        if not stat.S_ISDIR(os.fstat(number).st_mode):
            rights &= OF_FILES
        check(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH,
                           struct.pack('=Qi', rights, number), 0),
              'landlock_add_rule ' + path)
    finally:
        os.close(number)


class Confinement:
    """Starts programs confined.

    Filters and domains belong to threads, and what a thread starts inherits
    them: each program comes from a thread of its own, whose Landlock domain
    it has for itself.  So executors can neither signal nor trace each other,
    while the agent, which is outside, can end them.

    :param filters: base64 of a filter for this process and of one that
        executors have beside it, or nothing.
    :param rules: see :func:`make_ruleset`; nothing: no Landlock.
    """

    def __init__(self, filters=(), rules=()):
        self._ruleset = make_ruleset(rules) if rules else None
        self._filter = None
        if filters:
            everybody, self._filter = map(base64.b64decode, filters)
            filter_calls(everybody)

    def call(self, function):
        """What ``function`` returns when a confined thread calls it.

        :raises OSError: what it raised, or that there is no thread for it.
        """
        if self._filter is None and self._ruleset is None:
            return function()
        outcome = []
        thread = threading.Thread(target=self._work, args=(outcome, function))
        try:
            thread.start()
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, str(error)) from error
        thread.join()
        result, = outcome
        if isinstance(result, OSError):
            raise result
        return result

    def _work(self, outcome, function):
        try:
            if self._ruleset is not None:
                check(libc.syscall(RESTRICT_SELF, self._ruleset, 0),
                      'landlock_restrict_self')
            if self._filter is not None:
                filter_calls(self._filter)
            outcome.append(function())
        except OSError as error:
            outcome.append(error)
