# SPDX-License-Identifier: Apache-2.0
"""Confinement of the agent and its executors: seccomp, Landlock, inodes.

Confinement works without namespaces, and as second layer inside namespaces.
The service creates the filters, see ``orchestrators/process/seccomp.py``.
Documentation/userspace-api/landlock.rst of Linux describes Landlock.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import os
import stat
import struct
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence
    from typing import Any

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SCHED_SETATTR = {'x86_64': 314, 'aarch64': 274}
TIME_SLICE_NANOSECONDS = 100000  # the minimum of the kernel
MS_NOSUID, MS_NODEV, MS_REMOUNT = 0x2, 0x4, 0x20

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
#: Number of rights in each version of the interface, from version 1.
RIGHTS = (13, 14, 15, 15, 16)
USABLE_SINCE = 2  # version 1 forbids moving files to other directories
SCOPES_SINCE = 6
ABSTRACT_SOCKETS, SIGNALS = 1, 2
#: Grant of a rule -> rights.
GRANTS = {
    'list': READ_DIR,
    'read': EXECUTE | READ_FILE | READ_DIR,
    'use': READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV | READ_DIR,
    'write': ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV),
}

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, action: str) -> int:
    """Return the result of a function of libc.

    :raises OSError: the result is negative.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, '%s: %s' % (action, os.strerror(number)))
    return result


def limit_inodes(limits: Mapping[str, int]) -> None:
    """Limit the inodes of mounted tmpfs, by path.

    Needs CAP_SYS_ADMIN.
    """
    for path, number in limits.items():
        check(libc.mount(None, path.encode(), None,
                         ctypes.c_ulong(MS_REMOUNT | MS_NOSUID | MS_NODEV),
                         b'nr_inodes=%d' % number), 'mount ' + path)


def set_short_time_slices() -> None:
    """Set short time slices for this process and its future children.

    Busy workers then delay other workers by fractions of a millisecond.
    Linux before 6.12 ignores the call.
    """
    number = SCHED_SETATTR.get(os.uname().machine)
    if number is not None:
        attributes = struct.pack('=IIQiIQQQ', 48, os.SCHED_OTHER, 0, 0, 0,
                                 TIME_SLICE_NANOSECONDS, 0, 0)
        libc.syscall(number, 0, attributes, 0)


def filter_calls(program: bytes) -> None:
    """Filter the system calls of this thread and its future children.

    Needs no_new_privs.  A filter cannot be removed.
    """
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack('HxxxxxxP', len(program) // 8, ctypes.addressof(code))
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                     ctypes.create_string_buffer(head, len(head)), 0, 0),
          'seccomp')


def landlock_version() -> int:
    """Return the version of the Landlock interface, 0 without Landlock."""
    version: int = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0),
                                VERSION)
    return max(0, version)


def create_ruleset(rules: Iterable[Sequence[str]]) -> int | None:
    """Return a descriptor of a Landlock ruleset, ``None`` without Landlock.

    :param rules: pairs of a path and a key of :data:`GRANTS`; all other access
        is forbidden.
    """
    version = landlock_version()
    if version < USABLE_SINCE:
        return None
    rights = (1 << RIGHTS[min(version, len(RIGHTS)) - 1]) - 1
    words = [rights]
    if version >= SCOPES_SINCE:
        words += [0, ABSTRACT_SOCKETS | SIGNALS]
    attributes = struct.pack('=%dQ' % len(words), *words)
    ruleset = check(libc.syscall(
        CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0),
        'landlock_create_ruleset')
    for path, grant in rules:
        add_rule(ruleset, path, GRANTS[grant] & rights)
    return ruleset


def add_rule(ruleset: int, path: str, rights: int) -> None:
    """Grant rights for a path; ignore an absent path."""
    try:
        number = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(number).st_mode):
            rights &= FILE_RIGHTS
        check(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH,
                           struct.pack('=Qi', rights, number), 0),
              'landlock_add_rule ' + path)
    finally:
        os.close(number)


class Confinement:
    """Caller of functions in confined threads.

    Filters and Landlock domains belong to threads, and children inherit both.
    Each program starts from a separate thread with a separate domain: programs
    can neither signal nor trace each other, while the agent, outside of all
    domains, can kill every program.

    :param filters: base64 of a filter for this process, and of an additional
        filter for programs; or empty.
    :param rules: see :func:`create_ruleset`; empty: no Landlock.

    ``ruleset`` is the descriptor of the ruleset, if any.
    """

    def __init__(self, filters: Sequence[str] = (),
                 rules: Iterable[Sequence[str]] = ()) -> None:
        self.ruleset = create_ruleset(rules) if rules else None
        self._filter: bytes | None = None
        if filters:
            process_filter, self._filter = map(base64.b64decode, filters)
            filter_calls(process_filter)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function in a confined thread.

        :raises OSError: the function failed, or no thread could start.
        """
        if self._filter is None and self.ruleset is None:
            return function()
        outcome: list[Any] = []
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

    def _work(self, outcome: list[Any], function: Callable[[], Any]) -> None:
        try:
            if self.ruleset is not None:
                check(libc.syscall(RESTRICT_SELF, self.ruleset, 0),
                      'landlock_restrict_self')
            if self._filter is not None:
                filter_calls(self._filter)
            outcome.append(function())
        except OSError as error:
            outcome.append(error)
